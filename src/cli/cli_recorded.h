/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the volumes hold, for errors that say what there is instead of what was asked for. Looks at
 * the files, for a disk taken elsewhere has no index. */
#ifndef CUSTOS_CLI_CLI_RECORDED_H
#define CUSTOS_CLI_CLI_RECORDED_H

#include "cli/cli_args.h"
#include "vault/vault_set.h"

#define CLI_RECORDED_ROOM 360

/* ERR_NOT_FOUND, with what is recorded, when there is nothing on the volumes of the stream that
 * --camera and --stream name. */
int cli_recorded_check(
        const struct cli_args *a, const struct vault_set *set, struct err *e) MUST_USE;
/* "recorded before it: until T; after it: from T", a remedy where nothing of that stream was
 * recorded from from_us to to_us. Returns to. */
char *cli_recorded_around(const struct cli_args *a, const struct vault_set *set, int64_t from_us,
        int64_t to_us, char to[static CLI_RECORDED_ROOM]);

#endif
