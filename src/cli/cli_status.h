/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos status: what is recorded and how it is protected, measured on the wire. */
#ifndef CUSTOS_CLI_CLI_STATUS_H
#define CUSTOS_CLI_CLI_STATUS_H

int cli_status(int argc, char **argv);

#endif
