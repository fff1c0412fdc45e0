/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_confirm.h"

#include <stdio.h>
#include <unistd.h>

#define CLI_CONFIRM_ROOM 160

int cli_confirm(const struct cli_args *a, const char *question, const char *word)
{
        char typed[CLI_CONFIRM_ROOM] = "";
        struct err why;

        if (cli_args_has(a, CLI_ARGS_YES))
                return CLI_OK;
        if (!isatty(STDIN_FILENO))
                return cli_args_misused(
                        a, "this is asked back, and there is no terminal to ask at: say --yes");
        fprintf(stderr, "%s\nType %s to do it: ", question, word);
        fflush(stderr);
        if (!fgets(typed, sizeof typed, stdin))
                typed[0] = '\0';
        typed[strcspn(typed, "\r\n")] = '\0';
        if (strcmp(typed, word) == 0)
                return CLI_OK;
        err_set(&why, ERR_CANCELLED, "nothing was done: %s was not typed", word);
        return cli_fail(a->command->name, &why, NULL, a->json);
}
