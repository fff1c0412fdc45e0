/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/file.h"
#include "seal/segment.h"
#include "vault/index_lock.h"
#include "vault/index_timeline.h"
#include "vault/lock_record.h"
#include "vault/segment_skim.h"
#include "vault/vault_tail.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define SEGMENTS_MAX (64u << 20)

/* A segment and its place in the chain. */
struct rebuild_item {
        struct index_segment segment;
        struct seal_link before, last;
        int64_t sealed_us;
        bool placed;
        struct seal_gap *gaps; /* owned; of all its seals */
        unsigned gaps_n;
};

/* The items of one stream. */
struct rebuild {
        struct vault_set *set;
        void (*on_segment)(void *owner, const char *object_key);
        void *owner;
        struct index *index;
        struct rebuild_result result;
        struct rebuild_item *items;
        size_t items_n, items_room;
        struct rebuild_item **by_before; /* sorted by the link before */
};

static void fill(const struct segment *s, const char *object_key, struct index_segment *ret)
{
        const struct segment_fragment *first = &s->fragments[0],
                                      *last = &s->fragments[s->fragments_n - 1];

        *ret = (struct index_segment){
                .first_us = first->seal.first_arrival_us,
                .last_us = last->seal.last_arrival_us,
                .bytes = s->unsealed_from,
                .first_seq = first->seal.sequence,
                .last_seq = last->seal.sequence,
                .fragments = s->fragments_n,
                .closed = s->closed,
                .ended = true,
        };
        seal_hash(last->seal_payload, ret->last_hash);
        memcpy(ret->epoch, last->seal.epoch, sizeof ret->epoch);
        snprintf(ret->stream, sizeof ret->stream, "%s", s->head.stream);
        snprintf(ret->object_key, sizeof ret->object_key, "%s", object_key);
        ret->created_us = vault_walk_time_of(object_key);
}

static void fill_gaps(const struct segment *s, struct rebuild_item *item)
{
        for (unsigned i = 0; i < s->fragments_n; i++) {
                const struct seal *seal = &s->fragments[i].seal;
                if (seal->gaps_n == 0)
                        continue;
                item->gaps = xrealloc(item->gaps, item->gaps_n + seal->gaps_n, sizeof *item->gaps);
                memcpy(item->gaps + item->gaps_n, seal->gaps, seal->gaps_n * sizeof *item->gaps);
                item->gaps_n += seal->gaps_n;
        }
}

static int read_item(
        const char *vault, const char *object_key, struct rebuild_item *ret, struct err *e)
{
        char path[PATH_ROOM];
        struct segment_skim skim;
        struct segment s;

        snprintf(path, sizeof path, "%s/%s", vault, object_key);
        int r = segment_skim_open(path, &skim, e);
        if (r < 0)
                return r;
        r = skim.bytes.n ? segment_read(skim.bytes, &s, e)
                         : err_set(e, ERR_NOT_FOUND, "%s is empty", object_key);
        if (r == 0 && s.fragments_n == 0) {
                segment_done(&s);
                r = err_set(e, ERR_NOT_FOUND, "nothing in %s is sealed", object_key);
        } else if (r == 0) {
                const struct segment_fragment *last = &s.fragments[s.fragments_n - 1];
                fill(&s, object_key, &ret->segment);
                ret->before = s.fragments[0].seal.previous;
                ret->last = seal_link_of(&last->seal, last->seal_payload);
                ret->sealed_us = s.fragments[0].seal.sealed_us;
                ret->placed = false;
                ret->gaps = NULL;
                ret->gaps_n = 0;
                fill_gaps(&s, ret);
                segment_done(&s);
        }
        segment_skim_close(&skim);
        return r;
}

int rebuild_read_segment(const char *vault, const char *object_key, struct index_segment *ret,
        struct seal_link *ret_before, struct seal_link *ret_last, struct err *e)
{
        struct rebuild_item item;
        int r = read_item(vault, object_key, &item, e);

        if (r < 0)
                return r;
        free(item.gaps);
        *ret = item.segment;
        if (ret_before)
                *ret_before = item.before;
        if (ret_last)
                *ret_last = item.last;
        return 0;
}

/* --- the files of one stream --- */

struct rebuild_place {
        struct rebuild *b;
        const struct vault_set_member *member;
};

static int on_segment(void *owner, const char *object_key, struct err *e)
{
        struct rebuild_place *place = owner;
        struct rebuild *b = place->b;

        if (b->items_n == b->items_room) {
                if (b->items_room >= SEGMENTS_MAX)
                        return err_set(e, ERR_EXHAUSTED, "more than %u segments in one stream",
                                SEGMENTS_MAX);
                b->items_room = b->items_room ? 2 * b->items_room : 256;
                b->items = xrealloc(b->items, b->items_room, sizeof *b->items);
        }
        if (b->on_segment)
                b->on_segment(b->owner, object_key);
        /* A file that cannot be read is for custos vault check to tell; the index is of what can
         * be. */
        if (read_item(place->member->path, object_key, &b->items[b->items_n], NULL) < 0)
                b->result.unreadable++;
        else
                b->items[b->items_n++].segment.volume = place->member->number;
        return 0;
}

/* --- the order of the seals (docs/spec/vault.md section 1) --- */

static int compare_links(const struct seal_link *a, const struct seal_link *b)
{
        int c = memcmp(a->hash, b->hash, sizeof a->hash);

        if (c == 0)
                c = memcmp(a->epoch, b->epoch, sizeof a->epoch);
        return c ? c : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static int by_before(const void *a, const void *b)
{
        const struct rebuild_item *const *x = a, *const *y = b;

        return compare_links(&(*x)->before, &(*y)->before);
}

static int by_time(const void *a, const void *b)
{
        const struct rebuild_item *x = a, *y = b;

        return (x->sealed_us > y->sealed_us) - (x->sealed_us < y->sealed_us);
}

static int by_name(const void *a, const void *b)
{
        const struct rebuild_item *x = a, *y = b;
        int c = strcmp(x->segment.object_key, y->segment.object_key);

        return c ? c
                 : (x->segment.volume > y->segment.volume) -
                               (x->segment.volume < y->segment.volume);
}

/* A segment that lies on two volumes (somebody copied it) is looked for on the first. */
static void drop_copies(struct rebuild *b)
{
        size_t kept = 0;

        if (b->items_n == 0)
                return;
        qsort(b->items, b->items_n, sizeof *b->items, by_name);
        for (size_t i = 0; i < b->items_n; i++) {
                if (i > 0 && strcmp(b->items[kept - 1].segment.object_key,
                                     b->items[i].segment.object_key) == 0) {
                        b->result.copies++;
                        free(b->items[i].gaps);
                } else {
                        b->items[kept++] = b->items[i];
                }
        }
        b->items_n = kept;
}

/* The segment whose first seal names this one, not placed yet. */
static struct rebuild_item *follower(const struct rebuild *b, const struct seal_link *last)
{
        size_t low = 0, high = b->items_n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (compare_links(&b->by_before[middle]->before, last) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < b->items_n && compare_links(&b->by_before[low]->before, last) == 0; low++) {
                if (!b->by_before[low]->placed)
                        return b->by_before[low];
        }
        return NULL;
}

static int place_chain(struct rebuild *b, struct rebuild_item *item, struct err *e)
{
        int r = 0;

        for (; item && r == 0; item = follower(b, &item->last)) {
                item->placed = true;
                r = index_put(b->index, &item->segment, e);
                if (r == 0)
                        r = index_timeline_drop_gaps(b->index, item->segment.object_key, e);
                if (r == 0)
                        r = index_timeline_put_gaps(
                                b->index, item->segment.object_key, item->gaps, item->gaps_n, e);
                b->result.segments++;
                b->result.bytes += item->segment.bytes;
        }
        return r;
}

static bool has_predecessor(const struct rebuild *b, const struct rebuild_item *item,
        struct rebuild_item *const *by_last)
{
        size_t low = 0, high = b->items_n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = compare_links(&by_last[middle]->last, &item->before);
                if (c == 0)
                        return true;
                if (c < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

static int by_last(const void *a, const void *b)
{
        const struct rebuild_item *const *x = a, *const *y = b;

        return compare_links(&(*x)->last, &(*y)->last);
}

/* Chains in the order in which they begin; each from its first segment on. What is left (a ring of
 * forged links) by time. */
static int place_all(struct rebuild *b, struct err *e)
{
        int r = 0;

        drop_copies(b);
        size_t n = b->items_n;
        if (n == 0)
                return 0;
        CLEANUP(own_freep) struct rebuild_item **lasts = xcalloc(n, sizeof *lasts);
        qsort(b->items, n, sizeof *b->items, by_time);
        b->by_before = xcalloc(n, sizeof *b->by_before);
        for (size_t i = 0; i < n; i++)
                b->by_before[i] = lasts[i] = &b->items[i];
        qsort(b->by_before, n, sizeof *b->by_before, by_before);
        qsort(lasts, n, sizeof *lasts, by_last);
        for (size_t i = 0; i < n && r == 0; i++) {
                if (!b->items[i].placed && !has_predecessor(b, &b->items[i], lasts))
                        r = place_chain(b, &b->items[i], e);
        }
        for (size_t i = 0; i < n && r == 0; i++) {
                if (!b->items[i].placed)
                        r = place_chain(b, &b->items[i], e);
        }
        free(b->by_before);
        b->by_before = NULL;
        return r;
}

/* --- the volumes --- */

static void leave_out(struct rebuild *b, const struct vault_set_member *member)
{
        struct rebuild_away *away = &b->result.away[b->result.away_n++];

        away->number = member->number;
        snprintf(away->text, sizeof away->text, "%s", member->away);
}

static void forget_items(struct rebuild *b)
{
        for (size_t i = 0; i < b->items_n; i++)
                free(b->items[i].gaps);
        b->items_n = 0;
}

static int on_stream(void *owner, const char *stream, struct err *e)
{
        struct rebuild *b = owner;
        struct err why;

        forget_items(b);
        b->result.streams++;
        for (unsigned i = 0; i < b->set->n; i++) {
                struct vault_set_member *member = &b->set->members[i];
                struct rebuild_place place = { b, member };
                int r = member->away ? 0
                                     : vault_walk_segments(member->path, stream, NULL, on_segment,
                                               &place, &why);
                if (r < 0 && why.code != ERR_IO)
                        return err_set(e, why.code, "%s", why.text);
                if (r < 0) { /* a disk that fails now; what was read of it is true */
                        member->away = xstrdup(why.text);
                        leave_out(b, member);
                }
        }
        int r = index_begin(b->index, e);
        if (r < 0)
                return r;
        r = place_all(b, e);
        if (r == 0)
                return index_commit(b->index, e);
        index_rollback(b->index);
        return r;
}

static int on_any_stream(void *owner, const char *stream, struct err *e)
{
        (void)owner;
        (void)stream;
        (void)e;
        return 0;
}

/* Those that are away, and those whose directory cannot be read. */
static void leave_out_all(struct rebuild *b)
{
        struct err why;

        for (unsigned i = 0; i < b->set->n; i++) {
                struct vault_set_member *member = &b->set->members[i];
                if (!member->away &&
                        vault_walk_streams(member->path, on_any_stream, NULL, &why) < 0)
                        member->away = xstrdup(why.text);
                if (member->away)
                        leave_out(b, member);
        }
}

/* --- locks --- */

static int on_lock(void *owner, const char *name, struct err *e)
{
        struct rebuild_place *place = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", place->member->path, name);
        CLEANUP(buf_done) struct buf text;
        struct lock_record lock;
        struct rebuild *b = place->b;

        buf_init(&text, LOCK_RECORD_FILE_MAX);
        if (file_read(path, LOCK_RECORD_FILE_MAX, &text, NULL) < 0 ||
                lock_record_parse(buf_bytes(&text), &lock, NULL) < 0) {
                b->result.unreadable_locks++;
                return 0;
        }
        CLEANUP(own_freep) char *copy = xasprintf("%.*s", (int)text.n, (const char *)text.p);
        return index_lock_put(b->index, lock.id, lock.stream, lock.from_us, lock.to_us, copy, e);
}

/* A lock lies on every volume: each once. */
static int rebuild_locks(struct rebuild *b, struct err *e)
{
        int r = index_begin(b->index, e);

        for (unsigned i = 0; r == 0 && i < b->set->n; i++) {
                struct vault_set_member *member = &b->set->members[i];
                struct rebuild_place place = { b, member };
                struct err why;
                r = member->away ? 0 : vault_walk_locks(member->path, on_lock, &place, &why);
                if (r == ERR_IO) {
                        member->away = xstrdup(why.text);
                        leave_out(b, member);
                        r = 0;
                } else if (r < 0) {
                        err_set(e, r, "%s", why.text);
                }
        }
        if (r == 0)
                r = index_lock_count(b->index, &b->result.locks, e);
        if (r == 0)
                return index_commit(b->index, e);
        index_rollback(b->index);
        return r;
}

/* --- the file --- */

static void remove_index(const char *path)
{
        static const char *const parts[] = { "", "-wal", "-shm" };

        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                CLEANUP(own_freep) char *part = xasprintf("%s%s", path, parts[i]);
                unlink(part);
        }
}

int rebuild_into(struct index *ix, struct vault_set *set,
        void (*on_each)(void *owner, const char *object_key), void *owner,
        struct rebuild_result *ret, struct err *e)
{
        struct rebuild b = { .set = set, .on_segment = on_each, .owner = owner, .index = ix };

        leave_out_all(&b);
        int r = vault_set_streams(set, on_stream, &b, e);
        if (r == 0)
                r = rebuild_locks(&b, e);
        forget_items(&b);
        free(b.items);
        if (r == 0 && ret)
                *ret = b.result;
        return r;
}

int rebuild_index(const char *directory, const struct volume_list *volumes,
        void (*on_each)(void *owner, const char *object_key), void *owner,
        struct rebuild_result *ret, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", directory, INDEX_NAME);
        CLEANUP(own_freep) char *fresh = xasprintf("%s.new", path);
        struct index *ix = NULL;
        struct vault_set set;

        remove_index(fresh);
        vault_set_of_list(volumes, &set);
        /* What cannot be mended now is when a recorder asks for its end. */
        for (unsigned i = 0; i < set.n; i++) {
                if (!set.members[i].away)
                        (void)!vault_tail_mend(set.members[i].path, NULL);
        }
        int r = index_create(fresh, &ix, e);
        if (r == 0)
                r = rebuild_into(ix, &set, on_each, owner, ret, e);
        index_free(ix); /* the last connection: its log goes into the file */
        vault_set_done(&set);
        if (r == 0) {
                remove_index(path);
                if (rename(fresh, path) < 0)
                        r = err_os(e, ERR_IO, errno, "rename %s", fresh);
        }
        if (r == 0)
                r = file_sync_dir(directory, e);
        if (r < 0)
                remove_index(fresh);
        return r;
}
