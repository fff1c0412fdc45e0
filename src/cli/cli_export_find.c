/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_export_find.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "seal/epoch_order.h"
#include "vault/vault_walk.h"
#include "verify/segment_inspect.h"

#define HOUR_US INT64_C(3600000000)
#define SEGMENT_MAX_US INT64_C(60000000)
#define KEYS_MAX 100000u

/* A segment file that may have some of the range, and what was found in it. */
struct candidate {
        struct cli_export_segment s;
        struct piece piece;
        size_t epoch;
};

struct find {
        const struct cli_export_query *q;
        struct signers *signers;
        size_t n, room;
        struct candidate *candidates;
        uint64_t done, total;
        unsigned damaged;
};

static void candidate_done(struct candidate *c)
{
        free(c->s.fragments);
        segment_done(&c->s.segment);
        file_map_done(&c->s.map);
        piece_done(&c->piece);
}

static void find_done(struct find *f)
{
        for (size_t i = 0; i < f->n; i++)
                candidate_done(&f->candidates[i]);
        free(f->candidates);
        signers_free(f->signers);
}

/* --- names --- */

static int on_segment(void *owner, unsigned at, const char *object_key, struct err *e)
{
        struct find *f = owner;
        int64_t at_us = vault_walk_time_of(object_key);

        /* A name is the time when the file was made; it may have waited for its first frame. */
        if (at_us == SEAL_UNKNOWN_US || at_us > f->q->to_us || at_us < f->q->from_us - HOUR_US)
                return 0;
        if (f->n >= KEYS_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %u segments; export a shorter range",
                        KEYS_MAX);
        if (f->n == f->room) {
                f->room = f->room ? 2 * f->room : 64;
                f->candidates = xrealloc(f->candidates, f->room, sizeof *f->candidates);
        }
        struct candidate *c = &f->candidates[f->n++];
        *c = (struct candidate){ .s = { .at = at } };
        snprintf(c->s.object_key, sizeof c->s.object_key, "%s", object_key);
        return 0;
}

/* Every hour directory that the range touches, and the one before. */
static int find_names(struct find *f, struct err *e)
{
        int64_t hour_us = f->q->from_us - f->q->from_us % HOUR_US - HOUR_US;

        for (; hour_us <= f->q->to_us; hour_us += HOUR_US) {
                char time[STR_TIME_ROOM], below[VAULT_WALK_HOUR_ROOM];
                str_time(time, hour_us < 0 ? 0 : hour_us);
                snprintf(below, sizeof below, "%.10s/%.2s", time, time + 11);
                int r = vault_set_segments(f->q->set, f->q->stream, below, on_segment, f, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- contents --- */

static int tell_damaged(struct find *f, const char *where, const char *text, struct err *e)
{
        f->damaged++;
        if (!f->q->skip_damaged)
                return err_set(e, ERR_CORRUPT, "%s: %s", where, text);
        if (f->q->on_damaged)
                f->q->on_damaged(f->q->owner, where, text);
        return 0;
}

/* Nothing of it can be in the range, by the times that its seals state. */
static bool is_outside(const struct find *f, const struct segment *s)
{
        return s->fragments_n == 0 || s->fragments[0].seal.first_arrival_us > f->q->to_us ||
               s->fragments[s->fragments_n - 1].seal.last_arrival_us < f->q->from_us;
}

/* A file whose header cannot be read: damage, where it may have some of the range. One in which
 * nothing was ever sealed (its process died at once) is none. */
static int tell_unreadable(struct find *f, const struct candidate *c, struct err *e)
{
        int64_t named_us = vault_walk_time_of(c->s.object_key);

        for (size_t i = 0; i < c->piece.faults_n; i++) {
                const struct piece_fault *fault = &c->piece.faults[i];
                int64_t end_us = fault->item.to_us > named_us ? fault->item.to_us : named_us;
                if (!fault->on_tail && end_us + SEGMENT_MAX_US >= f->q->from_us)
                        return tell_damaged(f, c->s.object_key, fault->item.text, e);
        }
        return 0;
}

/* Returns 1 when c is of use. */
static int look_into(struct find *f, struct candidate *c, struct err *e)
{
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", f->q->set->members[c->s.at].path, c->s.object_key);
        struct err why;
        int r = file_map_open(path, &c->s.map, &why);

        if (r == ERR_NOT_FOUND)
                return 0; /* retention took it meanwhile */
        if (r < 0)
                return tell_damaged(f, c->s.object_key, why.text, e);
        if (c->s.map.bytes.n == 0)
                return 0; /* made ahead, nothing in it yet */
        bool readable = segment_read(c->s.map.bytes, &c->s.segment, NULL) == 0;
        if (readable && is_outside(f, &c->s.segment))
                return 0;
        piece_init(&c->piece, c->s.object_key);
        c->piece.named_us = vault_walk_time_of(c->s.object_key);
        segment_inspect(c->s.map.bytes, f->signers, &c->piece);
        piece_fill_times(&c->piece);
        return readable && c->piece.signer ? 1 : tell_unreadable(f, c, e);
}

static int find_contents(struct find *f, struct err *e)
{
        size_t kept = 0;
        int r = 0;

        f->total = f->n;
        for (size_t i = 0; i < f->n; i++) {
                struct candidate c = f->candidates[i];
                f->candidates[i] = (struct candidate){ 0 };
                r = r < 0 ? r : look_into(f, &c, e);
                if (r == 1)
                        f->candidates[kept++] = c;
                else
                        candidate_done(&c);
                f->done++;
                if (f->q->on_progress)
                        f->q->on_progress(f->q->owner, f->done, f->total);
        }
        f->n = kept;
        return r < 0 ? r : 0;
}

/* --- order --- */

static int by_seals(const void *a, const void *b)
{
        const struct candidate *x = a, *y = b;
        uint64_t sx = x->piece.seals_n ? x->piece.seals[0].chain.self.sequence : 0;
        uint64_t sy = y->piece.seals_n ? y->piece.seals[0].chain.self.sequence : 0;

        if (x->epoch != y->epoch)
                return x->epoch < y->epoch ? -1 : 1;
        return sx != sy ? (sx < sy ? -1 : 1) : strcmp(x->s.object_key, y->s.object_key);
}

static void find_order(struct find *f)
{
        struct epoch_order *epochs = epoch_order_new();

        for (size_t i = 0; i < f->n; i++) {
                const struct piece *p = &f->candidates[i].piece;
                for (size_t k = 0; k < p->seals_n; k++)
                        epoch_order_add(epochs, &p->seals[k].chain.self,
                                &p->seals[k].chain.previous, p->seals[k].sealed_us);
        }
        for (size_t i = 0; i < f->n; i++) {
                const struct piece *p = &f->candidates[i].piece;
                f->candidates[i].epoch =
                        p->seals_n ? epoch_order_rank(epochs, p->seals[0].chain.self.epoch)
                                   : SIZE_MAX;
        }
        if (f->n)
                qsort(f->candidates, f->n, sizeof *f->candidates, by_seals);
        epoch_order_free(epochs);
}

/* --- choice --- */

static bool begins_with_key(const struct segment_fragment *fragment)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };

        if (fmp4_read_moof(fragment->moof, &layout, NULL) < 0 || layout.tracks_n == 0)
                return false;
        return layout.tracks[0].samples_n && layout.tracks[0].samples[0].key;
}

static bool is_intact(const struct candidate *c, unsigned fragment)
{
        for (size_t k = 0; k < c->piece.seals_n; k++)
                if (c->piece.seals[k].offset == c->s.segment.fragments[fragment].offset)
                        return c->piece.seals[k].intact;
        return false;
}

static bool in_range(const struct find *f, const struct seal *s)
{
        return s->first_arrival_us <= f->q->to_us && s->last_arrival_us >= f->q->from_us;
}

/* What the segment's look said about damage in the range. Notes about its end are not damage of
 * what is taken. */
static int tell_faults(struct find *f, const struct candidate *c, struct err *e)
{
        const struct piece *p = &c->piece;
        int r = 0;

        for (size_t i = 0; i < p->faults_n && r == 0; i++) {
                const struct verdict_item *item = &p->faults[i].item;
                char where[260];
                if (item->kind == VERDICT_CANNOT_TELL || item->from_us > f->q->to_us ||
                        item->to_us < f->q->from_us)
                        continue;
                r = tell_damaged(f, verdict_where(item, where, sizeof where), item->text, e);
        }
        return r;
}

/* The fragments of one segment that are in the range, from the key frame that the first one needs.
 */
static int choose(struct find *f, struct candidate *c, bool first, struct err *e)
{
        const struct segment *s = &c->s.segment;
        unsigned begin = 0, n = s->fragments_n;

        int r = tell_faults(f, c, e);
        if (r < 0)
                return r;
        while (begin < n && !in_range(f, &s->fragments[begin].seal))
                begin++;
        while (first && begin > 0 && begin < n && !begins_with_key(&s->fragments[begin]))
                begin--;
        c->s.fragments = xcalloc(n + 1u, sizeof *c->s.fragments);
        for (unsigned i = begin; i < n && s->fragments[i].seal.first_arrival_us <= f->q->to_us; i++)
                if (is_intact(c, i))
                        c->s.fragments[c->s.fragments_n++] = i;
        return 0;
}

static int find_choice(struct find *f, struct cli_export_found *ret, struct err *e)
{
        ret->segments = xcalloc(f->n + 1, sizeof *ret->segments);
        for (size_t i = 0; i < f->n; i++) {
                struct candidate *c = &f->candidates[i];
                int r = choose(f, c, ret->n == 0, e);
                if (r < 0)
                        return r;
                if (c->s.fragments_n == 0)
                        continue;
                for (unsigned k = 0; k < c->s.fragments_n; k++)
                        ret->bytes += c->s.segment.fragments[c->s.fragments[k]].mdat.n;
                ret->segments[ret->n++] = c->s;
                piece_done(&c->piece);
                *c = (struct candidate){ 0 };
        }
        ret->damaged = f->damaged;
        if (ret->n == 0)
                return err_set(
                        e, ERR_NOT_FOUND, "nothing of %s was recorded in that time", f->q->stream);
        return 0;
}

int cli_export_find(const struct cli_export_query *q, struct cli_export_found *ret, struct err *e)
{
        struct find f = { .q = q, .signers = signers_new(NULL) };
        struct cli_export_found found = { 0 };

        int r = q->to_us < q->from_us || q->to_us - q->from_us > CLI_EXPORT_RANGE_MAX_US
                        ? err_set(e, ERR_INVALID,
                                  "the range has to end behind its beginning, within 31 days")
                        : find_names(&f, e);
        if (r == 0)
                r = find_contents(&f, e);
        if (r == 0)
                find_order(&f);
        if (r == 0)
                r = find_choice(&f, &found, e);
        find_done(&f);
        if (r < 0) {
                cli_export_found_done(&found);
                return r;
        }
        *ret = found;
        return 0;
}

void cli_export_found_done(struct cli_export_found *f)
{
        for (size_t i = 0; i < f->n; i++) {
                free(f->segments[i].fragments);
                segment_done(&f->segments[i].segment);
                file_map_done(&f->segments[i].map);
        }
        free(f->segments);
        *f = (struct cli_export_found){ 0 };
}
