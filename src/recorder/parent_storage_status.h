/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * storage.get: volumes, what each stream has on them, and what is foreseen (docs/spec/link.md
 * sections 3 and 5). How days are reckoned is in vault/forecast.h.
 */
#ifndef CUSTOS_RECORDER_PARENT_STORAGE_STATUS_H
#define CUSTOS_RECORDER_PARENT_STORAGE_STATUS_H

#include <jansson.h>

#include "base/err.h"

struct parent;

int parent_storage_status_get(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
/* Looks once in a minute whether what is foreseen is near, and says so in the log, four times a
 * day. Called every few seconds. */
void parent_storage_status_watch(struct parent *p);

#endif
