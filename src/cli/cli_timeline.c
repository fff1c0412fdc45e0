/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_timeline.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "net/link.h"
#include "os/clock.h"

#define CLI_TIMELINE_DAY_S 86400

static const struct cli_args_command cli_timeline_command = {
        .name = "timeline",
        .help = "custos timeline --camera NAME [--stream NAME] [--recorder NAME]\n"
                "                [--from TIME --to TIME | --last DURATION]\n"
                "\n"
                "What is recorded of a camera, what is missing and why, and what is locked.\n"
                "What is shorter than a five-hundredth of the time asked for is not told apart.\n"
                "\n" CLI_ARGS_HELP_STREAM
                "  --from TIME, --to TIME  of the footage (default: the last day)\n"
                "  --last DURATION      up to now: 60 (seconds), 90s, 5m, 2h, 1d\n"
                "  --recorder NAME      whose footage it is, where the camera was with another\n"
                "                       then (default: the camera's)\n" CLI_ARGS_HELP_STATE
                "  --json               {ranges: [{from, to}], gaps: [{from, to, cause}], locks:\n"
                "                       [{from, to}]}, or {error: {code, text, remedy}}\n"
                "\n" CLI_ARGS_HELP_TIME "\n"
                "Exit: 0 done, 1 refused or Custos does not run, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(STREAM) |
                              CLI_ARGS_BIT(RECORDER) | CLI_ARGS_BIT(FROM) | CLI_ARGS_BIT(TO) |
                              CLI_ARGS_BIT(LAST),
                .needs = CLI_ARGS_BIT(CAMERA) } },
};

static json_t *cli_timeline_body(const struct cli_args *a)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        int64_t last_us = (int64_t)(a->last_s ? a->last_s : CLI_TIMELINE_DAY_S) * 1000000;
        int64_t to_us = cli_args_has(a, CLI_ARGS_TO) ? a->to_us : clock_wall_us();
        int64_t from_us = cli_args_has(a, CLI_ARGS_FROM) ? a->from_us : to_us - last_us;
        json_t *body = json_object();

        cli_put(body, "camera", a->values[CLI_ARGS_CAMERA]);
        cli_put(body, "stream", a->stream);
        cli_put(body, "recorder", a->values[CLI_ARGS_RECORDER]);
        cli_put(body, "from", str_time(from, from_us));
        cli_put(body, "to", str_time(to, to_us));
        return body;
}

static void cli_timeline_print(const json_t *answer)
{
        static const char *const lists[][2] = { { "ranges", "recorded" }, { "gaps", "missing" },
                { "locks", "locked" } };
        const json_t *part;
        size_t i;

        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
                json_array_foreach(json_object_get(answer, lists[k][0]), i, part)
                        printf("%-9s %s  %s  %s\n", lists[k][1], cli_text(part, "from"),
                                cli_text(part, "to"), cli_text(part, "cause"));
        }
        if (json_array_size(json_object_get(answer, "ranges")) == 0)
                printf("Nothing is recorded of that time.\n");
}

int cli_timeline(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_timeline_command, argc, argv))
                return a.exit;
        if (cli_args_has(&a, CLI_ARGS_LAST) &&
                (cli_args_has(&a, CLI_ARGS_FROM) || cli_args_has(&a, CLI_ARGS_TO)))
                return cli_args_misused(&a, "--last goes without --from and --to");
        if (cli_call(a.state, "timeline.get", cli_timeline_body(&a), &answer, remedy, &e) < 0)
                return cli_fail("timeline", &e, remedy, a.json);
        if (a.json)
                cli_print_json(answer);
        else
                cli_timeline_print(answer);
        json_decref(answer);
        return CLI_OK;
}
