/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a vault holds, for errors that say what there is instead of what was asked for. Looks at the
 * files, for a copy of a vault may have no index. */
#ifndef CUSTOS_CLI_CLI_RECORDED_H
#define CUSTOS_CLI_CLI_RECORDED_H

#include "cli/cli_args.h"

#define CLI_RECORDED_ROOM 240

/* ERR_NOT_FOUND, with what is recorded, when there is no such vault, or nothing in it of the stream
 * that --camera and --stream name. */
int cli_recorded_check(const struct cli_args *a, struct err *e) MUST_USE;
/* "recorded before it: until T; after it: from T", a remedy where nothing of that stream was
 * recorded from from_us to to_us. Returns to. */
char *cli_recorded_around(const struct cli_args *a, int64_t from_us, int64_t to_us,
        char to[static CLI_RECORDED_ROOM]);

#endif
