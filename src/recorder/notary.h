/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sealer's judgement for one stream, without sockets or files (docs/spec/seal.md section 2 and
 * 3): what it will sign, what it refuses, and what it remembers. The process around it is sealer.c.
 *
 * It signs only what it builds itself: stream, epoch, sequence, previous seal, KID, key commitment
 * and clocks are its own; the asker supplies hashes and media times of the fragment that is due
 * next, and nothing else is ever signed.
 */
#ifndef CUSTOS_RECORDER_NOTARY_H
#define CUSTOS_RECORDER_NOTARY_H

#include "seal/seal.h"

#define NOTARY_REMEMBERED 128 /* seals that may be issued and not yet durable */
/* What waits in memory for an event (recorder/worker_gate) is this old at most when it is sealed.
 */
#define NOTARY_PAST_US INT64_C(120000000)
#define NOTARY_FUTURE_US INT64_C(1000000)
#define NOTARY_MEDIA_US INT64_C(2500000)
#define NOTARY_CLOCK_STEP_US INT64_C(500000)
/* What was received before the clock was stepped may still be sealed so long after that. */
#define NOTARY_STEPPED_US INT64_C(10000000)

struct notary_segment {
        bool open, header_known;
        uint8_t kid[16], key[16], commitment[32], header_hash[32];
        uint32_t fragment; /* the last one sealed */
};

struct notary {
        char stream[HEAD_PATH_MAX];
        uint8_t epoch[16];
        uint64_t issued;           /* sequence of the last seal issued, 0 before the first */
        uint64_t durable;          /* highest sequence of this epoch known to be on disk */
        struct seal_link previous; /* what the next seal names */
        uint8_t hashes[NOTARY_REMEMBERED][32];  /* of seals by sequence modulo */
        int64_t arrivals_us[NOTARY_REMEMBERED]; /* their last ones */
        int64_t safe_us;         /* up to here what was sealed is on disk; SEAL_UNKNOWN_US */
        int64_t last_arrival_us; /* of the last seal, SEAL_UNKNOWN_US before the first */
        bool has_clock;
        int64_t wall_boot_us; /* wall minus boot clock when it was asked last */
        int64_t before_us;    /* the same before the last step, and the boot clock when that was */
        int64_t stepped_us;   /* noticed; 0: never */
        bool gap_owed;        /* a new opening: the next seal has to carry a gap */
        struct notary_segment current,
                next; /* next: drawn ahead, begins with the first seal that names its KID */
};

void notary_init(struct notary *n, const char *stream, const uint8_t epoch[static 16]);
void notary_done(struct notary *n); /* wipes */

/* A writer takes over, with the last seal that it found on disk (zeros: none). Refused when this
 * process remembers a later durable one, or when it never issued the one that is named. */
int notary_open(struct notary *n, const struct seal_link *last, int64_t last_arrival_us,
        struct err *e) MUST_USE;
/* Draws a KID for the next segment, its key derived from hour_key, and returns it (borrowed). One
 * that was drawn before and not begun is forgotten. */
const struct notary_segment *notary_draw(struct notary *n, const uint8_t hour_key[static 32]);
/* request: the worker's part. On success the signed payload is appended to out. A gap "disk" is
 * made to reach back to what is known to be on disk: all behind that may be lost with the disk. */
int notary_seal(struct notary *n, const struct seal *request, int64_t wall_us, int64_t boot_us,
        struct sign_key *key, struct buf *out, struct err *e) MUST_USE;
void notary_durable(struct notary *n, const uint8_t epoch[static 16], uint64_t sequence);

#endif
