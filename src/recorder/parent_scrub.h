/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the scrubber is given to read, and what becomes of its word (docs/design/storage.md
 * "Scrub"): ended segments of volumes that answer, the one that was never looked at or longest ago
 * first, one at a time. What is wrong goes into the index and the log, with file and time; nothing
 * is ever removed for it.
 */
#ifndef CUSTOS_RECORDER_PARENT_SCRUB_H
#define CUSTOS_RECORDER_PARENT_SCRUB_H

#include <jansson.h>

#include "os/loop.h"
#include "recorder/parent_storage.h"
#include "vault/index.h"

/* A segment is not looked at again before that: reading costs a disk its life, too. */
#define PARENT_SCRUB_AGE_US (INT64_C(24) * 3600 * 1000000)

struct parent_scrub;

/* All borrowed; mb_s: SETTINGS_SCRUB_MB_S, 0 checks nothing. */
struct parent_scrub *parent_scrub_new(
        struct loop *loop, struct index *index, struct parent_storage *storage, unsigned mb_s);
struct parent_scrub *parent_scrub_free(struct parent_scrub *s);
/* A scrubber, from the supervisor; fd is taken. */
void parent_scrub_attach(struct parent_scrub *s, int fd);

/* The request storage.damage (docs/spec/link.md section 3). */
int parent_scrub_damage(
        const struct parent_scrub *s, json_t *body, json_t **ret, struct err *e) MUST_USE;

#endif
