/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/pack.h"
#include "media/box.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define INDEX_ROOM 16384
#define HOURS_BACK                                                                                 \
        2 /* looked at when the newest file holds nothing: it was made seconds after the one       \
             before */

/* One segment's end. */
struct segment_end {
        bool sealed;
        struct seal_link first_previous, last;
        int64_t first_arrival_us, last_arrival_us, sealed_us;
        uint64_t bytes, cut_bytes;
        uint32_t fragments;
        bool completed, closed;
};

static int write_all(int fd, struct bytes b, uint64_t at, const char *path, struct err *e)
{
        while (b.n) {
                ssize_t n = pwrite(fd, b.p, b.n, (off_t)at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_os(e, ERR_IO, errno, "write %s", path);
                b = bytes_sub(b, (size_t)n, b.n);
                at += (uint64_t)n;
        }
        return 0;
}

/* A close that was interrupted: mfra and index space follow from what is sealed. */
static int complete(int fd, const char *path, const struct segment *s, uint64_t end,
        struct segment_end *ret, struct err *e)
{
        CLEANUP(buf_done) struct buf index;

        buf_init(&index, INDEX_ROOM);
        int r = segment_write_index(s, &index, e);
        if (r < 0)
                return r;
        struct bytes space = bytes_sub(buf_bytes(&index), 0, FMP4_INDEX_SPACE);
        struct bytes mfra = bytes_sub(buf_bytes(&index), FMP4_INDEX_SPACE, index.n);
        r = write_all(fd, mfra, end, path, e);
        if (r == 0)
                r = write_all(fd, space, s->index_offset, path, e);
        if (r == 0) {
                ret->bytes = end + mfra.n;
                ret->completed = true;
        }
        return r;
}

/* Of a segment that is not closed: sidx without mfra would be a fault. */
static int clear_index(int fd, const char *path, const struct segment *s, struct err *e)
{
        CLEANUP(buf_done) struct buf space;

        buf_init(&space, FMP4_INDEX_SPACE);
        struct pack p = pack_to(&space);
        box_free_space(&p, FMP4_INDEX_SPACE);
        struct bytes now = bytes_sub(s->file, s->index_offset, FMP4_INDEX_SPACE);
        return bytes_equal(now, buf_bytes(&space))
                       ? 0
                       : write_all(fd, buf_bytes(&space), s->index_offset, path, e);
}

/* keep: the first fragments, at least one; what is behind them is cut off. */
static int mend(const char *path, const struct segment *s, unsigned keep, struct segment_end *ret,
        struct err *e)
{
        const struct segment_fragment *last = &s->fragments[keep - 1];
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        bool closed = s->closed && keep == s->fragments_n;
        int r = 0;

        ret->bytes = closed ? s->unsealed_from : last->end;
        ret->closed = closed || last->seal.flags & SEAL_LAST;
        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", path);
        if (!closed && last->seal.flags & SEAL_LAST) {
                r = complete(fd, path, s, last->end, ret, e);
        } else if (!closed) {
                ret->cut_bytes = s->file.n - last->end;
                r = clear_index(fd, path, s, e);
        }
        /* Also where nothing hangs over: gives back what was set aside. */
        if (r == 0 && ftruncate(fd, (off_t)ret->bytes) < 0)
                r = err_os(e, ERR_IO, errno, "set the length of %s", path);
        if (r == 0 && fdatasync(fd) < 0)
                r = err_os(e, ERR_IO, errno, "sync %s", path);
        return r;
}

/* A whole seal anywhere; one that was cut off in the middle proves nothing. */
static bool has_seal(struct bytes file)
{
        const size_t n = sizeof seal_user_type;

        while (file.n >= n) {
                const uint8_t *at = memmem(file.p, file.n, seal_user_type, n);
                struct seal s;

                if (!at)
                        return false;
                size_t from = (size_t)(at - file.p);
                /* The box's size stands 8 bytes before its user type. */
                if (from >= 8) {
                        struct unpack u = unpack_of(bytes_sub(file, from - 8, 4));
                        uint32_t size = unpack_u32(&u);
                        struct bytes box = bytes_sub(file, from - 8, size);
                        if (size > 24 && box.n == size &&
                                seal_parse(bytes_sub(box, 24, box.n), &s, NULL) == 0)
                                return true;
                }
                file = bytes_sub(file, from + n, file.n);
        }
        return false;
}

/* Of a disk that fails, the end is wanted most: what cannot be mended now is when it can be written
 * to again. */
static bool cannot_write(const struct err *why)
{
        return why->os_errno == EROFS || why->os_errno == EIO;
}

static int read_mapped(const char *path, struct bytes file, struct segment_end *ret, struct err *e)
{
        struct segment s;
        struct err why;
        int r = file.n ? segment_read(file, &s, e) : ERR_CORRUPT;

        if (r < 0 || s.fragments_n == 0) {
                if (r == 0)
                        segment_done(&s);
                /* Bytes with a seal among them are evidence, readable or not. */
                if (has_seal(file))
                        return err_set(e, ERR_CORRUPT,
                                "%s has seals and cannot be read: run custos vault check", path);
                ret->cut_bytes = file.n;
                return 0;
        }
        const struct segment_fragment *last = &s.fragments[s.fragments_n - 1];
        ret->sealed = true;
        ret->first_previous = s.fragments[0].seal.previous;
        ret->last = seal_link_of(&last->seal, last->seal_payload);
        ret->first_arrival_us = s.fragments[0].seal.first_arrival_us;
        ret->last_arrival_us = last->seal.last_arrival_us;
        ret->sealed_us = last->seal.sealed_us;
        ret->fragments = s.fragments_n;
        r = mend(path, &s, s.fragments_n, ret, &why);
        segment_done(&s);
        if (r == 0 || cannot_write(&why))
                return 0;
        if (e)
                *e = why;
        return r;
}

/* Reads and mends one file; one without a seal is deleted. ERR_NOT_FOUND when it is not there. */
static int read_end(
        const char *vault, const char *object_key, struct segment_end *ret, struct err *e)
{
        char path[PATH_ROOM];
        struct file_map map;
        struct segment_end end = { 0 };

        snprintf(path, sizeof path, "%s/%s", vault, object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        r = read_mapped(path, map.bytes, &end, e);
        file_map_done(&map);
        if (r < 0)
                return r;
        if (!end.sealed && unlink(path) < 0 && errno != EROFS && errno != EIO)
                return err_os(e, ERR_IO, errno, "delete %s, in which nothing was sealed", path);
        *ret = end;
        return 0;
}

static void take_end(struct vault_tail *tail, const char *object_key, const struct segment_end *end)
{
        tail->empty = false;
        snprintf(tail->object_key, sizeof tail->object_key, "%s", object_key);
        tail->last = end->last;
        tail->first_arrival_us = end->first_arrival_us;
        tail->last_arrival_us = end->last_arrival_us;
        tail->bytes = end->bytes;
        tail->fragments = end->fragments;
        tail->closed = end->closed;
}

/* Of several segments the one whose last seal the others do not continue. */
struct search {
        const char *vault;
        struct vault_tail *tail;
        int64_t sealed_us;
        struct seal_link first_previous; /* of the one chosen so far */
};

static bool same_link(const struct seal_link *a, const struct seal_link *b)
{
        return a->sequence == b->sequence && memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0 &&
               memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

static bool comes_after(const struct segment_end *end, const struct search *s)
{
        if (s->tail->empty || same_link(&end->first_previous, &s->tail->last))
                return true;
        if (same_link(&s->first_previous, &end->last))
                return false;
        if (memcmp(end->last.epoch, s->tail->last.epoch, sizeof end->last.epoch) == 0)
                return end->last.sequence > s->tail->last.sequence;
        return end->sealed_us > s->sealed_us;
}

static int on_candidate(void *owner, const char *object_key, struct err *e)
{
        struct search *s = owner;
        struct segment_end end;

        int r = read_end(s->vault, object_key, &end, e);
        if (r < 0)
                return r;
        s->tail->cut_bytes += end.cut_bytes;
        s->tail->deleted += !end.sealed;
        s->tail->completed |= end.completed;
        if (end.sealed && comes_after(&end, s)) {
                take_end(s->tail, object_key, &end);
                s->first_previous = end.first_previous;
                s->sealed_us = end.sealed_us;
        }
        return 0;
}

/* --- what lies behind a bound --- */

/* A segment as far as the search for the bound needs it. */
struct piece {
        char object_key[HEAD_KEY_MAX];
        struct seal_link first_previous, last;
        unsigned keep; /* fragments up to the bound; 0 where it is not in here */
        unsigned fragments;
        struct piece *before; /* in the chain of those that are behind the bound */
        bool behind;
};

struct pieces {
        const char *vault;
        const struct seal_link *bound;
        struct piece *list; /* owned */
        unsigned n;
};

/* Of one that cannot be read nothing is cut off. */
static int add_piece(void *owner, const char *object_key, struct err *e)
{
        struct pieces *all = owner;
        struct piece piece = { 0 };
        struct file_map map;
        struct segment s;
        char path[PATH_ROOM];

        snprintf(path, sizeof path, "%s/%s", all->vault, object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r == ERR_NOT_FOUND ? 0 : r;
        if (map.bytes.n && segment_read(map.bytes, &s, NULL) == 0) {
                snprintf(piece.object_key, sizeof piece.object_key, "%s", object_key);
                piece.fragments = s.fragments_n;
                for (unsigned i = 0; i < s.fragments_n; i++) {
                        piece.last =
                                seal_link_of(&s.fragments[i].seal, s.fragments[i].seal_payload);
                        if (same_link(&piece.last, all->bound))
                                piece.keep = i + 1;
                }
                if (s.fragments_n) {
                        piece.first_previous = s.fragments[0].seal.previous;
                        all->list = xrealloc(all->list, all->n + 1, sizeof *all->list);
                        all->list[all->n++] = piece;
                }
                segment_done(&s);
        }
        file_map_done(&map);
        return 0;
}

static int delete_piece(const char *path, struct err *e)
{
        CLEANUP(own_freep) char *dir = xstrdup(path);

        *strrchr(dir, '/') = '\0';
        if (unlink(path) < 0)
                return err_os(e, ERR_IO, errno, "delete %s", path);
        /* Before what it continues is shortened: then nothing would lead to it any more. */
        return file_sync_dir(dir, e);
}

static int shorten(
        const struct pieces *all, const struct piece *piece, struct vault_tail *tail, struct err *e)
{
        struct segment_end end = { 0 };
        struct file_map map;
        struct segment s;
        char path[PATH_ROOM];

        snprintf(path, sizeof path, "%s/%s", all->vault, piece->object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        if (piece->keep == 0) { /* all of it is behind the bound */
                r = delete_piece(path, e);
                end.cut_bytes = map.bytes.n;
                tail->deleted++;
        } else {
                r = segment_read(map.bytes, &s, e);
                if (r == 0) {
                        r = mend(path, &s, piece->keep, &end, e);
                        segment_done(&s);
                }
        }
        tail->cut_bytes += end.cut_bytes;
        file_map_done(&map);
        return r;
}

/* The segment that holds the bound, and those whose chain leads back to it; the last one first, so
 * that whoever is interrupted finds the rest again. */
static int cut_pieces(struct pieces *all, struct vault_tail *tail, struct err *e)
{
        struct seal_link end = *all->bound;
        struct piece *last = NULL;
        int r = 0;

        for (unsigned i = 0; i < all->n; i++) {
                struct piece *p = &all->list[i];
                bool behind =
                        p->keep ? p->keep < p->fragments : same_link(&p->first_previous, &end);
                if (p->behind || !behind)
                        continue;
                p->behind = true;
                p->before = last;
                last = p;
                end = p->last;
                i = UINT_MAX; /* names need not be in the order of the chain */
        }
        for (; last && r == 0; last = last->before)
                r = shorten(all, last, tail, e);
        return r;
}

static int cut_behind(const char *vault, const char *stream, const char *object_key,
        const struct seal_link *bound, struct vault_tail *tail, struct err *e)
{
        struct pieces all = { .vault = vault, .bound = bound };
        char hour[VAULT_WALK_HOUR_ROOM];

        snprintf(hour, sizeof hour, "%.13s", object_key + strlen(stream) + 1);
        int r = vault_walk_segments(vault, stream, hour, add_piece, &all, e);
        if (r == 0 || r == ERR_NOT_FOUND)
                r = vault_walk_hour_before(vault, stream, hour, hour, e);
        if (r == 0)
                r = vault_walk_segments(vault, stream, hour, add_piece, &all, e);
        if (r == 0 || r == ERR_NOT_FOUND)
                r = cut_pieces(&all, tail, e);
        free(all.list);
        return r;
}

int vault_tail_read(const char *vault, const char *stream, const char *object_key,
        const struct seal_link *bound, struct vault_tail *ret, struct err *e)
{
        static const struct seal_link none;
        struct vault_tail tail = { .empty = true };
        struct search search = { .vault = vault, .tail = &tail };
        char hour[VAULT_WALK_HOUR_ROOM];

        if (!head_is_stream_path(stream) || !head_is_object_key(object_key, stream))
                return err_set(e, ERR_INVALID, "\"%s\" is not a segment of %s", object_key, stream);
        int r = 0;
        if (bound && !same_link(bound, &none))
                r = cut_behind(vault, stream, object_key, bound, &tail, e);
        if (r == 0)
                r = on_candidate(&search, object_key, e);
        if (r < 0 && r != ERR_NOT_FOUND)
                return r;
        snprintf(hour, sizeof hour, "%.13s", object_key + strlen(stream) + 1);
        r = 0;
        for (unsigned i = 0; tail.empty && i < HOURS_BACK && r == 0; i++) {
                r = vault_walk_segments(vault, stream, hour, on_candidate, &search, e);
                if (r == 0 && tail.empty)
                        r = vault_walk_hour_before(vault, stream, hour, hour, e);
        }
        if (r < 0 && r != ERR_NOT_FOUND)
                return r;
        *ret = tail;
        return 0;
}
