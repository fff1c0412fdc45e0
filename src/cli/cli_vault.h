/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos vault check | rebuild | ls: the recordings on disk. */
#ifndef CUSTOS_CLI_CLI_VAULT_H
#define CUSTOS_CLI_CLI_VAULT_H

int cli_vault(int argc, char **argv);

#endif
