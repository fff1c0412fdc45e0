/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_tail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "seal/segment.h"
#include "vault/segment_end.h"
#include "vault/segment_mend.h"
#include "vault/vault_tail_bound.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define HOURS_BACK 2 /* a file is made seconds after the one before */
#define FILES_BACK 4 /* with seals, looked at behind the newest */

/* One segment as it is found; nothing is changed by looking. */
struct tail_file {
        char object_key[HEAD_KEY_MAX];
        struct segment_end end;
        bool damaged, closed, has_last;
        bool durable; /* its beginning was, as is known */
        unsigned fragments;
        struct seal_link first_previous, last;
        int64_t first_monotonic_us, last_monotonic_us;
        int64_t first_arrival_us, last_arrival_us, sealed_us;
        uint64_t bytes, file_bytes; /* bytes: up to what stands */
};

/* What a search knows. */
struct tail_search {
        const char *vault, *stream;
        struct vault_tail *tail;
        bool alone; /* segments stand behind it: nothing in it was torn */
        const struct seal_link *durable;
};

static void path_of(const struct tail_search *s, const char *object_key, char path[PATH_ROOM])
{
        snprintf(path, PATH_ROOM, "%s/%s", s->vault, object_key);
}

/* --- looking --- */

static bool was_durable(const struct tail_search *s, const struct seal *seal)
{
        return s->durable && seal->sequence <= s->durable->sequence &&
               memcmp(seal->epoch, s->durable->epoch, sizeof seal->epoch) == 0;
}

static void look_at_segment(
        const struct tail_search *s, const struct segment *g, struct tail_file *f)
{
        f->end = (struct segment_end){ .keep = g->fragments_n };
        if (!s->alone)
                segment_end_judge(g, &f->end);
        while (f->end.keep < g->fragments_n && was_durable(s, &g->fragments[f->end.keep].seal))
                f->end.keep++;
        f->durable = was_durable(s, &g->fragments[0].seal);
        f->closed = g->closed && f->end.keep == g->fragments_n;
        if (f->end.keep == 0)
                return;
        const struct segment_fragment *first = &g->fragments[0];
        const struct segment_fragment *last = &g->fragments[f->end.keep - 1];
        f->bytes = f->closed ? g->unsealed_from : last->end;
        f->fragments = f->end.keep;
        f->has_last = last->seal.flags & SEAL_LAST;
        f->first_previous = first->seal.previous;
        f->first_monotonic_us = first->seal.monotonic_us;
        f->last = seal_link_of(&last->seal, last->seal_payload);
        f->last_monotonic_us = last->seal.monotonic_us;
        f->first_arrival_us = first->seal.first_arrival_us;
        f->last_arrival_us = last->seal.last_arrival_us;
        f->sealed_us = last->seal.sealed_us;
}

/* No fragment can be read: torn before the first sync, or damaged. */
static void look_at_bytes(const struct tail_search *s, struct bytes file, struct tail_file *f)
{
        struct seal first, last;
        struct bytes payload;
        unsigned n = segment_end_find_seals(file, &first, &last, &payload);

        if (n == 0 || (!s->alone && !was_durable(s, &first) && segment_end_never_synced(file)))
                return;
        f->damaged = true;
        f->durable = was_durable(s, &first);
        f->fragments = n;
        f->last = seal_link_of(&last, payload);
        f->first_arrival_us = first.first_arrival_us;
        f->last_arrival_us = last.last_arrival_us;
        f->sealed_us = last.sealed_us;
        f->last_monotonic_us = last.monotonic_us;
}

static bool has_something(const struct tail_file *f)
{
        return f->fragments;
}

static int look(
        const struct tail_search *s, const char *object_key, struct tail_file *ret, struct err *e)
{
        struct tail_file f = { 0 };
        char path[PATH_ROOM];
        struct file_map map;
        struct segment g;

        path_of(s, object_key, path);
        snprintf(f.object_key, sizeof f.object_key, "%s", object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        f.bytes = f.file_bytes = map.bytes.n;
        if (map.bytes.n && segment_read(map.bytes, &g, NULL) == 0) {
                if (g.fragments_n)
                        look_at_segment(s, &g, &f);
                else
                        look_at_bytes(s, map.bytes, &f);
                segment_done(&g);
        } else if (map.bytes.n) {
                look_at_bytes(s, map.bytes, &f);
        }
        file_map_done(&map);
        *ret = f;
        return 0;
}

/* --- mending --- */

/* Of a disk that fails, the end is wanted most: what cannot be mended now is when it can be written
 * to again. Nothing more is changed then, as the order of changes counts. */
static int unless_unwritable(
        const struct tail_search *s, int result, const struct err *why, struct err *e)
{
        if (result == 0)
                return 0;
        if (why->os_errno == EROFS || why->os_errno == EIO) {
                s->tail->unmended = why->os_errno;
                return 0;
        }
        if (e)
                *e = *why;
        return result;
}

/* Durable before anything in front of it is cut: else it could come back and seem to follow. */
static int drop(const struct tail_search *s, const struct tail_file *f, struct err *e)
{
        char path[PATH_ROOM];
        struct err why;

        if (s->tail->unmended)
                return 0;
        path_of(s, f->object_key, path);
        int r = unless_unwritable(s, segment_mend_delete(path, &why), &why, e);
        if (r == 0 && !s->tail->unmended) {
                s->tail->deleted++;
                s->tail->cut_bytes += f->file_bytes;
        }
        return r;
}

static int mend_mapped(const struct tail_search *s, const char *path, struct bytes file,
        struct tail_file *f, struct err *e)
{
        struct segment_mended mended;
        struct segment g;

        int r = segment_read(file, &g, e);
        if (r < 0)
                return r;
        if (g.fragments_n < f->end.keep)
                r = err_set(e, ERR_STATE, "%s changes while it is mended", path);
        else
                r = segment_mend(path, &g, f->end.keep, &mended, e);
        segment_done(&g);
        if (r < 0)
                return r;
        f->bytes = mended.bytes;
        s->tail->cut_bytes += mended.cut_bytes;
        s->tail->completed |= mended.completed;
        return 0;
}

static int mend(const struct tail_search *s, struct tail_file *f, struct err *e)
{
        char path[PATH_ROOM];
        struct file_map map;
        struct err why;

        if (f->damaged || s->tail->unmended)
                return 0;
        path_of(s, f->object_key, path);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        r = unless_unwritable(s, mend_mapped(s, path, map.bytes, f, &why), &why, e);
        file_map_done(&map);
        return r;
}

/* --- finding --- */

static bool same_epoch(const struct seal_link *a, const struct seal_link *b)
{
        return memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0;
}

/* Of two segments, whether b, which the index names, was recorded after a, whose name is the
 * newest. Where nothing links them and the clocks disagree, the wall clock was set back: names lie
 * then. */
static bool comes_after(const struct tail_file *b, const struct tail_file *a)
{
        if (seal_link_equal(&b->first_previous, &a->last))
                return true;
        if (seal_link_equal(&a->first_previous, &b->last))
                return false;
        if (same_epoch(&a->last, &b->last))
                return b->last.sequence > a->last.sequence;
        return b->sealed_us > a->sealed_us || b->last_monotonic_us > a->last_monotonic_us;
}

/* The names of one hour, ascending. */
struct tail_names {
        unsigned n, room;
        char (*keys)[HEAD_KEY_MAX];
};

static int on_name(void *owner, const char *object_key, struct err *e)
{
        struct tail_names *l = owner;

        (void)e;
        if (l->n == l->room) {
                l->room = l->room ? 2 * l->room : 128;
                l->keys = xrealloc(l->keys, l->room, sizeof *l->keys);
        }
        snprintf(l->keys[l->n++], HEAD_KEY_MAX, "%s", object_key);
        return 0;
}

/* A walk backwards through the names of a stream, from its newest hour. */
struct tail_walk {
        const struct tail_search *search;
        struct tail_names names; /* left of this hour */
        char hour[VAULT_WALK_HOUR_ROOM];
        unsigned hours;
};

static void tail_walk_done(struct tail_walk *w)
{
        free(w->names.keys);
}

/* The next name before; ERR_NOT_FOUND behind the last one that is of interest. */
static int walk_back(struct tail_walk *w, char ret[HEAD_KEY_MAX], struct err *e)
{
        const struct tail_search *s = w->search;

        while (w->names.n == 0) {
                if (w->hours == HOURS_BACK)
                        return ERR_NOT_FOUND;
                int r = vault_walk_hour_before(s->vault, s->stream, w->hour, w->hour, e);
                if (r < 0)
                        return r;
                r = vault_walk_segments(s->vault, s->stream, w->hour, on_name, &w->names, e);
                if (r < 0)
                        return r;
                /* Empty ones do not count: retention and this here leave such directories. */
                w->hours += w->names.n > 0;
        }
        snprintf(ret, HEAD_KEY_MAX, "%s", w->names.keys[--w->names.n]);
        return 0;
}

/* The next segment before with something in it; what has nothing is deleted. *lost: there was such
 * a file. Behind it by name stands only what was written later: had that been synced, so had been
 * what was in it, or that it was deleted. */
static int segment_back(struct tail_walk *w, struct tail_file *ret, bool *lost, struct err *e)
{
        char object_key[HEAD_KEY_MAX];
        struct tail_file f;

        for (;;) {
                int r = walk_back(w, object_key, e);
                if (r < 0)
                        return r;
                r = look(w->search, object_key, &f, e);
                if (r < 0)
                        return r == ERR_NOT_FOUND ? ERR_IO : r;
                if (has_something(&f)) {
                        *ret = f;
                        return 0;
                }
                *lost = true;
                r = drop(w->search, &f, e);
                if (r < 0)
                        return r;
        }
}

/* p is before f, and does not end where f begins. True when what stood between them was being
 * written when the power went: then f was too. False: it stands elsewhere, or was removed. */
static bool is_orphan(const struct tail_file *f, const struct tail_file *p, bool lost)
{
        return !f->durable && same_epoch(&p->last, &f->first_previous) &&
               p->last.sequence < f->first_previous.sequence &&
               (lost || p->end.torn || !p->has_last) &&
               f->first_monotonic_us - p->last_monotonic_us <= SEGMENT_END_UNSURE_US;
}

/* Back from the newest one, *f, as far as a crash can have reached. */
static int settle(struct tail_walk *w, struct tail_file *f, struct err *e)
{
        struct tail_file chain[FILES_BACK + 1] = { *f }; /* each goes on where the next one ends */
        bool lost = false;
        unsigned n = 1;
        int r = 0;

        while (r == 0 && n <= FILES_BACK) {
                const struct tail_file *at = &chain[n - 1];
                struct tail_file *p = &chain[n];
                if (at->end.settled || at->damaged)
                        break;
                r = segment_back(w, p, &lost, e);
                if (r == ERR_NOT_FOUND || (r == 0 && p->damaged)) {
                        r = 0;
                        break;
                }
                if (r == 0 && seal_link_equal(&p->last, &at->first_previous)) {
                        n++;
                } else if (r == 0 && is_orphan(at, p, lost)) {
                        for (unsigned i = 0; i < n && r == 0; i++)
                                r = drop(w->search, &chain[i], e);
                        chain[0] = *p;
                        n = 1;
                } else if (r == 0) {
                        break; /* it stands elsewhere, or was removed */
                }
        }
        /* The close of each may have been under way; the oldest first. */
        while (r == 0 && n-- > 0)
                r = mend(w->search, &chain[n], e);
        *f = chain[0];
        return r;
}

/* Walk from this name on, itself included. */
static int walk_from(struct tail_walk *w, const char *object_key, struct err *e)
{
        const struct tail_search *s = w->search;

        snprintf(w->hour, sizeof w->hour, "%.13s", object_key + strlen(s->stream) + 1);
        int r = vault_walk_segments(s->vault, s->stream, w->hour, on_name, &w->names, e);
        while (w->names.n && strcmp(w->names.keys[w->names.n - 1], object_key) > 0)
                w->names.n--;
        w->hours = 1;
        return r;
}

static int find_tail(struct tail_search *s, const char *hint, struct tail_file *ret, struct err *e)
{
        CLEANUP(tail_walk_done)
        struct tail_walk by_name = { .search = s, .hour = "9999-99-99/99" };
        CLEANUP(tail_walk_done) struct tail_walk by_hint = { .search = s };
        struct tail_walk *walk = &by_name;
        struct tail_file f, hinted;
        bool lost = false;

        int found = segment_back(&by_name, &f, &lost, e);
        if (found < 0 && found != ERR_NOT_FOUND)
                return found;
        /* The newest name is not that of the newest segment where the clock went back. */
        if (*hint && (found < 0 || strcmp(hint, f.object_key) != 0)) {
                int r = walk_from(&by_hint, hint, e);
                if (r == 0)
                        r = segment_back(&by_hint, &hinted, &lost, e);
                if (r < 0 && r != ERR_NOT_FOUND)
                        return r;
                if (r == 0 && (found < 0 || comes_after(&hinted, &f))) {
                        f = hinted;
                        walk = &by_hint;
                        found = 0;
                }
        }
        if (found < 0)
                return found;
        int r = settle(walk, &f, e);
        if (r == 0)
                *ret = f;
        return r;
}

static void take(struct vault_tail *tail, const struct tail_file *f)
{
        tail->empty = false;
        snprintf(tail->object_key, sizeof tail->object_key, "%s", f->object_key);
        tail->last = f->last;
        tail->first_arrival_us = f->first_arrival_us;
        tail->last_arrival_us = f->last_arrival_us;
        tail->bytes = f->bytes;
        tail->fragments = f->fragments;
        tail->closed = f->has_last;
        tail->damaged = f->damaged;
}

static int is_of(const char *stream, const char *object_key, struct err *e)
{
        if (!head_is_stream_path(stream) || !head_is_object_key(object_key, stream))
                return err_set(e, ERR_INVALID, "\"%s\" is not a segment of %s", object_key, stream);
        return 0;
}

int vault_tail_read(const char *vault, const char *stream, const char *object_key,
        const struct vault_tail_known *known, struct vault_tail *ret, struct err *e)
{
        struct vault_tail tail = { .empty = true };
        struct tail_search search = { vault, stream, &tail, false, known ? known->durable : NULL };
        struct tail_file f;
        int r = 0;

        if (*object_key || !head_is_stream_path(stream))
                r = is_of(stream, object_key, e);
        if (r == 0 && known && known->bound)
                r = vault_tail_bound_cut(vault, stream, object_key, known->bound, &tail, e);
        if (r < 0)
                return r;
        r = find_tail(&search, object_key, &f, e);
        if (r < 0 && r != ERR_NOT_FOUND)
                return r;
        if (r == 0)
                take(&tail, &f);
        *ret = tail;
        return 0;
}

int vault_tail_read_one(const char *vault, const char *stream, const char *object_key,
        struct vault_tail *ret, struct err *e)
{
        struct vault_tail tail = { .empty = true };
        struct tail_search search = { vault, stream, &tail, true, NULL };
        struct tail_file f;

        int r = is_of(stream, object_key, e);
        if (r == 0)
                r = look(&search, object_key, &f, e);
        if (r == 0)
                r = has_something(&f) ? mend(&search, &f, e) : drop(&search, &f, e);
        if (r < 0 && r != ERR_NOT_FOUND)
                return r;
        if (r == 0 && has_something(&f))
                take(&tail, &f);
        *ret = tail;
        return 0;
}

static int on_stream(void *owner, const char *stream, struct err *e)
{
        struct vault_tail tail;

        return vault_tail_read(owner, stream, "", NULL, &tail, e);
}

int vault_tail_mend(const char *vault, struct err *e)
{
        return vault_walk_streams(vault, on_stream, (void *)(uintptr_t)vault, e);
}
