/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_locks.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "net/link.h"
#include "os/clock.h"
#include "recorder/parent.h"
#include "recorder/parent_retention.h"
#include "recorder/parent_storage.h"
#include "vault/index_lock.h"
#include "vault/index_retention.h"

#define PARENT_LOCKS_PAGE_MAX 200
/* Bytes are counted a slice at a time: a lock of a year covers half a million segments. */
#define PARENT_LOCKS_TICK_MS 200
#define PARENT_LOCKS_SLICE_ROWS 500
#define PARENT_LOCKS_RANGES 50 /* of a slice, at most */
#define PARENT_LOCKS_TOLD 50   /* a tick */
#define PARENT_LOCKS_COUNT_EVERY_US INT64_C(60000000)

struct parent_locks_sum {
        uint32_t number;
        uint64_t bytes;
};

struct parent_locks {
        struct parent *parent;
        struct lock_set *set; /* NULL: to be read from the index */
        struct timer tick;
        char told[LOCK_RECORD_ID_ROOM]; /* the volumes have heard of those up to this one */
        bool told_all;
        unsigned telling;
        /* The count under way */
        bool counting;
        size_t range;
        struct retention_position at;
        struct parent_locks_sum sums[VOLUME_MAX];
        unsigned sums_n;
        /* The last one */
        struct parent_locks_sum known[VOLUME_MAX];
        unsigned known_n;
        int64_t counted_us; /* boot clock; 0: to be counted now */
};

/* What is locked */

static int parent_locks_on_lock(void *owner, const struct index_lock *l, struct err *e)
{
        (void)e;
        lock_set_add(owner, l->stream, l->from_us, l->to_us);
        return 0;
}

int parent_locks_set(struct parent_locks *l, const struct lock_set **ret, struct err *e)
{
        if (!l->set) {
                CLEANUP(lock_set_freep) struct lock_set *set = lock_set_new();
                int r = index_lock_each(l->parent->index, "", parent_locks_on_lock, set, e);
                if (r < 0)
                        return err_wrap(e, r, "locks");
                lock_set_seal(set);
                l->set = TAKE(set);
        }
        *ret = l->set;
        return 0;
}

static void parent_locks_changed(struct parent_locks *l)
{
        l->set = lock_set_free(l->set);
        l->counting = false;
        l->counted_us = 0;
}

/* Bytes */

static void parent_locks_on_segment(void *owner, uint32_t volume, uint64_t bytes)
{
        struct parent_locks *l = owner;
        unsigned i = 0;

        while (i < l->sums_n && l->sums[i].number != volume)
                i++;
        if (i == VOLUME_MAX)
                return;
        if (i == l->sums_n)
                l->sums[l->sums_n++] = (struct parent_locks_sum){ .number = volume };
        l->sums[i].bytes += bytes;
}

/* 1: there is more to count. */
static int parent_locks_count(struct parent_locks *l, struct err *e)
{
        const struct lock_set *set = NULL;
        const char *stream;
        int64_t from_us, to_us;

        int r = parent_locks_set(l, &set, e);
        for (unsigned n = 0; r == 0 && n < PARENT_LOCKS_RANGES; n++) {
                if (!lock_set_range(set, l->range, &stream, &from_us, &to_us))
                        return 0;
                r = index_retention_sum(l->parent->index, stream, from_us, to_us, &l->at,
                        PARENT_LOCKS_SLICE_ROWS, parent_locks_on_segment, l, e);
                if (r != 0)
                        return r;
                l->range++;
                l->at = (struct retention_position){ INT64_MIN, INT64_MIN };
        }
        return r < 0 ? r : 1;
}

/* A recorder that begins tells its volumes all locks again, a few at a time: one may have been away
 * when a lock was made, or be new. */
static int parent_locks_on_telling(void *owner, const struct index_lock *found, struct err *e)
{
        struct parent_locks *l = owner;

        (void)e;
        if (l->telling++ == PARENT_LOCKS_TOLD)
                return 1;
        snprintf(l->told, sizeof l->told, "%s", found->id);
        parent_storage_lock(l->parent->storage, found->id, found->text);
        return 0;
}

static void parent_locks_tell(struct parent_locks *l)
{
        struct err e;

        l->telling = 0;
        int r = index_lock_each(l->parent->index, l->told, parent_locks_on_telling, l, &e);
        if (r < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        l->told_all = r <= 0;
}

void parent_locks_tick(struct parent_locks *l)
{
        int64_t now = clock_boot_us();
        struct err e;

        if (!l->told_all)
                parent_locks_tell(l);
        if (!l->counting && l->counted_us && now - l->counted_us < PARENT_LOCKS_COUNT_EVERY_US)
                return;
        if (!l->counting) {
                l->counting = true;
                l->range = 0;
                l->sums_n = 0;
                l->at = (struct retention_position){ INT64_MIN, INT64_MIN };
        }
        int r = parent_locks_count(l, &e);
        if (r > 0)
                return;
        if (r < 0) {
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        } else {
                memcpy(l->known, l->sums, sizeof l->known);
                l->known_n = l->sums_n;
        }
        l->counting = false;
        l->counted_us = now;
}

static void parent_locks_on_tick(void *owner)
{
        parent_locks_tick(owner);
}

uint64_t parent_locks_bytes(const struct parent_locks *l, uint32_t volume)
{
        for (unsigned i = 0; i < l->known_n; i++) {
                if (l->known[i].number == volume)
                        return l->known[i].bytes;
        }
        return 0;
}

struct parent_locks *parent_locks_new(struct parent *p)
{
        struct parent_locks *l = xcalloc(1, sizeof *l);

        l->parent = p;
        timer_start(&l->tick, p->loop, PARENT_LOCKS_TICK_MS, PARENT_LOCKS_TICK_MS,
                parent_locks_on_tick, l);
        return l;
}

struct parent_locks *parent_locks_free(struct parent_locks *l)
{
        if (!l)
                return NULL;
        timer_done(&l->tick);
        lock_set_free(l->set);
        free(l);
        return NULL;
}

/* Requests */

static int parent_locks_unpack(json_t *body, struct lock_record *ret, struct err *e)
{
        const char *id, *stream, *from, *to, *by, *reason;
        struct lock_record l = { .made_us = clock_wall_us() };
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s:s, s:s, s:s}", "id", &id,
                    "stream", &stream, "from", &from, "to", &to, "by", &by, "reason", &reason) < 0)
                return err_set(e, ERR_INVALID, "lock.add: %s", why.text);
        if (strlen(id) >= sizeof l.id || strlen(stream) >= sizeof l.stream)
                return err_set(e, ERR_INVALID, "lock.add: id or stream is too long");
        if (strlen(by) >= sizeof l.by || strlen(reason) >= sizeof l.reason)
                return err_set(e, ERR_INVALID, "lock.add: by and reason have at most %d bytes",
                        LOCK_RECORD_TEXT_MAX - 1);
        int r = str_parse_time(from, &l.from_us, e);
        if (r == 0)
                r = str_parse_time(to, &l.to_us, e);
        if (r < 0)
                return err_wrap(e, ERR_INVALID, "lock.add");
        if (l.from_us > l.to_us)
                return err_set(e, ERR_INVALID, "lock.add: it ends before it begins");
        snprintf(l.id, sizeof l.id, "%s", id);
        snprintf(l.stream, sizeof l.stream, "%s", stream);
        snprintf(l.by, sizeof l.by, "%s", by);
        snprintf(l.reason, sizeof l.reason, "%s", reason);
        *ret = l;
        return 0;
}

static int parent_locks_on_same(void *owner, const struct index_lock *found, struct err *e)
{
        const struct lock_record *l = owner;
        struct lock_record old;

        int r = lock_record_parse(bytes_str(found->text), &old, e);
        if (r < 0)
                return r;
        bool same = strcmp(l->stream, old.stream) == 0 && l->from_us == old.from_us &&
                    l->to_us == old.to_us && strcmp(l->by, old.by) == 0 &&
                    strcmp(l->reason, old.reason) == 0;
        return same ? 0 : err_set(e, ERR_STATE, "lock.add: there is another lock of this id");
}

static int parent_locks_write(struct parent *p, const struct lock_record *l, struct err *e)
{
        struct buf text;
        unsigned n = 0;

        int r = index_lock_count(p->index, &n, e);
        if (r == 0 && n >= LOCK_SET_MAX)
                r = err_set(e, ERR_EXHAUSTED,
                        "there are %u locks: remove those that are not needed any more", n);
        if (r < 0)
                return r;
        buf_init(&text, LOCK_RECORD_FILE_MAX);
        r = lock_record_format(l, &text, e);
        if (r == 0)
                r = buf_append(&text, BYTES("", 1), e);
        if (r == 0)
                r = index_lock_put(p->index, l->id, l->stream, l->from_us, l->to_us,
                        (const char *)buf_bytes(&text).p, e);
        if (r == 0)
                parent_storage_lock(p->storage, l->id, (const char *)buf_bytes(&text).p);
        buf_done(&text);
        return r;
}

int parent_locks_add(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        struct lock_record l;

        int r = parent_locks_unpack(body, &l, e);
        if (r < 0)
                return r;
        r = index_lock_get(p->index, l.id, parent_locks_on_same, &l, e);
        if (r == ERR_NOT_FOUND) {
                r = parent_locks_write(p, &l, e);
                parent_locks_changed(p->locks);
                if (r == 0)
                        log_info(NULL, "lock.add", "id=%s stream=%s from=%s to=%s", l.id, l.stream,
                                str_time(from, l.from_us), str_time(to, l.to_us));
        }
        if (r == 0)
                *ret = json_object();
        return r;
}

int parent_locks_remove(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        char escaped[4 * LOCK_RECORD_ID_ROOM];
        const char *id;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "id", &id) < 0)
                return err_set(e, ERR_INVALID, "lock.remove: %s", why.text);
        if (strlen(id) >= LOCK_RECORD_ID_ROOM)
                return err_set(e, ERR_INVALID, "lock.remove: id is 32 hex digits");
        int r = index_lock_remove(p->index, id, e);
        if (r < 0)
                return r;
        parent_locks_changed(p->locks);
        parent_storage_lock(p->storage, id, NULL);
        log_info(NULL, "lock.remove", "id=%s", str_escape(escaped, sizeof escaped, bytes_str(id)));
        parent_retention_wake(p->retention);
        *ret = json_object();
        return 0;
}

struct parent_locks_page {
        json_t *list;
        size_t limit, bytes;
        bool more;
};

static int parent_locks_on_page(void *owner, const struct index_lock *found, struct err *e)
{
        struct parent_locks_page *page = owner;
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM], made[STR_TIME_ROOM];
        struct lock_record l;

        if (json_array_size(page->list) == page->limit || page->bytes >= LINK_PAGE_BYTES) {
                page->more = true;
                return 1;
        }
        int r = lock_record_parse(bytes_str(found->text), &l, e);
        if (r < 0)
                return r;
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", l.id, "stream", l.stream,
                "from", str_time(from, l.from_us), "to", str_time(to, l.to_us), "made",
                str_time(made, l.made_us), "by", l.by, "reason", l.reason);
        page->bytes += link_json_bytes(o);
        json_array_append_new(page->list, o);
        return 0;
}

int parent_locks_list(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *after = "";
        json_int_t limit = PARENT_LOCKS_PAGE_MAX;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:I}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "lock.list: %s", why.text);
        if (limit < 1 || limit > PARENT_LOCKS_PAGE_MAX)
                return err_set(
                        e, ERR_INVALID, "lock.list: limit is 1 to %d", PARENT_LOCKS_PAGE_MAX);
        struct parent_locks_page page = { .list = json_array(), .limit = (size_t)limit };
        int r = index_lock_each(p->index, after, parent_locks_on_page, &page, e);
        if (r < 0) {
                json_decref(page.list);
                return r;
        }
        *ret = json_pack("{s:o, s:b}", "locks", page.list, "more", page.more);
        return 0;
}
