/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/notary.h"

#include <inttypes.h>
#include <stdio.h>

#include "crypto/random.h"

static const uint8_t notary_zeros[16];

void notary_init(struct notary *n, const char *stream, const uint8_t epoch[static 16])
{
        memset(n, 0, sizeof *n);
        snprintf(n->stream, sizeof n->stream, "%s", stream);
        memcpy(n->epoch, epoch, sizeof n->epoch);
        n->last_arrival_us = n->safe_us = SEAL_UNKNOWN_US;
}

void notary_done(struct notary *n)
{
        explicit_bzero(n, sizeof *n);
}

static int notary_check_own_link(
        const struct notary *n, const struct seal_link *last, struct err *e)
{
        if (last->sequence < n->durable)
                return err_set(e, ERR_DENIED,
                        "%s: asked to continue after seal %" PRIu64 ", but seal %" PRIu64
                        " was durable: the vault went back",
                        n->stream, last->sequence, n->durable);
        if (last->sequence == 0 || last->sequence > n->issued)
                return err_set(e, ERR_DENIED, "%s: seal %" PRIu64 " was never issued", n->stream,
                        last->sequence);
        if (n->issued - last->sequence >= NOTARY_REMEMBERED)
                return err_set(e, ERR_DENIED, "%s: seal %" PRIu64 " is too long ago", n->stream,
                        last->sequence);
        if (memcmp(n->hashes[last->sequence % NOTARY_REMEMBERED], last->hash, 32) != 0)
                return err_set(e, ERR_DENIED, "%s: seal %" PRIu64 " on disk is not the one issued",
                        n->stream, last->sequence);
        return 0;
}

int notary_open(
        struct notary *n, const struct seal_link *last, int64_t last_arrival_us, struct err *e)
{
        bool own = memcmp(last->epoch, n->epoch, 16) == 0;

        if (own) {
                int r = notary_check_own_link(n, last, e);
                if (r < 0)
                        return r;
        } else if (n->durable > 0) {
                return err_set(e, ERR_DENIED,
                        "%s: asked to continue an older history, but seal %" PRIu64
                        " of this one was durable: the vault went back",
                        n->stream, n->durable);
        }
        n->gap_owed = true;
        n->current = n->next = (struct notary_segment){ 0 };
        n->previous = *last;
        n->last_arrival_us =
                memcmp(last->epoch, notary_zeros, 16) == 0 ? SEAL_UNKNOWN_US : last_arrival_us;
        n->safe_us = n->last_arrival_us;
        return 0;
}

const struct notary_segment *notary_draw(struct notary *n, const uint8_t hour_key[static 32])
{
        struct notary_segment *next = &n->next;

        *next = (struct notary_segment){ .open = true };
        random_bytes(next->kid, sizeof next->kid);
        seal_segment_key(hour_key, next->kid, next->key);
        seal_commit_key(next->key, next->kid, n->stream, next->commitment);
        return next;
}

static const struct notary_segment *notary_segment_of(
        const struct notary *n, const uint8_t kid[static 16])
{
        if (n->current.open && memcmp(kid, n->current.kid, 16) == 0)
                return &n->current;
        if (n->next.open && memcmp(kid, n->next.kid, 16) == 0)
                return &n->next;
        return NULL;
}

static bool notary_has_gap(const struct seal *s, unsigned cause)
{
        for (unsigned i = 0; i < s->gaps_n; i++) {
                if (cause == 0 || s->gaps[i].cause == cause)
                        return true;
        }
        return false;
}

static int notary_check_form(const struct notary *n, const struct notary_segment *segment,
        const struct seal *s, struct err *e)
{
        if (!segment)
                return err_set(e, ERR_DENIED, "%s: a key id that was not given to this channel",
                        n->stream);
        if (segment->header_known && memcmp(s->header_hash, segment->header_hash, 32) != 0)
                return err_set(
                        e, ERR_DENIED, "%s: another header than the segment's first", n->stream);
        if (s->fragment != segment->fragment + 1)
                return err_set(e, ERR_DENIED, "%s: fragment %" PRIu32 " asked, %" PRIu32 " is next",
                        n->stream, s->fragment, segment->fragment + 1);
        if (s->tracks_n == 0 && !(s->flags & SEAL_LAST))
                return err_set(
                        e, ERR_DENIED, "%s: no media, and not the end of the segment", n->stream);
        if (n->gap_owed && !notary_has_gap(s, 0))
                return err_set(e, ERR_DENIED, "%s: a new beginning without its gap", n->stream);
        for (unsigned i = 0; i < s->gaps_n; i++) {
                const struct seal_gap *g = &s->gaps[i];
                if (g->cause < SEAL_GAP_START || g->cause > SEAL_GAP_NOT_ASKED ||
                        (g->from_us != SEAL_UNKNOWN_US && g->from_us > g->to_us &&
                                g->cause != SEAL_GAP_CLOCK_STEP))
                        return err_set(e, ERR_DENIED, "%s: a gap that cannot be", n->stream);
        }
        return 0;
}

/* The clock that frames were stamped by may have been stepped since. */
static void notary_watch_clock(struct notary *n, int64_t wall_us, int64_t boot_us)
{
        int64_t now = wall_us - boot_us, step = now - n->wall_boot_us;

        if (n->has_clock && (step >= NOTARY_CLOCK_STEP_US || step <= -NOTARY_CLOCK_STEP_US)) {
                n->before_us = n->wall_boot_us;
                n->stepped_us = boot_us;
        }
        n->has_clock = true;
        n->wall_boot_us = now;
}

static int notary_check_age(
        const struct notary *n, const struct seal *s, int64_t wall_us, struct err *e)
{
        if (s->last_arrival_us > wall_us + NOTARY_FUTURE_US)
                return err_set(e, ERR_DENIED, "%s: media from the future", n->stream);
        if (s->first_arrival_us < wall_us - NOTARY_PAST_US)
                return err_set(e, ERR_DENIED, "%s: media of an old time", n->stream);
        return 0;
}

static int notary_check_time(const struct notary *n, const struct seal *s, int64_t wall_us,
        int64_t boot_us, struct err *e)
{
        bool stepped = n->stepped_us && boot_us - n->stepped_us <= NOTARY_STEPPED_US;

        if (s->last_arrival_us < s->first_arrival_us ||
                s->last_arrival_us - s->first_arrival_us > NOTARY_MEDIA_US)
                return err_set(e, ERR_DENIED, "%s: more media than a fragment may hold", n->stream);
        if (!stepped || notary_check_age(n, s, boot_us + n->before_us, NULL) < 0) {
                int r = notary_check_age(n, s, wall_us, e);
                if (r < 0)
                        return r;
        }
        if (n->last_arrival_us != SEAL_UNKNOWN_US && s->first_arrival_us < n->last_arrival_us &&
                !notary_has_gap(s, SEAL_GAP_CLOCK_STEP))
                return err_set(
                        e, ERR_DENIED, "%s: media older than what was sealed before", n->stream);
        return 0;
}

static void notary_remember(struct notary *n, const struct notary_segment *segment,
        const struct seal *s, struct bytes payload)
{
        if (segment == &n->next) {
                n->current = n->next;
                n->next = (struct notary_segment){ 0 };
        }
        n->previous = seal_link_of(s, payload);
        memcpy(n->hashes[s->sequence % NOTARY_REMEMBERED], n->previous.hash, 32);
        n->arrivals_us[s->sequence % NOTARY_REMEMBERED] = s->last_arrival_us;
        n->issued = s->sequence;
        n->last_arrival_us = s->last_arrival_us;
        n->gap_owed = false;
        n->current.fragment = s->fragment;
        memcpy(n->current.header_hash, s->header_hash, sizeof n->current.header_hash);
        n->current.header_known = true;
        if (s->flags & SEAL_LAST)
                n->current.open = false;
}

/* Seals that were issued and never became durable may be gone with the disk that was left. The next
 * one says so, as far back as that reaches; else an honest failure would read as a removal. */
static void notary_own_up(const struct notary *n, struct seal *s)
{
        for (unsigned i = 0; i < s->gaps_n && n->safe_us != SEAL_UNKNOWN_US; i++) {
                struct seal_gap *g = &s->gaps[i];
                if (g->cause == SEAL_GAP_DISK &&
                        (g->from_us == SEAL_UNKNOWN_US || g->from_us > n->safe_us))
                        g->from_us = n->safe_us < g->to_us ? n->safe_us : g->to_us;
        }
}

int notary_seal(struct notary *n, const struct seal *request, int64_t wall_us, int64_t boot_us,
        struct sign_key *key, struct buf *out, struct err *e)
{
        const struct notary_segment *segment = notary_segment_of(n, request->kid);
        struct seal s = *request;
        size_t begin = out->n;

        notary_watch_clock(n, wall_us, boot_us);
        int r = notary_check_form(n, segment, request, e);
        if (r == 0)
                r = notary_check_time(n, request, wall_us, boot_us, e);
        if (r < 0)
                return r;

        s.flags = (request->flags & SEAL_LAST) | (segment->fragment == 0 ? SEAL_FIRST : 0);
        memcpy(s.stream, n->stream, sizeof s.stream);
        memcpy(s.epoch, n->epoch, sizeof s.epoch);
        s.sequence = n->issued + 1;
        s.previous = n->previous;
        memcpy(s.key_commitment, segment->commitment, sizeof s.key_commitment);
        notary_own_up(n, &s);
        s.sealed_us = wall_us;
        s.monotonic_us = boot_us;
        r = seal_sign(&s, key, out, e);
        if (r == 0)
                notary_remember(n, segment, &s, BYTES(out->p + begin, out->n - begin));
        return r;
}

void notary_durable(struct notary *n, const uint8_t epoch[static 16], uint64_t sequence)
{
        if (memcmp(epoch, n->epoch, 16) != 0 || sequence <= n->durable || sequence > n->issued)
                return;
        n->durable = sequence;
        if (n->issued - sequence < NOTARY_REMEMBERED)
                n->safe_us = n->arrivals_us[sequence % NOTARY_REMEMBERED];
}
