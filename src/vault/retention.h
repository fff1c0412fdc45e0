/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes when (docs/design/storage.md): rows in, names out. Pure: rows are asked for one at a
 * time, so that few are read; removing them is the caller's (recorder/parent_retention.h).
 *
 * Never what is locked or being written. First what is older than its stream's max_days, then what
 * exceeds its quota; then, where a volume wants room, the oldest of all streams that is beyond its
 * minimum days; then, where it needs room, the oldest of the stream with most bytes there.
 */
#ifndef CUSTOS_VAULT_RETENTION_H
#define CUSTOS_VAULT_RETENTION_H

#include "base/err.h"
#include "seal/head.h"
#include "vault/lock_set.h"

#define RETENTION_DAY_US INT64_C(86400000000)

enum retention_reason {
        RETENTION_MAX_DAYS,
        RETENTION_QUOTA,
        RETENTION_SPACE,
        RETENTION_RETIRED,       /* footage as old was removed from other volumes for space */
        RETENTION_BELOW_MINIMUM, /* its minimum days gave way before recording did */
        RETENTION_REASONS,
};
const char *retention_reason_name(enum retention_reason r); /* "max_days", "below_minimum" */

struct retention_stream {
        const char *name; /* borrowed */
        unsigned min_days, max_days;
        uint64_t quota_bytes; /* 0: none */
        bool held;            /* what holds for it is not known yet: its minimum has no end */
};

struct retention_volume {
        uint32_t number;
        bool retired;
        unsigned room;         /* segments that may be named for it; 0: a batch is under way */
        uint64_t wanted_bytes; /* to be freed of what is beyond its minimum days */
        uint64_t needed_bytes; /* to be freed even below them; at most wanted_bytes */
};

/* What one stream has on one volume. */
struct retention_lane {
        unsigned stream, volume; /* places in the arrays */
        uint64_t bytes;          /* of what is being written too */
};

struct retention_segment {
        int64_t id;
        int64_t first_us, last_us;
        uint64_t bytes;
        bool ended; /* nobody writes it any more */
        char object_key[HEAD_KEY_MAX];
};

/* Behind a segment, in the order of (last_us, id). */
struct retention_position {
        int64_t last_us, id;
};

struct retention_input {
        int64_t now_us;     /* retention_clock_now */
        int64_t horizon_us; /* the newest that went for space from a volume in use; INT64_MIN: none
                             */
        bool everything;    /* all rules; else room on volumes alone */
        unsigned streams_n, volumes_n, lanes_n;
        const struct retention_stream *streams;
        const struct retention_volume *volumes;
        const struct retention_lane *lanes; /* those of volumes that can be removed from */
        const struct lock_set *locks;
        /* The lane's next segment behind that position: 1, or 0 when there is none. */
        int (*next)(void *owner, unsigned lane, const struct retention_position *after,
                struct retention_segment *ret, struct err *e);
        void *owner;
};

struct retention_item {
        unsigned lane;
        enum retention_reason why;
        struct retention_segment segment;
};

struct retention_result {
        unsigned n; /* items, at most `room` of each volume */
        struct retention_item *items;
        struct retention_outcome {
                unsigned n;
                uint64_t bytes;
                bool stuck; /* it needs room, and nothing more may be removed */
        } * volumes;        /* as in the input */
        int64_t horizon_us;
};

int retention_plan(
        const struct retention_input *in, struct retention_result *ret, struct err *e) MUST_USE;
void retention_result_done(struct retention_result *r);

#endif
