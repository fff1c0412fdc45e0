/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moof, written and read (ISO/IEC 14496-12 section 8.8, ISO/IEC 23001-7 section 7). */
#include "media/box.h"
#include "media/fmp4.h"

#include <inttypes.h>
#include <stdlib.h>

#define T BOX_TYPE
#define MDAT_HEADER 8
#define AUX_INFO_MAX 255 /* saiz counts in 8 bits */
#define TRUN_FLAGS                                                                                 \
        0x000f01 /* data offset; duration, size, flags, composition offset of each sample */
#define SAMPLE_KEY 0x02000000   /* depends on no other */
#define SAMPLE_OTHER 0x01010000 /* depends on others, not a sync sample */

static uint64_t aux_bytes(const struct fmp4_fragment_track *t, const struct fmp4_sample *s)
{
        return 8 + (t->ranges_total ? 2 + 6 * (uint64_t)s->ranges_n : 0);
}

static int check_sample(const struct fmp4_fragment_track *t, const struct fmp4_sample *s,
        uint32_t *ranges_at, struct err *e)
{
        uint64_t covered = 0;

        if ((t->ranges_total > 0) != (s->ranges_n > 0))
                return err_set(e, ERR_INVALID, "some samples have ranges and some have none");
        if (s->ranges_n &&
                (s->ranges_first != *ranges_at || s->ranges_n > t->ranges_total - *ranges_at))
                return err_set(e, ERR_INVALID, "ranges of the samples are not in order");
        for (unsigned i = 0; i < s->ranges_n; i++) {
                const struct cenc_range *range = &t->ranges[*ranges_at + i];
                covered += (uint64_t)range->clear + range->protected_bytes;
        }
        if (s->ranges_n && covered != s->size)
                return err_set(
                        e, ERR_INVALID, "ranges cover %" PRIu64 " bytes of %u", covered, s->size);
        *ranges_at += s->ranges_n;
        return 0;
}

static int check_track(const struct fmp4_fragment_track *t, struct err *e)
{
        uint32_t ranges_at = 0;
        uint64_t bytes = 0;

        if (t->samples_n == 0 || t->samples_n > FMP4_FRAGMENT_SAMPLES_MAX)
                return err_set(e, ERR_INVALID, "%u samples, 1 to %d are possible", t->samples_n,
                        FMP4_FRAGMENT_SAMPLES_MAX);
        for (unsigned i = 0; i < t->samples_n; i++) {
                int r = check_sample(t, &t->samples[i], &ranges_at, e);
                if (r < 0)
                        return err_wrap(e, r, "sample %u", i + 1);
                bytes += t->samples[i].size;
        }
        if (ranges_at != t->ranges_total)
                return err_set(e, ERR_INVALID, "%u ranges belong to no sample",
                        t->ranges_total - ranges_at);
        if (bytes != t->bytes)
                return err_set(e, ERR_INVALID, "samples add up to %" PRIu64 " bytes, not %" PRIu64,
                        bytes, t->bytes);
        return 0;
}

static int check_fragment(const struct fmp4_fragment *f, struct err *e)
{
        uint32_t id = 0;
        uint64_t bytes = 0;

        if (f->sequence == 0 || f->tracks_n > FMP4_TRACKS_MAX)
                return err_set(
                        e, ERR_INVALID, "fragment %u with %u tracks", f->sequence, f->tracks_n);
        for (unsigned i = 0; i < f->tracks_n; i++) {
                const struct fmp4_fragment_track *t = &f->tracks[i];
                if (t->id <= id || t->id > FMP4_TRACKS_MAX)
                        return err_set(e, ERR_INVALID, "fragment %u: track id %u behind %u",
                                f->sequence, t->id, id);
                id = t->id;
                int r = check_track(t, e);
                if (r < 0)
                        return err_wrap(e, r, "fragment %u, track %u", f->sequence, t->id);
                bytes += t->bytes;
        }
        if (bytes > INT32_MAX / 2)
                return err_set(e, ERR_EXHAUSTED, "fragment %u: %" PRIu64 " bytes of samples",
                        f->sequence, bytes);
        return 0;
}

/* Returns where the data offset stands, to be set when the size of moof is known. */
static size_t put_trun(struct pack *p, const struct fmp4_fragment_track *t)
{
        size_t trun = box_begin_full(p, T('t', 'r', 'u', 'n'), 1, TRUN_FLAGS);

        pack_u32(p, t->samples_n);
        size_t data_offset = p->out->n;
        pack_u32(p, 0);
        for (unsigned i = 0; i < t->samples_n; i++) {
                const struct fmp4_sample *s = &t->samples[i];
                pack_u32(p, s->duration);
                pack_u32(p, s->size);
                pack_u32(p, s->key ? SAMPLE_KEY : SAMPLE_OTHER);
                pack_u32(p, (uint32_t)s->composition_offset);
        }
        box_end(p, trun);
        return data_offset;
}

/* One size where all are equal, as every reader expects it; else one for each sample. */
static void put_saiz(struct pack *p, const struct fmp4_fragment_track *t)
{
        uint64_t first = aux_bytes(t, &t->samples[0]);
        bool equal = true;

        for (unsigned i = 1; i < t->samples_n && equal; i++)
                equal = aux_bytes(t, &t->samples[i]) == first;
        size_t saiz = box_begin_full(p, T('s', 'a', 'i', 'z'), 0, 0);
        pack_u8(p, equal ? (uint8_t)first : 0);
        pack_u32(p, t->samples_n);
        for (unsigned i = 0; i < t->samples_n && !equal; i++)
                pack_u8(p, (uint8_t)aux_bytes(t, &t->samples[i]));
        box_end(p, saiz);
}

static void put_senc(struct pack *p, const struct fmp4_fragment_track *t)
{
        size_t senc = box_begin_full(p, T('s', 'e', 'n', 'c'), 0, t->ranges_total ? 2 : 0);

        pack_u32(p, t->samples_n);
        for (unsigned i = 0; i < t->samples_n; i++) {
                const struct fmp4_sample *s = &t->samples[i];
                pack_u64(p, s->iv);
                if (t->ranges_total == 0)
                        continue;
                pack_u16(p, s->ranges_n);
                for (unsigned k = 0; k < s->ranges_n; k++) {
                        const struct cenc_range *range = &t->ranges[s->ranges_first + k];
                        pack_u16(p, range->clear);
                        pack_u32(p, range->protected_bytes);
                }
        }
        box_end(p, senc);
}

/* What a reader needs to decrypt. moof: where it begins in the output, for the offset in saio. */
static void put_encryption(struct pack *p, const struct fmp4_fragment_track *t, size_t moof)
{
        bool counted = true;

        for (unsigned i = 0; i < t->samples_n && counted; i++)
                counted = aux_bytes(t, &t->samples[i]) <= AUX_INFO_MAX;
        if (counted) {
                put_saiz(p, t);
                size_t saio = box_begin_full(p, T('s', 'a', 'i', 'o'), 0, 0);
                pack_u32(p, 1);
                size_t at = p->out->n;
                pack_u32(p,
                        (uint32_t)(at + 4 + 16 - moof)); /* the first entry behind senc's header */
                box_end(p, saio);
        }
        put_senc(p, t);
}

static size_t put_traf(
        struct pack *p, const struct fmp4_fragment_track *t, size_t moof, bool encrypted)
{
        size_t traf = box_begin(p, T('t', 'r', 'a', 'f'));

        size_t tfhd =
                box_begin_full(p, T('t', 'f', 'h', 'd'), 0, 0x020000); /* default-base-is-moof */
        pack_u32(p, t->id);
        box_end(p, tfhd);
        size_t tfdt = box_begin_full(p, T('t', 'f', 'd', 't'), 1, 0);
        pack_u64(p, t->decode_time);
        box_end(p, tfdt);
        size_t data_offset = put_trun(p, t);
        if (encrypted)
                put_encryption(p, t, moof);
        box_end(p, traf);
        return data_offset;
}

/* f was checked. */
static int put_moof(const struct fmp4_fragment *f, bool encrypted, struct buf *out, struct err *e)
{
        size_t before = out->n;
        size_t data_offsets[FMP4_TRACKS_MAX] = { 0 };
        struct pack p = pack_to(out);
        size_t moof = box_begin(&p, T('m', 'o', 'o', 'f'));
        size_t mfhd = box_begin_full(&p, T('m', 'f', 'h', 'd'), 0, 0);
        pack_u32(&p, f->sequence);
        box_end(&p, mfhd);
        for (unsigned i = 0; i < f->tracks_n; i++)
                data_offsets[i] = put_traf(&p, &f->tracks[i], moof, encrypted);
        box_end(&p, moof);

        uint64_t data = out->n - moof + MDAT_HEADER;
        for (unsigned i = 0; i < f->tracks_n && !p.bad; i++) {
                pack_patch_u32(&p, data_offsets[i], (uint32_t)data);
                data += f->tracks[i].bytes;
        }
        if (p.bad || data > INT32_MAX) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "moof of fragment %u does not fit in %zu bytes",
                        f->sequence, out->max);
        }
        return 0;
}

int fmp4_write_moof(const struct fmp4_fragment *f, struct buf *out, struct err *e)
{
        int r = check_fragment(f, e);

        return r < 0 ? r : put_moof(f, true, out, e);
}

int fmp4_write_clear_moof(const struct fmp4_fragment *f, struct buf *out, struct err *e)
{
        size_t before = out->n;
        uint64_t bytes = 0;
        int r = check_fragment(f, e);

        if (r == 0)
                r = put_moof(f, false, out, e);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < f->tracks_n; i++)
                bytes += f->tracks[i].bytes;
        struct pack p = pack_to(out);
        pack_u32(&p, (uint32_t)bytes + MDAT_HEADER);
        pack_u32(&p, T('m', 'd', 'a', 't'));
        if (!p.bad)
                return 0;
        out->n = before;
        return err_set(e, ERR_EXHAUSTED, "mdat's header does not fit in %zu bytes", out->max);
}

/* --- reading: only the values that vary; everything else shows in the comparison --- */

static int read_trun(struct bytes trun, struct fmp4_fragment_track *t, struct err *e)
{
        struct unpack u = unpack_of(trun);

        unpack_bytes(&u, 4);
        uint32_t n = unpack_u32(&u);
        unpack_bytes(&u, 4);
        if (u.bad || n == 0 || n > FMP4_FRAGMENT_SAMPLES_MAX || unpack_left(&u) != (size_t)n * 16)
                return err_set(e, ERR_CORRUPT, "trun: %u samples in %zu bytes", n, trun.n);
        if (t->samples)
                return err_set(e, ERR_CORRUPT, "two trun in a traf");
        t->samples = xcalloc(n, sizeof *t->samples);
        t->samples_n = n;
        for (uint32_t i = 0; i < n; i++) {
                struct fmp4_sample *s = &t->samples[i];
                s->duration = unpack_u32(&u);
                s->size = unpack_u32(&u);
                s->key = unpack_u32(&u) == SAMPLE_KEY;
                s->composition_offset = (int32_t)unpack_u32(&u);
                t->bytes += s->size;
        }
        return 0;
}

static void read_ranges(struct unpack *u, struct fmp4_fragment_track *t, struct fmp4_sample *s)
{
        s->ranges_first = t->ranges_total;
        s->ranges_n = unpack_u16(u);
        for (unsigned i = 0; i < s->ranges_n && !u->bad; i++) {
                struct cenc_range *range = &t->ranges[t->ranges_total];
                range->clear = unpack_u16(u);
                range->protected_bytes = unpack_u32(u);
                t->ranges_total += !u->bad;
        }
}

static int read_senc(struct bytes senc, struct fmp4_fragment_track *t, struct err *e)
{
        struct unpack u = unpack_of(senc);
        uint32_t flags = unpack_u32(&u);
        uint32_t n = unpack_u32(&u);

        if (u.bad || n != t->samples_n || t->ranges)
                return err_set(e, ERR_CORRUPT, "senc: %u samples, trun has %u", n, t->samples_n);
        if (flags & 2) {
                /* Every range takes 6 bytes of the box, so it bounds how many there are; one more
                 * keeps a range that is cut off within the array. */
                t->ranges = calloc(unpack_left(&u) / 6 + 1, sizeof *t->ranges);
                if (!t->ranges)
                        return err_set(e, ERR_EXHAUSTED, "no memory for senc of %zu bytes", senc.n);
        }
        for (uint32_t i = 0; i < n; i++) {
                t->samples[i].iv = unpack_u64(&u);
                if (t->ranges)
                        read_ranges(&u, t, &t->samples[i]);
        }
        if (!unpack_complete(&u))
                return err_set(e, ERR_CORRUPT, "senc: %zu bytes do not hold %u samples", senc.n, n);
        return 0;
}

static int read_traf_child(const struct box *b, struct fmp4_fragment_track *t, struct err *e)
{
        struct unpack u = unpack_of(b->payload);

        unpack_bytes(&u, 4);
        switch (b->type) {
        case T('t', 'f', 'h', 'd'):
                t->id = unpack_u32(&u);
                return 0;
        case T('t', 'f', 'd', 't'):
                t->decode_time = unpack_u64(&u);
                return 0;
        case T('t', 'r', 'u', 'n'):
                return read_trun(b->payload, t, e);
        case T('s', 'e', 'n', 'c'):
                return read_senc(b->payload, t, e);
        default:
                return 0;
        }
}

static int read_moof_child(const struct box *b, struct fmp4_fragment *f, struct err *e)
{
        struct box child;
        uint64_t at = 0;
        int r;

        if (b->type == T('m', 'f', 'h', 'd')) {
                struct unpack u = unpack_of(b->payload);
                unpack_bytes(&u, 4);
                f->sequence = unpack_u32(&u);
                return 0;
        }
        if (b->type != T('t', 'r', 'a', 'f'))
                return 0;
        if (f->tracks_n == FMP4_TRACKS_MAX)
                return err_set(e, ERR_CORRUPT, "more than %d traf", FMP4_TRACKS_MAX);
        struct fmp4_fragment_track *t = &f->tracks[f->tracks_n++];
        while ((r = box_next(b->payload, &at, &child, e)) > 0) {
                r = read_traf_child(&child, t, e);
                if (r < 0)
                        return r;
        }
        return r;
}

/* As far as `again` goes; where it is to go to the end, all of it. */
static int compare_moof(struct bytes in, const struct buf *again, bool whole, struct err *e)
{
        size_t i = 0;

        while (i < in.n && i < again->n && in.p[i] == again->p[i])
                i++;
        if (i < again->n || (whole && i < in.n))
                return err_set(e, ERR_CORRUPT, "byte %zu is not as Custos writes it", i);
        return 0;
}

/* in: a moof; clear: what begins with one, *ret_front bytes with mdat's header. */
static int read_moof(
        struct bytes in, bool clear, struct fmp4_fragment *f, size_t *ret_front, struct err *e)
{
        CLEANUP(buf_done) struct buf again = { 0 };
        struct box b, child;
        uint64_t at = 0;
        int r = box_next(in, &at, &b, e);

        if (r <= 0 || (!clear && at != in.n) || b.type != T('m', 'o', 'o', 'f'))
                return err_set(e, ERR_CORRUPT, "not one moof box");
        at = 0;
        while ((r = box_next(b.payload, &at, &child, e)) > 0) {
                r = read_moof_child(&child, f, e);
                if (r < 0)
                        return r == ERR_EXHAUSTED ? r : ERR_CORRUPT;
        }
        if (r < 0)
                return r;
        buf_init(&again, b.whole.n + MDAT_HEADER);
        r = clear ? fmp4_write_clear_moof(f, &again, e) : fmp4_write_moof(f, &again, e);
        if (r == 0)
                r = compare_moof(in, &again, !clear, e);
        *ret_front = again.n;
        return r < 0 ? ERR_CORRUPT : 0;
}

int fmp4_read_moof(struct bytes moof, struct fmp4_fragment *ret, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment f = { 0 };
        size_t front;

        int r = read_moof(moof, false, &f, &front, e);
        if (r < 0)
                return err_wrap(e, r == ERR_EXHAUSTED ? r : ERR_CORRUPT, "moof");
        *ret = f;
        f = (struct fmp4_fragment){ 0 };
        return 0;
}

int fmp4_read_clear_fragment(
        struct bytes in, struct fmp4_fragment *ret, struct bytes *ret_data, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment f = { 0 };
        size_t front = 0;
        uint64_t bytes = 0;

        int r = read_moof(in, true, &f, &front, e);
        for (unsigned i = 0; i < f.tracks_n; i++)
                bytes += f.tracks[i].bytes;
        if (r == 0 && bytes != in.n - front)
                r = err_set(
                        e, ERR_CORRUPT, "samples of %" PRIu64 " bytes in %zu", bytes, in.n - front);
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "fragment");
        *ret = f;
        f = (struct fmp4_fragment){ 0 };
        *ret_data = bytes_sub(in, front, in.n);
        return 0;
}

void fmp4_fragment_done(struct fmp4_fragment *f)
{
        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++) {
                free(f->tracks[i].samples);
                free(f->tracks[i].ranges);
        }
        *f = (struct fmp4_fragment){ 0 };
}
