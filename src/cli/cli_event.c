/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_event.h"

#include <stdio.h>

#include "cli/cli_args.h"
#include "net/link.h"

enum { EVENT_START, EVENT_STOP };

#define CLI_EVENT_ARGS                                                                             \
        (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(SOURCE))

static const struct cli_args_command cli_event_command = {
        .name = "event",
        .help = "custos event start --camera NAME [--stream NAME] [--source WORD]\n"
                "                   [--seconds N]\n"
                "custos event stop --camera NAME [--stream NAME] [--source WORD]\n"
                "\n"
                "Something happens at a camera: its streams with the mode event or schedule\n"
                "(custos camera set --record) are recorded, with the seconds before it, until\n"
                "it stops and for the seconds behind it. Events of several sources may overlap.\n"
                "\n"
                "  --camera NAME        the camera, as custos camera list shows it\n"
                "  --stream NAME        one of its streams (default: all that are recorded)\n"
                "  --source WORD        who says so (default: operator)\n"
                "  --seconds N          1 to 3600; then it stops by itself (default: when it is\n"
                "                       stopped, within an hour)\n" CLI_ARGS_HELP_STATE
                "  --json               {}, or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or Custos does not run, 64 wrong use.\n",
        .verbs_n = 2,
        .verbs = { [EVENT_START] = { .word = "start",
                           .takes = CLI_EVENT_ARGS | CLI_ARGS_BIT(SECONDS),
                           .needs = CLI_ARGS_BIT(CAMERA) },
                [EVENT_STOP] = { .word = "stop",
                        .takes = CLI_EVENT_ARGS,
                        .needs = CLI_ARGS_BIT(CAMERA) } },
};

int cli_event(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_event_command, argc, argv))
                return a.exit;
        bool start = a.verb == EVENT_START;
        json_t *body = json_object();
        cli_put(body, "camera", a.values[CLI_ARGS_CAMERA]);
        cli_put(body, "stream", a.values[CLI_ARGS_STREAM]);
        cli_put(body, "source", a.values[CLI_ARGS_SOURCE]);
        if (cli_args_has(&a, CLI_ARGS_SECONDS))
                json_object_set_new(
                        body, "seconds", json_integer((json_int_t)a.numbers[CLI_ARGS_SECONDS]));
        if (cli_call(a.state, start ? "event.start" : "event.stop", body, &answer, remedy, &e) < 0)
                return cli_fail("event", &e, remedy, a.json);
        if (a.json)
                cli_print_json(answer);
        else
                printf("%s\n", start ? "The event has begun." : "The event has ended.");
        json_decref(answer);
        return CLI_OK;
}
