/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes into a clear export (docs/spec/evidence.md) of a stream for a range of time: segments
 * are looked at one after the other, each fragment is checked against its seal, and what is in the
 * range is put in the order of the seals. Kept of a segment is what goes along as evidence, not its
 * samples: those are read, and checked, again when they are written.
 *
 * Both exporters (custos export, the player) make their files by this, so that their bytes are the
 * same. Pure. Not in here: finding files, keys, writing.
 */
#ifndef CUSTOS_VERIFY_EXPORT_PLAN_H
#define CUSTOS_VERIFY_EXPORT_PLAN_H

#include "seal/evidence.h"
#include "seal/verdict.h"

#define EXPORT_PLAN_RANGE_MAX_US (INT64_C(31) * 24 * 3600 * 1000000)

struct export_plan; /* owned */

struct export_plan_query {
        const char *stream;     /* borrowed */
        int64_t from_us, to_us; /* wall, inclusive */
        bool without_audio;
        bool skip_damaged;    /* otherwise the first damaged one fails with where and what */
        size_t segments_max;  /* that may have some of the range */
        uint64_t bytes_max;   /* of headers, moofs and seals that are kept */
        const uint8_t *trust; /* the root's key id; NULL: whichever the segments name */
        void (*on_damaged)(void *owner, const char *where, const char *text); /* may be NULL */
        void *owner;
};

struct export_plan_fragment {
        uint64_t offset;           /* in its file */
        struct bytes moof, seal;   /* as stored; the plan's */
        uint64_t bytes;            /* of all its tracks */
        int64_t first_us, last_us; /* arrival */
        bool intact;
};

struct export_plan_segment {
        unsigned at; /* the caller's */
        char name[HEAD_KEY_MAX];
        uint8_t kid[16];
        struct bytes header; /* ftyp and moov as stored; the plan's */
        bool has_key;
        uint8_t key[16];
        unsigned fragments_n;
        struct export_plan_fragment *fragments; /* once settled: those that go into the export */
};

/* ERR_INVALID: no range of at most EXPORT_PLAN_RANGE_MAX_US. */
int export_plan_new(
        const struct export_plan_query *q, struct export_plan **ret, struct err *e) MUST_USE;
struct export_plan *export_plan_free(struct export_plan *p); /* wipes the keys */

/* One more file, in any order; name is its object key, for texts and its time. 1: it may have some
 * of the range, *ret (may be NULL) until the plan is settled; 0: it is of no use. ERR_CORRUPT:
 * damage; ERR_EXHAUSTED: more than the query allows. */
int export_plan_add(struct export_plan *p, unsigned at, const char *name, struct bytes file,
        struct export_plan_segment **ret, struct err *e) MUST_USE;
/* Damage of a file that could not be read at all. 0, or as export_plan_add. */
int export_plan_damaged(
        struct export_plan *p, const char *where, const char *text, struct err *e) MUST_USE;
/* A seal of the segment that is good and of the range; empty where it has none. */
struct bytes export_plan_seal(const struct export_plan *p, const struct export_plan_segment *s);
void export_plan_set_key(struct export_plan_segment *s, const uint8_t key[static 16]);

/* Order and choice, once all are added. ERR_NOT_FOUND when nothing was recorded then. */
int export_plan_settle(struct export_plan *p, struct err *e) MUST_USE;
/* ERR_CORRUPT where the chain of what was chosen says that something is missing or not as it was
 * sealed; of a plan that skips what is damaged nothing is asked. */
int export_plan_judge(struct export_plan *p, struct err *e) MUST_USE;
size_t export_plan_segments(const struct export_plan *p);
struct export_plan_segment *export_plan_segment(const struct export_plan *p, size_t i);
uint64_t export_plan_bytes(const struct export_plan *p); /* of samples, all tracks */
unsigned export_plan_damages(const struct export_plan *p);
/* The evidence of one file: segments from *at on, until one cannot be joined; *at moves behind
 * them. Each has its key. ev: from evidence_init; its views are the plan's. */
int export_plan_join(
        const struct export_plan *p, size_t *at, struct evidence *ev, struct err *e) MUST_USE;

/* A segment's file once more. */
struct export_plan_source {
        const struct export_plan_segment *planned;
        struct segment segment; /* views into the file */
};
/* ERR_CORRUPT: it is another one than was looked at. */
int export_plan_open(struct export_plan_source *s, const struct export_plan_segment *planned,
        struct bytes file, struct err *e) MUST_USE;
void export_plan_close(struct export_plan_source *s);
/* Checks the i-th chosen fragment again and appends its clear samples as they stand in mdat. */
int export_plan_clear(const struct export_plan_source *s, unsigned i, const struct evidence *ev,
        struct buf *out, struct err *e) MUST_USE;

#endif
