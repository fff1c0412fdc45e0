/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/pack.h"
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
        int64_t last_arrival_us, sealed_us;
        uint64_t bytes, cut_bytes;
        bool completed;
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

static int mend(const char *path, const struct segment *s, struct segment_end *ret, struct err *e)
{
        const struct segment_fragment *last = &s->fragments[s->fragments_n - 1];
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        int r = 0;

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", path);
        ret->bytes = s->closed ? s->unsealed_from : last->end;
        if (!s->closed && last->seal.flags & SEAL_LAST)
                r = complete(fd, path, s, last->end, ret, e);
        else if (!s->closed)
                ret->cut_bytes = s->file.n - last->end;
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

static int read_mapped(const char *path, struct bytes file, struct segment_end *ret, struct err *e)
{
        struct segment s;
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
        ret->last_arrival_us = last->seal.last_arrival_us;
        ret->sealed_us = last->seal.sealed_us;
        r = mend(path, &s, ret, e);
        segment_done(&s);
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
        if (!end.sealed && unlink(path) < 0)
                return err_os(e, ERR_IO, errno, "delete %s, in which nothing was sealed", path);
        *ret = end;
        return 0;
}

static void take_end(struct vault_tail *tail, const char *object_key, const struct segment_end *end)
{
        tail->empty = false;
        snprintf(tail->object_key, sizeof tail->object_key, "%s", object_key);
        tail->last = end->last;
        tail->last_arrival_us = end->last_arrival_us;
        tail->bytes = end->bytes;
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

int vault_tail_read(const char *vault, const char *stream, const char *object_key,
        struct vault_tail *ret, struct err *e)
{
        struct vault_tail tail = { .empty = true };
        struct search search = { .vault = vault, .tail = &tail };
        char hour[VAULT_WALK_HOUR_ROOM];

        if (!head_is_stream_path(stream) || !head_is_object_key(object_key, stream))
                return err_set(e, ERR_INVALID, "\"%s\" is not a segment of %s", object_key, stream);
        int r = on_candidate(&search, object_key, e);
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
