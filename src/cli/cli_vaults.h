/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a command that reads footage looks for it: the directories of --vault, else the volumes of
 * the state directory's recorder. */
#ifndef CUSTOS_CLI_CLI_VAULTS_H
#define CUSTOS_CLI_CLI_VAULTS_H

#include "cli/cli_args.h"
#include "vault/index.h"
#include "vault/vault_set.h"

/* Volumes that are away are in it, with the reason; ERR_NOT_FOUND when none can be read. */
int cli_vaults_open(const struct cli_args *a, struct vault_set *ret, struct err *e) MUST_USE;
/* The directory of the index that knows these volumes, <state>/storage; NULL with --vault, for
 * disks taken elsewhere have none. Owned. */
char *cli_vaults_index(const struct cli_args *a);

#endif
