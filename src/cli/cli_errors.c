/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_errors.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli_args.h"

static const struct cli_args_command cli_errors_command = {
        .name = "errors",
        .help = "custos errors [NAME] [--json | --markdown]\n"
                "\n"
                "What can go wrong between a camera and its footage: the name of each fault, as\n"
                "custos status, custos camera test and the log give it, what it means, and what\n"
                "to do about it. With NAME, that one alone.\n"
                "\n"
                "  --json               an array of {fault, text, remedy}\n"
                "  --markdown           docs/errors.md\n"
                "\n"
                "Exit: 0 done, 1 there is no fault of that name, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "NAME",
                .operand_optional = true,
                .takes = CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(MARKDOWN) } },
};

static void cli_errors_print(enum fault f)
{
        printf("%s\n  %s\n  %s\n", fault_name(f), fault_text(f), fault_remedy(f));
}

static void cli_errors_print_markdown(void)
{
        printf("# Errors\n\n"
               "What can go wrong between a camera and its footage. `custos status`, `custos camera "
               "test` and the log give the\nname of the fault; `custos errors NAME` tells the rest. "
               "This page is what `custos errors --markdown` prints.\n\n"
               "| name | what it means | what to do |\n|---|---|---|\n");
        for (enum fault f = FAULT_NONE + 1; f < FAULTS; f++)
                printf("| `%s` | %s | %s |\n", fault_name(f), fault_text(f), fault_remedy(f));
}

static void cli_errors_print_json(enum fault from, enum fault to)
{
        json_t *all = json_array();

        for (enum fault f = from; f < to; f++)
                json_array_append_new(
                        all, json_pack("{s:s, s:s, s:s}", "fault", fault_name(f), "text",
                                     fault_text(f), "remedy", fault_remedy(f)));
        cli_print_json(all);
        json_decref(all);
}

int cli_errors(int argc, char **argv)
{
        enum fault from = FAULT_NONE + 1, to = FAULTS;
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_errors_command, argc, argv))
                return a.exit;
        if (cli_args_has(&a, CLI_ARGS_MARKDOWN) && (a.json || a.operand))
                return cli_args_misused(&a, "--markdown goes alone");
        if (a.operand) {
                while (from < FAULTS && strcmp(fault_name(from), a.operand) != 0)
                        from++;
                if (from == FAULTS) {
                        err_set(&e, ERR_NOT_FOUND, "there is no fault of that name");
                        return cli_fail("errors", &e, "custos errors lists them all.", a.json);
                }
                to = from + 1;
        }
        if (cli_args_has(&a, CLI_ARGS_MARKDOWN))
                cli_errors_print_markdown();
        else if (a.json)
                cli_errors_print_json(from, to);
        else
                for (enum fault f = from; f < to; f++)
                        cli_errors_print(f);
        return CLI_OK;
}
