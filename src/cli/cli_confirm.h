/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question before what cannot be taken back: answered by typing a word, or by --yes. */
#ifndef CUSTOS_CLI_CLI_CONFIRM_H
#define CUSTOS_CLI_CLI_CONFIRM_H

#include "cli/cli_args.h"

/* CLI_OK: --yes was given, or the word was typed. Else the exit code, and it was said that nothing
 * was done; where no terminal is there to ask at, --yes is asked for (CLI_USAGE). question is a
 * sentence about what will happen. */
int cli_confirm(const struct cli_args *a, const char *question, const char *word);

#endif
