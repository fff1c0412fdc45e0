/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos version: this program, and the libraries that it runs with. */
#ifndef CUSTOS_CLI_CLI_VERSION_H
#define CUSTOS_CLI_CLI_VERSION_H

int cli_version(int argc, char **argv);

#endif
