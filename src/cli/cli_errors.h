/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos errors: the table of faults (base/fault.h) for people, programs and docs/errors.md. */
#ifndef CUSTOS_CLI_CLI_ERRORS_H
#define CUSTOS_CLI_CLI_ERRORS_H

int cli_errors(int argc, char **argv);

#endif
