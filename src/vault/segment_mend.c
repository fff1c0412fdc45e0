/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_mend.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "media/box.h"
#include "os/file.h"

#define INDEX_ROOM 16384

/* The index space as it belongs to what stands: empty, or with mfra behind it. */
static int make_index(const struct segment *s, bool last, struct buf *index, struct err *e)
{
        if (last)
                return segment_write_index(s, index, e);
        struct pack p = pack_to(index);
        box_free_space(&p, FMP4_INDEX_SPACE);
        return 0;
}

/* mfra and index space follow from what is sealed: those of a close that was interrupted, and none
 * where the LAST seal does not stand. */
static int mend_index(int fd, const char *path, const struct segment *s, bool last, uint64_t *end,
        bool *changed, struct err *e)
{
        CLEANUP(buf_done) struct buf index;
        struct bytes found = bytes_sub(s->file, s->index_offset, FMP4_INDEX_SPACE);

        buf_init(&index, INDEX_ROOM);
        /* What is sealed and yet yields no index was damaged later; it stays as it is. */
        if (make_index(s, last, &index, NULL) < 0) {
                *end = s->file.n;
                return 0;
        }
        struct bytes space = bytes_sub(buf_bytes(&index), 0, FMP4_INDEX_SPACE);
        struct bytes mfra = bytes_sub(buf_bytes(&index), FMP4_INDEX_SPACE, index.n);
        struct bytes there = bytes_sub(s->file, *end, mfra.n);
        int r = 0;
        if (!bytes_equal(mfra, there)) {
                *changed = true;
                r = file_write_at(fd, path, mfra, *end, e);
        }
        if (r == 0 && !bytes_equal(space, found)) {
                *changed = true;
                r = file_write_at(fd, path, space, s->index_offset, e);
        }
        *end += mfra.n;
        return r;
}

int segment_mend(const char *path, const struct segment *s, unsigned keep,
        struct segment_mended *ret, struct err *e)
{
        const struct segment_fragment *last = &s->fragments[keep - 1];
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        bool has_last = last->seal.flags & SEAL_LAST, changed = false;
        struct segment standing = *s; /* borrows */
        uint64_t end = last->end;

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", path);
        standing.fragments_n = keep;
        int r = mend_index(fd, path, &standing, has_last, &end, &changed, e);
        /* Also where nothing hangs over: gives back what was set aside. */
        if (r == 0)
                r = file_set_length(fd, path, end, e);
        if (r == 0)
                r = file_sync_data(fd, path, e);
        if (r < 0)
                return r;
        *ret = (struct segment_mended){ .bytes = end,
                .cut_bytes = s->file.n > end ? s->file.n - end : 0,
                .completed = changed && has_last };
        return 0;
}

int segment_mend_delete(const char *path, struct err *e)
{
        CLEANUP(own_freep) char *dir = xstrdup(path);

        *strrchr(dir, '/') = '\0';
        int r = file_unlink(path, e);
        return r < 0 ? r : file_sync_dir(dir, e);
}
