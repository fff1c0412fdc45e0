/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos storage: the recorder's volumes. */
#ifndef CUSTOS_CLI_CLI_STORAGE_H
#define CUSTOS_CLI_CLI_STORAGE_H

#include <jansson.h>

#include "base/err.h"

int cli_storage(int argc, char **argv);
/* The answer of one recorder (NULL: the first) to "storage.list", all of its pages in one; *ret is
 * the caller's. remedy has LINK_REMEDY_MAX bytes. */
int cli_storage_fetch(const char *state, const char *recorder, json_t **ret, char *remedy,
        struct err *e) MUST_USE;

#endif
