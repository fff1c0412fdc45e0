/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "media/box.h"
#include "vault/segment_writer.h"

#define HEADER_MAX (256u << 10) /* 8 tracks of parameter sets, three certificates */
#define MFRA_MAX 8192

static void build_header(struct segment_file *f, struct bytes front)
{
        CLEANUP(buf_done) struct buf space;

        f->index_offset = front.n;
        f->header_n = (size_t)fragment_padded(front.n + FMP4_INDEX_SPACE);
        f->header = fragment_block(f->header_n);
        memcpy(f->header, front.p, front.n);
        hash_once(front, f->header_hash);

        buf_init_full(&space, f->header_n);
        struct pack p = pack_to(&space);
        box_free_space(&p, FMP4_INDEX_SPACE);
        if (f->header_n > front.n + FMP4_INDEX_SPACE)
                box_free_space(&p, f->header_n - front.n - FMP4_INDEX_SPACE);
        assert(!p.bad && space.n == f->header_n - front.n);
        memcpy(f->header + front.n, space.p, space.n);
        f->end = f->header_n;
}

static int format_front(
        const struct head *head, struct fmp4_header *header, struct buf *front, struct err *e)
{
        CLEANUP(buf_done) struct buf payload;

        buf_init(&payload, HEADER_MAX);
        int r = head_format(head, &payload, e);
        if (r < 0)
                return r;
        header->head = buf_bytes(&payload);
        r = fmp4_write_header(header, front, e);
        header->head = (struct bytes){ 0 };
        return r;
}

int segment_file_new(const struct segment_writer_grant *g, const struct head *head,
        struct fmp4_header *header, struct segment_file **ret, struct err *e)
{
        CLEANUP(buf_done) struct buf front;

        buf_init(&front, HEADER_MAX);
        int r = format_front(head, header, &front, e);
        if (r < 0) {
                file_lane_close(g->lane, g->fd, 0);
                return r;
        }
        struct segment_file *f = xcalloc(1, sizeof *f);
        f->refs = 1;
        f->fd = g->fd;
        f->volume = g->volume;
        f->lane = g->lane;
        f->direct = g->direct;
        snprintf(f->object_key, sizeof f->object_key, "%s", head->object_key);
        memcpy(f->kid, head->kid, sizeof f->kid);
        f->timescale = header->tracks[0].timescale;
        build_header(f, buf_bytes(&front));
        *ret = f;
        return 0;
}

struct segment_file *segment_file_ref(struct segment_file *f)
{
        f->refs++;
        return f;
}

struct segment_file *segment_file_unref(struct segment_file *f)
{
        if (!f || --f->refs)
                return NULL;
        /* What was set aside behind a segment without an end is given back. Not of one that was
         * left: somebody else may be writing its end by now. */
        file_lane_close(f->lane, f->fd, f->mfra_n || f->left ? -1 : (int64_t)f->written);
        free(f->header);
        free(f);
        return NULL;
}

struct segment_write {
        struct file_lane_job *job; /* the present step */
        struct fragment *fragment;
        void (*on_done)(void *owner, struct fragment *f, int result, const struct err *e);
        void *owner;
        struct iovec *iov;
        uint8_t *mfra;
};

static void write_end(struct segment_write *w, int result, const struct err *e)
{
        struct fragment *f = TAKE(w->fragment);

        free(w->iov);
        free(w->mfra);
        w->job = NULL;
        if (w->on_done)
                w->on_done(w->owner, f, result, e);
        else
                fragment_free(f);
        free(w);
}

static void write_failed(struct segment_write *w, int result, const struct err *e)
{
        struct err why = *e;

        result = err_wrap(&why, result, "%s", w->fragment->file->object_key);
        write_end(w, result, &why);
}

static void on_length_set(void *owner, int result, const struct err *e)
{
        if (result < 0)
                write_failed(owner, result, e);
        else
                write_end(owner, 0, NULL);
}

/* The room that was set aside is given back, and a padded write is cut to its length. */
static void set_length(struct segment_write *w)
{
        struct segment_file *file = w->fragment->file;

        w->job = file_lane_set_length(
                file->lane, file->fd, file->end + file->mfra_n, on_length_set, w);
}

static void on_index_written(void *owner, int result, const struct err *e)
{
        struct segment_write *w = owner;

        if (result < 0)
                write_failed(w, result, e);
        else if (!w->on_done)
                write_end(w, 0, NULL);
        else
                set_length(w);
}

/* At once behind mfra: a reader that finds one without the other takes it for a fault. */
static void write_index(struct segment_write *w)
{
        struct segment_file *file = w->fragment->file;

        w->iov[0] = (struct iovec){ file->header, file->header_n };
        w->job = file_lane_write(file->lane, file->fd, w->iov, 1, 0, on_index_written, w);
}

static void on_fragment_written(void *owner, int result, const struct err *e)
{
        struct segment_write *w = owner;
        struct segment_file *file = w->fragment->file;
        bool index_too = !file->header_written;

        if (result < 0) {
                write_failed(w, result, e);
                return;
        }
        file->header_written = true;
        file->written = file->end;
        if (!file->mfra_n || !w->on_done) /* of a file that was left: no more is done to it */
                write_end(w, 0, NULL);
        else if (index_too) /* the header went with it */
                set_length(w);
        else
                write_index(w);
}

/* The index space in the header's memory, and mfra, from the entries. Both only follow from what
 * was sealed. */
static void make_index(struct segment_write *w, struct segment_file *file)
{
        CLEANUP(buf_done) struct buf space, mfra;

        buf_init_full(&space, FMP4_INDEX_SPACE);
        buf_init_full(&mfra, MFRA_MAX);
        int r = fmp4_write_index_space(file->entries, file->entries_n, file->timescale,
                file->index_offset, file->end, &space, NULL);
        if (r == 0)
                r = fmp4_write_mfra(file->entries, file->entries_n, &mfra, NULL);
        assert(r == 0 && space.n == FMP4_INDEX_SPACE);
        memcpy(file->header + file->index_offset, space.p, space.n);
        file->mfra_n = mfra.n;
        w->mfra = fragment_block(mfra.n);
        memcpy(w->mfra, mfra.p, mfra.n);
}

static unsigned gather(struct segment_write *w, struct segment_file *file)
{
        struct fragment *f = w->fragment;
        unsigned n = 0;

        w->iov = xcalloc(3 + (size_t)f->data.n, sizeof *w->iov);
        if (!file->header_written)
                w->iov[n++] = (struct iovec){ file->header, file->header_n };
        w->iov[n++] = (struct iovec){ f->front, f->front_n };
        n += chunk_list_iovec(&f->data, w->iov + n);
        if (file->mfra_n) {
                size_t padded =
                        (file->mfra_n + FRAGMENT_ALIGN - 1) / FRAGMENT_ALIGN * FRAGMENT_ALIGN;
                w->iov[n++] = (struct iovec){ w->mfra, file->direct ? padded : file->mfra_n };
        }
        return n;
}

struct segment_write *segment_file_write(struct fragment *f,
        void (*on_done)(void *owner, struct fragment *f, int result, const struct err *e),
        void *owner)
{
        struct segment_file *file = f->file;
        struct segment_write *w = xcalloc(1, sizeof *w);
        uint64_t at = file->header_written ? file->end : 0;

        assert(f->sealed && file->entries_n < FMP4_FRAGMENTS_MAX);
        *w = (struct segment_write){ .fragment = f, .on_done = on_done, .owner = owner };
        f->entry.offset = file->end;
        f->entry.moof_offset = file->end + f->moof_at;
        file->entries[file->entries_n++] = f->entry;
        file->end += fragment_bytes(f);
        if (f->request.flags & SEAL_LAST)
                make_index(w, file);
        unsigned n = gather(w, file);
        w->job = file_lane_write(file->lane, file->fd, w->iov, n, at, on_fragment_written, w);
        return w;
}

void segment_file_abandon(struct segment_write *w)
{
        if (!w)
                return;
        w->on_done = NULL;
        file_lane_cancel(w->job); /* may free w */
}
