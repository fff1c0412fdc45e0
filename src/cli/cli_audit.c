/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "trust/audit_file.h"
#include "trust/audit_walk.h"

enum { AUDIT_SHOW, AUDIT_VERIFY };

static const struct cli_args_command cli_audit_command = {
        .name = "audit",
        .help = "custos audit show\n"
                "custos audit verify [FILE]\n"
                "\n"
                "The audit log: cameras added, changed and removed, exceptions from encryption,\n"
                "certificates made and revoked, cameras that were refused, less that is recorded\n"
                "or kept, volumes, locks made and removed. Each line names the one before it by\n"
                "its hash. verify names every line that was changed, put in or\n"
                "taken out. A log that was cut off at its end, or written anew, shows only to\n"
                "who kept the last hash elsewhere. FILE is another log of this form, as\n"
                "recorder/grants.log, which names who saw what.\n"
                "\n" CLI_ARGS_HELP_STATE
                "  --json               show: an array of the lines; verify: {lines, last, broken:\n"
                "                       [{line, why}]}; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done and nothing broken, 1 a line is broken or the log cannot be read,\n"
                "64 wrong use.\n",
        .verbs_n = 2,
        .verbs = { [AUDIT_SHOW] = { .word = "show",
                           .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) },
                [AUDIT_VERIFY] = { .word = "verify",
                        .operand = "FILE",
                        .operand_optional = true,
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

struct cli_audit_walk {
        const struct cli_args *args;
        struct audit_walk walk;
        size_t broken_n;
        json_t *list; /* of objects, or of what is broken */
};

static void cli_audit_print_json(const char *key, const json_t *value)
{
        char *text = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);

        printf(" %s=%s", key, text ? text : "");
        free(text);
}

static void cli_audit_print_line(const json_t *line)
{
        static const char *const known[] = { "v", "n", "time", "event", "camera", "stream",
                "previous", "hash" };
        const char *key, *camera = cli_text(line, "camera"), *stream = cli_text(line, "stream");
        json_t *value;
        char shown[400];

        printf("%6lld  %s  %-22s %s%s%s", (long long)json_integer_value(json_object_get(line, "n")),
                cli_text(line, "time"), cli_text(line, "event"), camera, stream[0] ? "-" : "",
                stream);
        json_object_foreach((json_t *)(uintptr_t)line, key, value)
        {
                bool told = false;
                for (size_t i = 0; i < ARRAY_LEN(known); i++)
                        told |= strcmp(known[i], key) == 0;
                if (told)
                        continue;
                if (json_is_integer(value))
                        printf(" %s=%lld", key, (long long)json_integer_value(value));
                else if (json_is_boolean(value))
                        printf(" %s=%s", key, json_is_true(value) ? "true" : "false");
                else if (json_is_object(value) || json_is_array(value))
                        cli_audit_print_json(key, value);
                else if (json_is_string(value) && json_string_length(value))
                        printf(" %s=\"%s\"", key,
                                str_escape(
                                        shown, sizeof shown, bytes_str(json_string_value(value))));
        }
        printf("\n");
}

static void cli_audit_broken(struct cli_audit_walk *w, const struct audit_walk_line *line)
{
        const char *why = line->why->text;

        w->broken_n++;
        if (w->args->verb == AUDIT_VERIFY && w->args->json)
                json_array_append_new(w->list,
                        json_pack("{s:I, s:s}", "line", (json_int_t)line->number, "why", why));
        else if (!w->args->json)
                printf("line %llu is broken: %s\n", (unsigned long long)line->number, why);
}

static void cli_audit_see(void *owner, const struct audit_walk_line *line)
{
        struct cli_audit_walk *w = owner;

        if (w->args->verb == AUDIT_SHOW && w->args->json && line->object)
                json_array_append(w->list, line->object);
        else if (w->args->verb == AUDIT_SHOW && line->object)
                cli_audit_print_line(line->object);
        if (line->why)
                cli_audit_broken(w, line);
}

static void cli_audit_conclude(struct cli_audit_walk *w)
{
        char last[2 * AUDIT_LINE_HASH_BYTES + 1];

        str_hex(last, BYTES(w->walk.chain.last, sizeof w->walk.chain.last));
        if (w->args->json && w->args->verb == AUDIT_VERIFY)
                w->list = json_pack("{s:I, s:s, s:o}", "lines", (json_int_t)w->walk.lines, "last",
                        last, "broken", w->list);
        if (w->args->json)
                cli_print_json(w->list);
        else if (w->args->verb == AUDIT_VERIFY)
                printf("%llu lines, %zu broken; last hash %s\n", (unsigned long long)w->walk.lines,
                        w->broken_n, last);
        json_decref(w->list);
}

int cli_audit(int argc, char **argv)
{
        char path[CLI_PATH_MAX + 16];
        struct cli_args a;
        uint64_t length;
        struct err e;
        int fd;

        if (!cli_args_parse(&a, &cli_audit_command, argc, argv))
                return a.exit;
        snprintf(path, sizeof path, "%s/audit.log", a.state);
        int r = audit_file_look(a.operand ? a.operand : path, &fd, &length, &e);
        if (r < 0)
                return cli_fail("audit", &e, NULL, a.json);
        struct cli_audit_walk walk = { .args = &a, .list = json_array() };
        r = audit_walk_on(&walk.walk, fd, length, UINT64_MAX, cli_audit_see, &walk, &e);
        close(fd);
        if (r < 0) {
                json_decref(walk.list);
                audit_walk_done(&walk.walk);
                return cli_fail("audit", &e, NULL, a.json);
        }
        cli_audit_conclude(&walk);
        audit_walk_done(&walk.walk);
        return walk.broken_n ? CLI_FAILED : CLI_OK;
}
