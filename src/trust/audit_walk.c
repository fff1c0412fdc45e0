/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/audit_walk.h"

#include <errno.h>
#include <unistd.h>

#define AUDIT_WALK_BLOCK (64u << 10)
_Static_assert(AUDIT_WALK_BLOCK > 2 * AUDIT_LINE_MAX, "a block has room for a line");

static int audit_walk_read(int fd, uint8_t *to, size_t n, uint64_t at, struct err *e)
{
        size_t done = 0;

        while (done < n) {
                ssize_t got = pread(fd, to + done, n - done, (off_t)(at + done));
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return err_os(e, ERR_IO, errno, "the log cannot be read at byte %llu",
                                (unsigned long long)at);
                if (got == 0)
                        return err_set(e, ERR_IO, "the log ends before byte %llu: it was cut",
                                (unsigned long long)(at + n));
                done += (size_t)got;
        }
        return 0;
}

/* --- forwards --- */

static void audit_walk_line(
        struct audit_walk *w, struct bytes text, size_t with_end, audit_walk_see see, void *owner)
{
        struct audit_walk_line line = { .number = w->lines + 1, .at = w->at };
        uint8_t hash[HASH_BYTES];
        struct err why;
        int r;

        if (w->longer) {
                hash_update(w->longer, text);
                hash_finish(w->longer, hash);
                w->longer = hash_free(w->longer);
                r = audit_line_skip(&w->chain, hash, &why);
        } else {
                r = audit_line_parse(&w->chain, text, &line.object, &why);
        }
        line.why = r < 0 ? &why : NULL;
        w->lines++;
        w->read += with_end;
        w->at = w->read;
        see(owner, &line);
        json_decref(line.object);
}

/* What was read from w->read on; to the end of the last whole line in it. */
static void audit_walk_block(
        struct audit_walk *w, struct bytes block, uint64_t end, audit_walk_see see, void *owner)
{
        size_t whole = block.n;
        const uint8_t *lf;

        while (block.n && (lf = memchr(block.p, '\n', block.n))) {
                size_t n = (size_t)(lf - block.p);
                audit_walk_line(w, bytes_sub(block, 0, n), n + 1, see, owner);
                block = bytes_sub(block, n + 1, SIZE_MAX);
        }
        if (block.n && w->read + block.n == end) {
                audit_walk_line(w, block, block.n, see, owner);
        } else if (block.n == whole) {
                if (!w->longer) {
                        w->longer = hash_new();
                        hash_start(w->longer);
                }
                hash_update(w->longer, block);
                w->read += block.n;
        }
}

int audit_walk_on(struct audit_walk *w, int fd, uint64_t end, uint64_t bytes_max,
        audit_walk_see see, void *owner, struct err *e)
{
        CLEANUP(own_freep) uint8_t *block = xcalloc(1, AUDIT_WALK_BLOCK);
        uint64_t used = 0;

        while (w->read < end && used < bytes_max) {
                size_t n = end - w->read < AUDIT_WALK_BLOCK ? (size_t)(end - w->read)
                                                            : AUDIT_WALK_BLOCK;
                int r = audit_walk_read(fd, block, n, w->read, e);
                if (r < 0)
                        return r;
                audit_walk_block(w, BYTES(block, n), end, see, owner);
                used += n;
        }
        return 0;
}

void audit_walk_done(struct audit_walk *w)
{
        hash_free(w->longer);
        *w = (struct audit_walk){ 0 };
}

/* --- backwards --- */

/* Takes the lines that end in this block, which ends at *at. 1: one was not taken. */
static int audit_walk_block_back(
        struct bytes block, uint64_t *at, audit_walk_take take, void *owner)
{
        const uint64_t begin = *at - block.n;
        size_t end = block.n;

        while (end) {
                size_t text = block.p[end - 1] == '\n' ? end - 1 : end, from = text;
                while (from && block.p[from - 1] != '\n')
                        from--;
                if (from == 0 && begin > 0) {
                        /* It begins in the block before, read with all of it; if it is longer than
                         * a block it is no line, and its end is of no use. */
                        if (end == block.n)
                                *at = begin + 1; /* not begin: it may begin just there */
                        return 0;
                }
                if (!take(owner, begin + from, bytes_sub(block, from, text - from)))
                        return 1;
                *at = begin + from;
                end = from;
        }
        return 0;
}

int audit_walk_back(
        int fd, uint64_t *at, uint64_t bytes_max, audit_walk_take take, void *owner, struct err *e)
{
        CLEANUP(own_freep) uint8_t *block = xcalloc(1, AUDIT_WALK_BLOCK);
        uint64_t used = 0;
        int r = 0;

        while (r == 0 && *at > 0 && used < bytes_max) {
                size_t n = *at < AUDIT_WALK_BLOCK ? (size_t)*at : AUDIT_WALK_BLOCK;
                r = audit_walk_read(fd, block, n, *at - n, e);
                if (r == 0)
                        r = audit_walk_block_back(BYTES(block, n), at, take, owner);
                used += n;
        }
        return r < 0 ? r : 0;
}
