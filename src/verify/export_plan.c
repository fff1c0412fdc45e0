/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/export_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "seal/epoch_order.h"
#include "verify/line.h"
#include "verify/segment_inspect.h"

#define SEGMENT_MAX_US INT64_C(60000000)

/* A segment that may have some of the range, and what was found in it. */
struct candidate {
        struct export_plan_segment s; /* first */
        uint8_t *kept;
        struct piece piece;
        size_t epoch;
};

struct export_plan {
        struct export_plan_query q;
        struct signers *signers;
        size_t n, room;
        struct candidate **candidates; /* owned, each */
        uint64_t kept, bytes;
        unsigned damaged;
};

static void candidate_free(struct candidate *c)
{
        piece_done(&c->piece);
        free(c->s.fragments);
        free(c->kept);
        explicit_bzero(c->s.key, sizeof c->s.key);
        free(c);
}

int export_plan_new(const struct export_plan_query *q, struct export_plan **ret, struct err *e)
{
        if (q->to_us < q->from_us || q->to_us - q->from_us > EXPORT_PLAN_RANGE_MAX_US)
                return err_set(e, ERR_INVALID,
                        "the range has to end behind its beginning, within 31 days");
        struct export_plan *p = xcalloc(1, sizeof *p);
        p->q = *q;
        p->signers = signers_new(q->trust);
        *ret = p;
        return 0;
}

struct export_plan *export_plan_free(struct export_plan *p)
{
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n; i++)
                candidate_free(p->candidates[i]);
        free(p->candidates);
        signers_free(p->signers);
        free(p);
        return NULL;
}

/* --- one file --- */

int export_plan_damaged(struct export_plan *p, const char *where, const char *text, struct err *e)
{
        p->damaged++;
        if (!p->q.skip_damaged)
                return err_set(e, ERR_CORRUPT, "%s: %s", where, text);
        if (p->q.on_damaged)
                p->q.on_damaged(p->q.owner, where, text);
        return 0;
}

/* Nothing of it can be in the range, by the times that its seals state. */
static bool is_outside(const struct export_plan *p, const struct segment *s)
{
        return s->fragments_n == 0 || s->fragments[0].seal.first_arrival_us > p->q.to_us ||
               s->fragments[s->fragments_n - 1].seal.last_arrival_us < p->q.from_us;
}

/* A file whose header cannot be read: damage, where it may have some of the range. One in which
 * nothing was ever sealed (its process died at once) is none. */
static int tell_unreadable(
        struct export_plan *p, const struct piece *piece, const char *name, struct err *e)
{
        for (size_t i = 0; i < piece->faults_n; i++) {
                const struct piece_fault *fault = &piece->faults[i];
                int64_t end_us =
                        fault->item.to_us > piece->named_us ? fault->item.to_us : piece->named_us;
                if (!fault->on_tail && end_us + SEGMENT_MAX_US >= p->q.from_us)
                        return export_plan_damaged(p, name, fault->item.text, e);
        }
        return 0;
}

static bool is_intact(const struct piece *p, const struct segment_fragment *f)
{
        for (size_t k = 0; k < p->seals_n; k++)
                if (p->seals[k].offset == f->offset)
                        return p->seals[k].intact;
        return false;
}

static struct bytes keep(uint8_t **to, struct bytes b)
{
        struct bytes kept = BYTES(*to, b.n);

        if (b.n)
                memcpy(*to, b.p, b.n);
        *to += b.n;
        return kept;
}

/* What goes along of it, apart from its file. */
static struct candidate *candidate_new(
        const struct segment *s, struct piece *piece, unsigned at, const char *name, size_t *ret_n)
{
        struct candidate *c = xcalloc(1, sizeof *c);
        size_t n = s->header_bytes.n;

        for (unsigned i = 0; i < s->fragments_n; i++)
                n += s->fragments[i].moof.n + s->fragments[i].seal_payload.n;
        c->kept = xcalloc(1, n + 1);
        uint8_t *to = c->kept;
        c->s.at = at;
        snprintf(c->s.name, sizeof c->s.name, "%s", name);
        memcpy(c->s.kid, s->head.kid, sizeof c->s.kid);
        c->s.header = keep(&to, s->header_bytes);
        c->s.fragments = xcalloc(s->fragments_n + 1u, sizeof *c->s.fragments);
        for (unsigned i = 0; i < s->fragments_n; i++) {
                const struct segment_fragment *f = &s->fragments[i];
                c->s.fragments[c->s.fragments_n++] =
                        (struct export_plan_fragment){ .offset = f->offset,
                                .moof = keep(&to, f->moof),
                                .seal = keep(&to, f->seal_payload),
                                .bytes = f->mdat.n,
                                .first_us = f->seal.first_arrival_us,
                                .last_us = f->seal.last_arrival_us,
                                .intact = is_intact(piece, f) };
        }
        c->piece = *piece;
        *piece = (struct piece){ 0 };
        *ret_n = n;
        return c;
}

static int check_room(const struct export_plan *p, struct err *e)
{
        if (p->n > p->q.segments_max)
                return err_set(e, ERR_EXHAUSTED,
                        "more than %zu segments of a minute: export a shorter range, or one behind "
                        "the other",
                        p->q.segments_max);
        if (p->kept > p->q.bytes_max)
                return err_set(e, ERR_EXHAUSTED,
                        "more than %" PRIu64 " MiB of seals and tables: export a shorter range, or "
                        "one behind the other",
                        p->q.bytes_max >> 20);
        return 0;
}

/* s was read, and has something of the range by its own word. */
static int add_segment(struct export_plan *p, const struct segment *s, struct piece *piece,
        unsigned at, const char *name, struct export_plan_segment **ret, struct err *e)
{
        size_t n;

        if (strcmp(s->head.stream, p->q.stream) != 0)
                return export_plan_damaged(p, name, "a segment of another stream", e);
        if (p->n == p->room) {
                p->room = p->room ? 2 * p->room : 64;
                p->candidates = xrealloc(p->candidates, p->room, sizeof(struct candidate *));
        }
        struct candidate *c = candidate_new(s, piece, at, name, &n);
        p->candidates[p->n++] = c;
        p->kept += n;
        int r = check_room(p, e);
        if (r == 0 && ret)
                *ret = &c->s;
        return r < 0 ? r : 1;
}

int export_plan_add(struct export_plan *p, unsigned at, const char *name, struct bytes file,
        struct export_plan_segment **ret, struct err *e)
{
        CLEANUP(piece_done) struct piece piece = { 0 };
        CLEANUP(segment_done) struct segment s = { 0 };
        int r;

        if (file.n == 0)
                return 0; /* made ahead, nothing in it yet */
        bool readable = segment_read(file, &s, NULL) == 0;
        if (readable && is_outside(p, &s))
                return 0;
        piece_init(&piece, name);
        piece.named_us = piece_time_of_key(name);
        segment_inspect(file, p->signers, &piece);
        piece_fill_times(&piece);
        if (readable && piece.signer)
                r = add_segment(p, &s, &piece, at, name, ret, e);
        else
                r = tell_unreadable(p, &piece, name, e);
        return r;
}

static bool in_range(const struct export_plan *p, const struct export_plan_fragment *f)
{
        return f->first_us <= p->q.to_us && f->last_us >= p->q.from_us;
}

struct bytes export_plan_seal(const struct export_plan *p, const struct export_plan_segment *s)
{
        for (unsigned i = 0; i < s->fragments_n; i++)
                if (s->fragments[i].intact && in_range(p, &s->fragments[i]))
                        return s->fragments[i].seal;
        return BYTES(NULL, 0);
}

void export_plan_set_key(struct export_plan_segment *s, const uint8_t key[static 16])
{
        memcpy(s->key, key, sizeof s->key);
        s->has_key = true;
}

/* --- order --- */

static int by_seals(const void *a, const void *b)
{
        const struct candidate *x = *(struct candidate *const *)a,
                               *y = *(struct candidate *const *)b;
        uint64_t sx = x->piece.seals_n ? x->piece.seals[0].chain.self.sequence : 0;
        uint64_t sy = y->piece.seals_n ? y->piece.seals[0].chain.self.sequence : 0;

        if (x->epoch != y->epoch)
                return x->epoch < y->epoch ? -1 : 1;
        return sx != sy ? (sx < sy ? -1 : 1) : strcmp(x->s.name, y->s.name);
}

static void find_order(struct export_plan *p)
{
        struct epoch_order *epochs = epoch_order_new();

        for (size_t i = 0; i < p->n; i++) {
                const struct piece *piece = &p->candidates[i]->piece;
                for (size_t k = 0; k < piece->seals_n; k++)
                        epoch_order_add(epochs, &piece->seals[k].chain.self,
                                &piece->seals[k].chain.previous, piece->seals[k].sealed_us);
        }
        for (size_t i = 0; i < p->n; i++) {
                struct candidate *c = p->candidates[i];
                c->epoch = c->piece.seals_n
                                   ? epoch_order_rank(epochs, c->piece.seals[0].chain.self.epoch)
                                   : SIZE_MAX;
        }
        if (p->n)
                qsort(p->candidates, p->n, sizeof(struct candidate *), by_seals);
        epoch_order_free(epochs);
}

/* --- choice --- */

static bool begins_with_key(const struct export_plan_fragment *fragment)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };

        if (fmp4_read_moof(fragment->moof, &layout, NULL) < 0 || layout.tracks_n == 0)
                return false;
        return layout.tracks[0].samples_n && layout.tracks[0].samples[0].key;
}

/* What the segment's look said about damage in the range. Notes about its end are not damage of
 * what is taken. */
static int tell_faults(struct export_plan *p, const struct piece *piece, struct err *e)
{
        int r = 0;

        for (size_t i = 0; i < piece->faults_n && r == 0; i++) {
                const struct verdict_item *item = &piece->faults[i].item;
                char where[260];
                if (item->kind == VERDICT_CANNOT_TELL || item->from_us > p->q.to_us ||
                        item->to_us < p->q.from_us)
                        continue;
                r = export_plan_damaged(p, verdict_where(item, where, sizeof where), item->text, e);
        }
        return r;
}

/* The fragments of one segment that are in the range, from the key frame that the first one needs.
 */
static int choose(struct export_plan *p, struct candidate *c, bool first, struct err *e)
{
        struct export_plan_segment *s = &c->s;
        unsigned begin = 0, n = s->fragments_n;

        int r = tell_faults(p, &c->piece, e);
        if (r < 0)
                return r;
        while (begin < n && !in_range(p, &s->fragments[begin]))
                begin++;
        while (first && begin > 0 && begin < n && !begins_with_key(&s->fragments[begin]))
                begin--;
        s->fragments_n = 0;
        for (unsigned i = begin; i < n && s->fragments[i].first_us <= p->q.to_us; i++)
                if (s->fragments[i].intact)
                        s->fragments[s->fragments_n++] = s->fragments[i];
        return 0;
}

int export_plan_settle(struct export_plan *p, struct err *e)
{
        size_t kept = 0;
        int r = 0;

        find_order(p);
        for (size_t i = 0; i < p->n; i++) {
                struct candidate *c = p->candidates[i];
                r = r < 0 ? r : choose(p, c, kept == 0, e);
                if (r < 0 || c->s.fragments_n == 0) {
                        candidate_free(c);
                        continue;
                }
                for (unsigned k = 0; k < c->s.fragments_n; k++)
                        p->bytes += c->s.fragments[k].bytes;
                p->candidates[kept++] = c;
        }
        p->n = kept;
        if (r == 0 && kept == 0)
                r = err_set(
                        e, ERR_NOT_FOUND, "nothing of %s was recorded in that time", p->q.stream);
        return r;
}

/* As a verifier will see the chosen fragments: intact, in this order. */
static void piece_of(const struct candidate *c, struct piece *ret)
{
        struct seal *seal = xcalloc(1, sizeof *seal);

        piece_init(ret, c->s.name);
        ret->signer = c->piece.signer;
        ret->standing = c->piece.standing;
        ret->named_us = c->s.fragments[0].first_us;
        memcpy(ret->standing_text, c->piece.standing_text, sizeof ret->standing_text);
        memcpy(ret->object_key, c->piece.object_key, sizeof ret->object_key);
        for (unsigned i = 0; i < c->s.fragments_n; i++) {
                const struct export_plan_fragment *f = &c->s.fragments[i];
                if (seal_parse(f->seal, seal, NULL) == 0) /* it was when it was looked at */
                        piece_add_seal(ret, seal, f->seal, f->offset, f->offset, true);
        }
        free(seal);
}

int export_plan_judge(struct export_plan *p, struct err *e)
{
        struct piece *pieces = xcalloc(p->n + 1, sizeof *pieces);
        struct verdict v;
        char where[260];
        int r = 0;

        verdict_init(&v);
        for (size_t i = 0; i < p->n; i++)
                piece_of(p->candidates[i], &pieces[i]);
        line_judge(LINE_EXPORT, p->q.stream, pieces, p->n, p->signers, &v);
        for (size_t i = 0; i < v.items_n && r == 0 && !p->q.skip_damaged; i++) {
                const struct verdict_item *item = &v.items[i];
                if (item->kind < VERDICT_EDITED || item->kind > VERDICT_KEY_NOT_TRUSTED)
                        continue;
                r = err_set(e, ERR_CORRUPT, "the footage is not whole: %s: %s (%s)",
                        verdict_name(item->kind), item->text,
                        verdict_where(item, where, sizeof where));
        }
        for (size_t i = 0; i < p->n; i++)
                piece_done(&pieces[i]);
        free(pieces);
        verdict_done(&v);
        return r;
}

size_t export_plan_segments(const struct export_plan *p)
{
        return p->n;
}

struct export_plan_segment *export_plan_segment(const struct export_plan *p, size_t i)
{
        return &p->candidates[i]->s;
}

uint64_t export_plan_bytes(const struct export_plan *p)
{
        return p->bytes;
}

unsigned export_plan_damages(const struct export_plan *p)
{
        return p->damaged;
}

/* --- one file --- */

static bool has_tracks(const struct evidence *ev)
{
        const struct fmp4_header *h = &ev->segments[0].header;
        bool any = false;

        for (unsigned i = 0; i < h->tracks_n; i++)
                any = any || evidence_has_track(ev, h->tracks[i].id);
        return any;
}

int export_plan_join(const struct export_plan *p, size_t *at, struct evidence *ev, struct err *e)
{
        size_t begin = *at;

        ev->from_us = p->q.from_us;
        ev->to_us = p->q.to_us;
        ev->without_audio = p->q.without_audio;
        for (; *at < p->n; ++*at) {
                const struct export_plan_segment *s = &p->candidates[*at]->s;
                int r = s->has_key ? evidence_add_segment(ev, s->header, s->key, e)
                                   : err_set(e, ERR_NOT_FOUND, "its key is not there");
                if (r == ERR_STATE && *at > begin)
                        return 0;
                for (unsigned k = 0; r == 0 && k < s->fragments_n; k++)
                        r = evidence_add_fragment(
                                ev, s->fragments[k].moof, s->fragments[k].seal, e);
                if (r == 0 && *at == begin && !has_tracks(ev))
                        r = err_set(e, ERR_INVALID,
                                "there is nothing but sound; leave --without-audio out");
                if (r < 0)
                        return err_wrap(e, r, "%s", s->name);
        }
        return 0;
}

/* --- its samples --- */

int export_plan_open(struct export_plan_source *s, const struct export_plan_segment *planned,
        struct bytes file, struct err *e)
{
        *s = (struct export_plan_source){ .planned = planned };
        int r = segment_read(file, &s->segment, e);
        if (r == 0 && !bytes_equal(s->segment.header_bytes, planned->header))
                r = err_set(e, ERR_CORRUPT, "another header than when it was looked at");
        if (r < 0) {
                export_plan_close(s);
                return err_wrap(e, ERR_CORRUPT, "%s", planned->name);
        }
        return 0;
}

void export_plan_close(struct export_plan_source *s)
{
        segment_done(&s->segment);
        *s = (struct export_plan_source){ 0 };
}

static int find_fragment(
        const struct segment *s, const struct export_plan_fragment *f, unsigned *ret, struct err *e)
{
        for (unsigned i = 0; i < s->fragments_n; i++) {
                const struct segment_fragment *found = &s->fragments[i];
                if (found->offset != f->offset || !bytes_equal(found->moof, f->moof) ||
                        !bytes_equal(found->seal_payload, f->seal))
                        continue;
                *ret = i;
                return 0;
        }
        return err_set(e, ERR_CORRUPT,
                "byte %" PRIu64 ": the fragment is not the one that was looked at", f->offset);
}

int export_plan_clear(const struct export_plan_source *s, unsigned i, const struct evidence *ev,
        struct buf *out, struct err *e)
{
        const struct export_plan_segment *planned = s->planned;
        unsigned k = 0;

        int r = find_fragment(&s->segment, &planned->fragments[i], &k, e);
        if (r == 0)
                r = segment_check_fragment(&s->segment, k, e);
        if (r < 0)
                return err_wrap(e, r, "%s", planned->name);
        const struct seal *seal = &s->segment.fragments[k].seal;
        for (unsigned t = 0; r == 0 && t < seal->tracks_n; t++)
                if (evidence_has_track(ev, seal->tracks[t].id))
                        r = segment_decrypt(
                                &s->segment, k, seal->tracks[t].id, planned->key, out, e);
        return r < 0 ? err_wrap(e, r, "%s", planned->name) : 0;
}
