/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/liveness.h"

#include <stdlib.h>

#include "base/own.h"
#include "crypto/hash.h"

#define SECOND INT64_C(1000000)

/* Groups. */
#define KEY_FRAME_MIN 1024 /* bytes */
#define TAIL_UNITS 5       /* behind the key frame */
#define TAIL_MIN 1024      /* bytes of all of them, to count alone */
#define RUN_MIN 8          /* repeats in a row that count, where the tails are small */
#define RECENT_S 10        /* a camera may send its newest group again to who connects */
#define SAMPLE 4096        /* bytes of each end of a unit */
#define WAYS 8             /* places for one digest; the oldest goes */
#define SETS_MIN 16

/* The camera's clock. */
#define CLOCK_SLACK (3 * SECOND)  /* a small correction is no alarm */
#define CLOCK_STILL (60 * SECOND) /* without going on, while reports come */
#define CLOCK_FORGET (86400 * SECOND)
#define CLOCK_SET INT64_C(1577836800000000) /* 2020: before it, a clock was never set */

#define ALARM_HOLD (600 * SECOND)

struct liveness {
        uint8_t key[LIVENESS_KEY_BYTES];
        struct hash *hash;
        /* Digests in sets of WAYS, 0: free, and when each was last seen. */
        uint64_t *ids;
        uint32_t *seen_s;
        uint32_t sets, used;
        uint64_t newest; /* 0: none, or it was sent again already */
        bool begun;      /* no group since the connection began */
        /* The group that is being read. */
        bool reading;
        unsigned tail_units;
        size_t tail_bytes;
        uint8_t digest[HASH_BYTES];
        /* The repeats in a row. */
        unsigned run;
        uint64_t run_ids[RUN_MIN];
        uint32_t run_s; /* when the newest of them was seen before */
        /* The camera's clock at its furthest, and when it got there. */
        int64_t clock_us, clock_at_us;
        int64_t report_came_us;      /* the newest report */
        int64_t step_us, step_at_us; /* where it last went on */

        int64_t repeated_until_us, clock_until_us;
};

struct liveness *liveness_new(const uint8_t key[static LIVENESS_KEY_BYTES])
{
        struct liveness *l = xcalloc(1, sizeof *l);

        memcpy(l->key, key, sizeof l->key);
        l->hash = hash_new();
        l->clock_us = l->report_came_us = INT64_MIN;
        return l;
}

struct liveness *liveness_free(struct liveness *l)
{
        if (!l)
                return NULL;
        hash_free(l->hash);
        free(l->ids);
        free(l->seen_s);
        explicit_bzero(l, sizeof *l);
        free(l);
        return NULL;
}

void liveness_restart(struct liveness *l)
{
        l->reading = false;
        l->begun = true;
        l->report_came_us = INT64_MIN;
}

/* ---- what was seen ---- */

/* The digest's place, or the one to put it: free, or the oldest. */
static size_t place_of(const struct liveness *l, uint64_t id)
{
        size_t at = (size_t)(id & (l->sets - 1)) * WAYS, best = at;

        for (size_t i = at; i < at + WAYS; i++) {
                if (l->ids[i] == id)
                        return i;
                if (l->ids[best] && (!l->ids[i] || l->seen_s[i] < l->seen_s[best]))
                        best = i;
        }
        return best;
}

static bool is_known(const struct liveness *l, uint64_t id, uint32_t *ret_seen_s)
{
        if (!l->sets)
                return false;
        size_t i = place_of(l, id);
        *ret_seen_s = l->seen_s[i];
        return l->ids[i] == id;
}

/* Doubles the room while there is any; where there is no memory, the old room has to do. */
static void grow(struct liveness *l)
{
        struct liveness old = *l;
        uint32_t sets = l->sets ? 2 * l->sets : SETS_MIN;
        uint64_t *ids = calloc((size_t)sets * WAYS, sizeof *ids);
        uint32_t *seen_s = calloc((size_t)sets * WAYS, sizeof *seen_s);

        if (!ids || !seen_s) {
                free(ids);
                free(seen_s);
                return;
        }
        l->ids = ids;
        l->seen_s = seen_s;
        l->sets = sets;
        for (size_t i = 0; i < (size_t)old.sets * WAYS; i++) {
                if (!old.ids[i])
                        continue;
                size_t to = place_of(l, old.ids[i]);
                l->ids[to] = old.ids[i];
                l->seen_s[to] = old.seen_s[i];
        }
        free(old.ids);
        free(old.seen_s);
}

static void remember(struct liveness *l, uint64_t id, uint32_t now_s)
{
        if (l->used >= l->sets * (WAYS / 2) && l->sets * WAYS < LIVENESS_GROUPS_MAX)
                grow(l);
        if (!l->sets)
                return;
        size_t i = place_of(l, id);
        l->used += l->ids[i] == 0;
        l->ids[i] = id;
        l->seen_s[i] = now_s;
}

/* ---- groups ---- */

/* Takes one unit into the digest: its length and its ends. Any change in the middle of a picture
 * moves what follows, so nothing is won by hashing all of it. */
static void digest_unit(struct liveness *l, struct bytes unit)
{
        uint64_t n = unit.n;

        hash_start(l->hash);
        hash_update(l->hash, BYTES(l->key, sizeof l->key));
        hash_update(l->hash, BYTES(l->digest, sizeof l->digest));
        hash_update(l->hash, BYTES(&n, sizeof n));
        hash_update(l->hash, bytes_sub(unit, 0, SAMPLE));
        if (unit.n > SAMPLE)
                hash_update(l->hash,
                        bytes_sub(unit, unit.n > 2 * SAMPLE ? unit.n - SAMPLE : SAMPLE, SAMPLE));
        hash_finish(l->hash, l->digest);
}

static bool is_in_run(const struct liveness *l, uint64_t id)
{
        for (unsigned i = 0; i < l->run && i < RUN_MIN; i++) {
                if (l->run_ids[i] == id)
                        return true;
        }
        return false;
}

/* Whether this repeat, with those before it, is enough. */
static bool repeats_enough(struct liveness *l, uint64_t id, uint32_t seen_s)
{
        if (l->run > 0 && seen_s < l->run_s)
                l->run = 0; /* not in its old order */
        l->run_s = seen_s;
        if (!is_in_run(l, id))
                l->run_ids[l->run++ % RUN_MIN] = id;
        if (l->run > RUN_MIN)
                l->run = RUN_MIN;
        return l->tail_bytes >= TAIL_MIN || l->run >= RUN_MIN;
}

static void end_group(struct liveness *l, int64_t now_us)
{
        uint32_t now_s = (uint32_t)(now_us / SECOND), seen_s;
        uint64_t id;

        if (!l->reading)
                return;
        l->reading = false;
        memcpy(&id, l->digest, sizeof id);
        id += id == 0;
        bool resent = l->begun && id == l->newest;
        l->begun = false;
        if (resent) {
                l->newest = 0; /* once: a group shown over and over is no present */
                return;
        }
        l->newest = id;
        if (!is_known(l, id, &seen_s) || now_s - seen_s < RECENT_S)
                l->run = 0;
        else if (repeats_enough(l, id, seen_s))
                l->repeated_until_us = now_us + ALARM_HOLD;
        remember(l, id, now_s);
}

static void push_group(struct liveness *l, const struct access_unit *unit, int64_t now_us)
{
        if (unit->key) {
                end_group(l, now_us); /* where every unit is a key frame, it stands alone */
                l->reading = unit->data.n >= KEY_FRAME_MIN;
                l->tail_units = 0;
                l->tail_bytes = 0;
                memset(l->digest, 0, sizeof l->digest);
        }
        if (!l->reading)
                return;
        if (!unit->key && unit->lost_before) {
                l->reading = false; /* a part is missing: it is not what was seen before */
                return;
        }
        digest_unit(l, unit->data);
        if (unit->key)
                return;
        l->tail_bytes += unit->data.n;
        if (++l->tail_units == TAIL_UNITS)
                end_group(l, now_us);
}

/* ---- the camera's clock ---- */

static void push_clock(struct liveness *l, const struct access_unit *unit, int64_t now_us)
{
        int64_t t = unit->report_us;

        if (t < CLOCK_SET || unit->report_came_us == l->report_came_us)
                return; /* no clock, or no news of it */
        bool first = l->report_came_us == INT64_MIN;
        l->report_came_us = unit->report_came_us;
        if (l->clock_us == INT64_MIN || t >= l->clock_us ||
                now_us - l->clock_at_us > CLOCK_FORGET) {
                l->clock_us = t;
                l->clock_at_us = now_us;
        } else if (t < l->clock_us - CLOCK_SLACK) {
                l->clock_until_us = now_us + ALARM_HOLD;
        }
        if (first || llabs((long long)(t - l->step_us)) > SECOND) {
                l->step_us = t;
                l->step_at_us = now_us;
        } else if (now_us - l->step_at_us > CLOCK_STILL) {
                l->clock_until_us = now_us + ALARM_HOLD;
        }
}

enum fault liveness_push(struct liveness *l, const struct access_unit *unit, int64_t now_us)
{
        push_group(l, unit, now_us);
        push_clock(l, unit, now_us);
        if (now_us < l->repeated_until_us)
                return FAULT_REPEATED_FOOTAGE;
        return now_us < l->clock_until_us ? FAULT_TIME_WENT_BACK : FAULT_NONE;
}
