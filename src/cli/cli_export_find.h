/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The segments of a stream for a range of time, from the files of all volumes: found by directory
 * and name, and given to a plan (verify/export_plan.h).
 */
#ifndef CUSTOS_CLI_CLI_EXPORT_FIND_H
#define CUSTOS_CLI_CLI_EXPORT_FIND_H

#include "vault/vault_set.h"
#include "verify/export_plan.h"

struct cli_export_query {
        const struct vault_set *set;
        struct export_plan_query plan; /* but its limits */
        void (*on_progress)(void *owner, uint64_t done, uint64_t total);
        void *owner; /* of on_progress */
};

/* The plan is settled; its segments' `at` are indexes into the set's members. ERR_NOT_FOUND when
 * nothing was recorded then. */
int cli_export_find(
        const struct cli_export_query *q, struct export_plan **ret, struct err *e) MUST_USE;

#endif
