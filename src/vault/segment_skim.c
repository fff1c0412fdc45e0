/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_skim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/pack.h"
#include "media/box.h"

#define PIECE 4096u
#define BOX_HEADER 8u
#define FREE_MAX (64u << 10) /* larger ones hold nothing that anybody reads */

struct skim {
        const char *path;
        int fd;
        uint8_t *p;
        uint64_t n, loaded; /* all before loaded that is wanted is there */
};

static int load(struct skim *s, uint64_t from, uint64_t to, struct err *e)
{
        while (from < to) {
                ssize_t n = pread(s->fd, s->p + from, (size_t)(to - from), (off_t)from);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_os(e, ERR_IO, errno, "read %s at byte %llu", s->path,
                                (unsigned long long)from);
                if (n == 0) /* it was shortened: the rest stays zeros */
                        return 0;
                from += (uint64_t)n;
        }
        return 0;
}

/* Everything up to `to` that was not passed over. */
static int load_to(struct skim *s, uint64_t to, struct err *e)
{
        if (to <= s->loaded)
                return 0;
        to = to + PIECE - 1 - (to + PIECE - 1) % PIECE;
        to = to < s->n ? to : s->n;
        int r = load(s, s->loaded, to, e);
        if (r == 0)
                s->loaded = to;
        return r;
}

/* Box by box; where they are not ones, the rest is read as it is, for whole fragments may follow.
 */
static int load_boxes(struct skim *s, struct err *e)
{
        for (uint64_t at = 0; at < s->n;) {
                int r = load_to(s, at + BOX_HEADER < s->n ? at + BOX_HEADER : s->n, e);
                if (r < 0)
                        return r;
                struct unpack u = unpack_of(bytes_sub(BYTES(s->p, s->n), at, BOX_HEADER));
                uint32_t size = unpack_u32(&u), type = unpack_u32(&u);
                if (u.bad || size < BOX_HEADER || size > s->n - at)
                        return load_to(s, s->n, e);
                at += size;
                if (type != BOX_TYPE('m', 'd', 'a', 't') &&
                        (type != BOX_TYPE('f', 'r', 'e', 'e') || size <= FREE_MAX))
                        r = load_to(s, at, e);
                else if (at > s->loaded)
                        s->loaded = at;
                if (r < 0)
                        return r;
        }
        return 0;
}

int segment_skim_open(const char *path, struct segment_skim *ret, struct err *e)
{
        CLEANUP(own_closep)
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_os(
                        e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot open %s", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is not a file", path);
        if (st.st_size == 0) {
                *ret = (struct segment_skim){ 0 };
                return 0;
        }
        struct skim s = { .path = path, .fd = fd, .n = (uint64_t)st.st_size };
        void *p = mmap(NULL, (size_t)s.n, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
                return err_os(e, ERR_EXHAUSTED, errno, "room for %s", path);
        s.p = p;
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        int r = load_boxes(&s, e);
        if (r < 0) {
                munmap(p, (size_t)s.n);
                return r;
        }
        ret->bytes = BYTES(s.p, (size_t)s.n);
        return 0;
}

void segment_skim_close(struct segment_skim *s)
{
        if (s->bytes.n)
                munmap((void *)(uintptr_t)s->bytes.p, s->bytes.n);
        *s = (struct segment_skim){ 0 };
}
