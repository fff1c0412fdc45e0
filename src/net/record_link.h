/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Record terms as they stand in messages (docs/spec/link.md: `record` of camera.add, camera.set,
 * camera.show and stream.set): one form for whoever says them and whoever reads them.
 */
#ifndef CUSTOS_NET_RECORD_LINK_H
#define CUSTOS_NET_RECORD_LINK_H

#include <jansson.h>

#include "base/record_terms.h"

/* All keys; the caller's. */
json_t *record_link_format(const struct record_terms *t);
/* The keys that are there, into t; the others keep what t says. What comes out is checked
 * (record_terms_check). ERR_INVALID names the key; t is untouched then. */
int record_link_parse(const json_t *object, struct record_terms *t, struct err *e) MUST_USE;

#endif
