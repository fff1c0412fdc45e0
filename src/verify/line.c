/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/line.h"

#include "base/str.h"
#include "seal/epoch_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>

/* What the chain said of one seal. */
struct judged {
        enum verdict_kind kind;
        char text[CHAIN_TEXT_ROOM];
};

struct line {
        enum line_kind kind;
        const char *stream;
        struct verdict *v;
        struct chain *chain;
        struct piece *pieces;
        size_t n;
        bool broken;                           /* something but "authentic" was said by the chain */
        const struct piece *before;            /* the last piece with a seal in its place */
        const struct piece_seal *last, *first; /* seals in their place */

        /* The item about key frames alone: each of their seals has a gap, and one sentence is
         * enough. */
        const struct piece_seal *unasked; /* the last one that it is about, or NULL */
        size_t unasked_at;                /* among the verdict's items */
        uint64_t unasked_frames;
};

/* --- order --- */

struct sort_key {
        struct piece piece;
        size_t epoch;
        uint64_t sequence;
};

static int by_seals(const void *a, const void *b)
{
        const struct sort_key *x = a, *y = b;

        if (x->epoch != y->epoch)
                return x->epoch < y->epoch ? -1 : 1;
        if (x->sequence != y->sequence)
                return x->sequence < y->sequence ? -1 : 1;
        /* Of two copies the one that stands where it says is the original. */
        if (x->piece.misplaced != y->piece.misplaced)
                return x->piece.misplaced == VERDICT_AUTHENTIC ? -1 : 1;
        return strcmp(x->piece.file, y->piece.file);
}

static int64_t piece_begin_us(const struct piece *p)
{
        return p->seals_n ? p->seals[0].first_us : p->named_us;
}

/* Pieces without a seal have only a time: each goes behind the last that began before it. */
static size_t insert_unsealed(struct piece *pieces, size_t n, const struct piece *p)
{
        size_t at = n;

        while (at > 0 && piece_begin_us(&pieces[at - 1]) > p->named_us)
                at--;
        memmove(&pieces[at + 1], &pieces[at], (n - at) * sizeof *pieces);
        pieces[at] = *p;
        return n + 1;
}

static void line_sort(struct piece *pieces, size_t n)
{
        struct epoch_order *epochs = epoch_order_new();
        struct sort_key *keys = xcalloc(n + 1, sizeof *keys);
        struct piece *unsealed = xcalloc(n + 1, sizeof *unsealed);
        size_t keys_n = 0, unsealed_n = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < pieces[i].seals_n; k++) {
                        const struct piece_seal *s = &pieces[i].seals[k];
                        epoch_order_add(epochs, &s->chain.self, &s->chain.previous, s->sealed_us);
                }
        for (size_t i = 0; i < n; i++) {
                if (pieces[i].seals_n == 0) {
                        unsealed[unsealed_n++] = pieces[i];
                        continue;
                }
                const struct seal_link *first = &pieces[i].seals[0].chain.self;
                keys[keys_n++] = (struct sort_key){ pieces[i],
                        epoch_order_rank(epochs, first->epoch), first->sequence };
        }
        qsort(keys, keys_n, sizeof *keys, by_seals);
        for (size_t i = 0; i < keys_n; i++)
                pieces[i] = keys[i].piece;
        for (size_t i = 0; i < unsealed_n; i++)
                keys_n = insert_unsealed(pieces, keys_n, &unsealed[i]);
        free(keys);
        free(unsealed);
        epoch_order_free(epochs);
}

/* --- items --- */

static void PRINTF(5, 6) tell(struct line *l, enum verdict_kind kind, const struct piece *p,
        const struct verdict_item *at, const char *fmt, ...)
{
        struct verdict_item item = *at;
        va_list args;

        item.kind = kind;
        snprintf(item.stream, sizeof item.stream, "%s", l->stream);
        if (!item.where[0])
                snprintf(item.where, sizeof item.where, "%s", p->file);
        va_start(args, fmt);
        vsnprintf(item.text, sizeof item.text, fmt, args);
        va_end(args);
        verdict_add(l->v, &item);
}

static struct verdict_item at_seals(const struct piece_seal *from, const struct piece_seal *to)
{
        return (struct verdict_item){ .from_us = from->first_us,
                .to_us = to->last_us,
                .offset = from->offset,
                .end = to->end };
}

static struct verdict_item at_piece(const struct piece *p)
{
        struct verdict_item at = { .from_us = p->named_us, .to_us = p->named_us };

        if (p->seals_n)
                at = at_seals(&p->seals[0], &p->seals[p->seals_n - 1]);
        at.offset = at.end = 0;
        return at;
}

static void tell_unasked(
        struct line *l, const struct piece *p, const struct piece_seal *s, const struct seal_gap *g)
{
        struct verdict_item at = { .from_us = g->from_us, .to_us = g->to_us };

        if (g->frames == 0) {
                tell(l, VERDICT_GAP, p, &at, "%s: nothing was to be recorded then",
                        seal_gap_name(g->cause));
                return;
        }
        if (!l->unasked || l->unasked != l->last || l->before != p) {
                tell(l, VERDICT_GAP, p, &at, "%s", seal_gap_name(g->cause));
                l->unasked_at = l->v->items_n - 1;
                l->unasked_frames = 0;
        }
        struct verdict_item *item = &l->v->items[l->unasked_at];
        l->unasked_frames += g->frames;
        l->unasked = s;
        item->to_us = g->to_us;
        snprintf(item->text, sizeof item->text,
                "%s: key frames alone were to be recorded, %" PRIu64 " others left out",
                seal_gap_name(g->cause), l->unasked_frames);
}

static void tell_gaps(struct line *l, const struct piece *p, const struct piece_seal *s)
{
        for (unsigned i = 0; i < s->gaps_n; i++) {
                const struct seal_gap *g = &p->gaps[s->gaps_first + i];
                struct verdict_item at = { .from_us = g->from_us, .to_us = g->to_us };
                if (g->cause == SEAL_GAP_NOT_ASKED)
                        tell_unasked(l, p, s, g);
                else if (g->frames)
                        tell(l, VERDICT_GAP, p, &at, "%s, %" PRIu32 " frames lost",
                                seal_gap_name(g->cause), g->frames);
                else
                        tell(l, VERDICT_GAP, p, &at, "%s", seal_gap_name(g->cause));
        }
}

/* The end of the file before is gone, rather than something between two whole files. */
static bool end_is_missing(const struct line *l, size_t k)
{
        return l->kind == LINE_VAULT && k == 0 && l->before && !l->before->ends;
}

static void tell_missing(struct line *l, const struct piece *p, size_t k, const char *text)
{
        const struct piece_seal *s = &p->seals[k];
        struct verdict_item at = { .from_us = l->last ? l->last->last_us : s->first_us,
                .to_us = s->first_us };

        if (end_is_missing(l, k)) {
                snprintf(at.where, sizeof at.where, "%s", l->before->file);
                tell(l, VERDICT_TRUNCATED, l->before, &at, "the end is missing; %s", text);
                return;
        }
        at.offset = at.end = s->offset;
        tell(l, VERDICT_REMOVED, p, &at, "%s", text);
}

static bool has_fragment(const struct piece *p, uint32_t number)
{
        for (size_t i = 0; i < p->seals_n; i++)
                if (p->seals[i].fragment == number)
                        return true;
        return false;
}

/* The chain holds; do the fragment numbers of the file? */
static bool check_number(struct line *l, const struct piece *p, size_t k, bool damaged_before)
{
        const struct piece_seal *s = &p->seals[k];
        struct verdict_item at = at_seals(s, s);

        if (!l->last) { /* the line begins here */
                if (l->kind == LINE_EXPORT || damaged_before || has_fragment(p, 1))
                        return true;
                tell(l, VERDICT_REMOVED, p, &at,
                        "the file begins with fragment %" PRIu32 " of its segment", s->fragment);
        } else {
                uint32_t expected = l->before == p ? l->last->fragment + 1 : 1;
                bool follows = memcmp(s->chain.previous.hash, l->last->chain.self.hash,
                                       sizeof s->chain.previous.hash) == 0;
                if (!follows || s->fragment == expected)
                        return true;
                tell(l, VERDICT_FOREIGN, p, &at,
                        "fragment %" PRIu32 " stands where fragment %" PRIu32 " belongs",
                        s->fragment, expected);
        }
        l->broken = true;
        return false;
}

static bool tell_seal(struct line *l, const struct piece *p, size_t k, const struct judged *j,
        bool damaged_before)
{
        const struct piece_seal *s = &p->seals[k];
        struct verdict_item at = at_seals(s, s);
        bool good = true;

        if (j->kind == VERDICT_REMOVED)
                tell_missing(l, p, k, j->text);
        else
                good = check_number(l, p, k, damaged_before);
        tell_gaps(l, p, s);
        if (s->intact && p->misplaced == VERDICT_AUTHENTIC)
                tell(l, p->standing, p, &at, "%s", p->standing_text);
        if (!l->first)
                l->first = s;
        l->last = s;
        l->before = p;
        return good;
}

/* Seals that are not where they belong: one item for a run of them. Returns how many. */
static size_t tell_run(struct line *l, const struct piece *p, size_t k, const struct judged *judged)
{
        size_t n = 1;

        while (k + n < p->seals_n && judged[k + n].kind == judged[k].kind)
                n++;
        struct verdict_item at = at_seals(&p->seals[k], &p->seals[k + n - 1]);
        if (n == p->seals_n && judged[k].kind == VERDICT_DUPLICATED)
                tell(l, VERDICT_DUPLICATED, p, &at,
                        "a copy: its %zu seals stand in another place too", n);
        else if (n > 1)
                tell(l, judged[k].kind, p, &at, "%s (and the next %zu)", judged[k].text, n - 1);
        else
                tell(l, judged[k].kind, p, &at, "%s", judged[k].text);
        return n;
}

/* A file in which nothing is sealed (made ahead, or its process died at once): the seals around it
 * know whether there ever was something. */
static bool nothing_was_here(const struct line *l, size_t piece)
{
        size_t before = piece, after = piece + 1;

        while (before > 0 && l->pieces[before - 1].seals_n == 0)
                before--;
        while (after < l->n && l->pieces[after].seals_n == 0)
                after++;
        if (before == 0 || after == l->n)
                return true;
        const struct piece *p = &l->pieces[before - 1];
        return memcmp(l->pieces[after].seals[0].chain.previous.hash,
                       p->seals[p->seals_n - 1].chain.self.hash,
                       sizeof p->seals[0].chain.self.hash) == 0;
}

static const struct piece *next_sealed(const struct line *l, size_t piece)
{
        for (size_t i = piece + 1; i < l->n; i++) {
                if (l->pieces[i].seals_n)
                        return &l->pieces[i];
        }
        return NULL;
}

static bool begins_behind_a_stop(const struct piece *p)
{
        for (unsigned g = 0; g < p->seals[0].gaps_n; g++) {
                uint8_t cause = p->gaps[p->seals[0].gaps_first + g].cause;
                if (cause == SEAL_GAP_UNCLEAN_STOP || cause == SEAL_GAP_DISK)
                        return true;
        }
        return false;
}

/* The recorder had stopped, and its next seal names the last one that is here: what was behind that
 * never was on the disk for good. */
static bool was_stopped_here(const struct piece *p, const struct piece *next)
{
        return p->seals_n && begins_behind_a_stop(next) &&
               memcmp(next->seals[0].chain.previous.hash,
                       p->seals[p->seals_n - 1].chain.self.hash,
                       sizeof next->seals[0].chain.previous.hash) == 0;
}

/* An unsealed tail is no fault where the recorder writes just now, or where it is sealed that it
 * stopped there. */
static bool tail_is_honest(const struct line *l, size_t piece)
{
        if (l->kind != LINE_VAULT)
                return false;
        if (l->pieces[piece].seals_n == 0 && nothing_was_here(l, piece))
                return true;
        const struct piece *next = next_sealed(l, piece);
        return !next || begins_behind_a_stop(next); /* the newest; or it is sealed */
}

static void tell_fault(struct line *l, size_t piece, const struct piece_fault *f)
{
        struct verdict_item item = f->item;
        const struct piece *p = &l->pieces[piece], *next = next_sealed(l, piece);

        snprintf(item.stream, sizeof item.stream, "%s", l->stream);
        if (f->on_tail && tail_is_honest(l, piece))
                item.kind = VERDICT_NOTE;
        /* What is missing at the end may reach as far as the next file. */
        if (item.kind == VERDICT_TRUNCATED && f->at == p->seals_n && next) {
                if (next->seals[0].first_us > item.to_us)
                        item.to_us = next->seals[0].first_us;
                if (was_stopped_here(p, next))
                        item.kind = VERDICT_NOTE;
        }
        verdict_add(l->v, &item);
}

/* --- the chain --- */

static uint32_t faults_skip(struct line *l, const struct piece *p, size_t *fault, size_t k)
{
        uint32_t unread = 0;

        for (; *fault < p->faults_n && p->faults[*fault].at <= k; (*fault)++) {
                if (p->faults[*fault].unread == 0)
                        continue;
                unread = 1;
                chain_skip(l->chain, p->faults[*fault].unread);
        }
        return unread;
}

/* All of a piece is judged before any of it is told, for runs and copies. damaged[k]: unreadable
 * ones stand before k. */
static void judge_piece(struct line *l, const struct piece *p, struct judged *judged, bool *damaged)
{
        size_t fault = 0;

        for (size_t k = 0; k < p->seals_n; k++) {
                damaged[k] = faults_skip(l, p, &fault, k) > 0;
                judged[k].kind = chain_judge(
                        l->chain, &p->seals[k].chain, NULL, judged[k].text, sizeof judged[k].text);
                l->broken = l->broken || judged[k].kind != VERDICT_AUTHENTIC;
        }
        faults_skip(l, p, &fault, p->seals_n);
}

static bool tell_piece(
        struct line *l, size_t piece, const struct judged *judged, const bool *damaged)
{
        const struct piece *p = &l->pieces[piece];
        size_t fault = 0, k = 0;
        bool whole = p->faults_n == 0;

        while (k < p->seals_n) {
                for (; fault < p->faults_n && p->faults[fault].at <= k; fault++)
                        tell_fault(l, piece, &p->faults[fault]);
                whole = whole && judged[k].kind == VERDICT_AUTHENTIC;
                if (judged[k].kind == VERDICT_AUTHENTIC || judged[k].kind == VERDICT_REMOVED) {
                        whole = tell_seal(l, p, k, &judged[k], damaged[k]) && whole;
                        k++;
                        continue;
                }
                size_t run = tell_run(l, p, k, judged);
                /* Faults inside of the run are told behind it. */
                k += run;
        }
        for (; fault < p->faults_n; fault++)
                tell_fault(l, piece, &p->faults[fault]);
        return whole;
}

static void line_piece(struct line *l, size_t piece)
{
        const struct piece *p = &l->pieces[piece];
        CLEANUP(own_freep) struct judged *judged = xcalloc(p->seals_n + 1, sizeof *judged);
        CLEANUP(own_freep) bool *damaged = xcalloc(p->seals_n + 1, sizeof *damaged);
        struct verdict_item at = at_piece(p);
        bool copy = p->seals_n > 0;

        l->v->segments++;
        l->v->fragments += p->seals_n;
        judge_piece(l, p, judged, damaged);
        for (size_t k = 0; k < p->seals_n; k++)
                copy = copy && judged[k].kind == VERDICT_DUPLICATED;
        if (p->misplaced != VERDICT_AUTHENTIC && !copy)
                tell(l, p->misplaced, p, &at, "sealed to stand in the vault as %s, not here",
                        p->object_key);
        /* Whose seals they are matters more than where they stand. */
        if (p->misplaced != VERDICT_AUTHENTIC &&
                (p->standing == VERDICT_FOREIGN || p->standing == VERDICT_KEY_NOT_TRUSTED))
                tell(l, p->standing, p, &at, "%s", p->standing_text);
        if (tell_piece(l, piece, judged, damaged) && p->index_wrong)
                tell(l, VERDICT_EDITED, p, &at, "%s", p->index_text);
}

static const char *link_text(const struct seal_link *s, char to[static 64])
{
        char hex[9];

        snprintf(to, 64, "seal %" PRIu64 " of epoch %s", s->sequence,
                str_hex(hex, BYTES(s->epoch, 4)));
        return to;
}

/* What may be claimed of the whole line, and what of its end. */
static void line_conclude(struct line *l)
{
        char a[64], b[64];

        if (!l->first)
                return;
        struct verdict_item at = { .from_us = l->first->first_us, .to_us = l->last->last_us };
        if (!l->broken)
                tell(l, VERDICT_NOTE, l->before, &at, "complete from %s to %s",
                        link_text(&l->first->chain.self, a), link_text(&l->last->chain.self, b));
        at.from_us = l->last->last_us;
        if (l->kind != LINE_EXPORT && !l->before->ends)
                tell(l, VERDICT_NOTE, l->before, &at,
                        "this segment is open (being written, or the recorder stopped): what came "
                        "behind %s cannot be proved",
                        link_text(&l->last->chain.self, b));
}

void line_judge(enum line_kind kind, const char *stream, struct piece *pieces, size_t n,
        struct signers *signers, struct verdict *v)
{
        CLEANUP(chain_freep) struct chain *chain = chain_new(stream);
        struct line l = {
                .kind = kind, .stream = stream, .v = v, .chain = chain, .pieces = pieces, .n = n
        };

        for (size_t i = 0; i < n; i++) {
                if (pieces[i].unproved.n)
                        piece_prove(&pieces[i], signers);
                piece_fill_times(&pieces[i]);
        }
        if (kind == LINE_VAULT)
                line_sort(pieces, n);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < pieces[i].seals_n; k++)
                        chain_announce(chain, &pieces[i].seals[k].chain);
        for (size_t i = 0; i < n; i++)
                line_piece(&l, i);
        line_conclude(&l);
}
