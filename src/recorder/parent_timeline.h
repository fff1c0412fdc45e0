/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is recorded of a stream, what is missing and why, and what is locked, as a timeline shows
 * it: as many parts as it has columns (docs/spec/link.md section 3). */
#ifndef CUSTOS_RECORDER_PARENT_TIMELINE_H
#define CUSTOS_RECORDER_PARENT_TIMELINE_H

#include <jansson.h>

#include "base/err.h"

struct parent;

int parent_timeline_get(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;

#endif
