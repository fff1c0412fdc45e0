/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front of an export: ftyp, moov and the header of mdat (ISO/IEC 14496-12;
 * docs/spec/evidence.md section 2). */
#include "media/box.h"
#include "media/fmp4_entry.h"
#include "seal/evidence_plan.h"

#include <inttypes.h>
#include <stdlib.h>

#define T(a, b, c, d) BOX_TYPE(a, b, c, d)

#define MOVIE_TIMESCALE 1000
#define SECONDS_1904_TO_1970 INT64_C(2082844800)
#define LANGUAGE_UND 0x55c4
#define MDAT_HEADER_BYTES 16

/* What the tables of one track need. */
struct moov {
        const struct evidence *ev;
        const struct evidence_plan *plan;
        struct pack p;
        uint64_t mdat_at; /* where the samples begin in the file */
};

static uint64_t since_1904(int64_t wall_us)
{
        return wall_us < 0 ? 0 : (uint64_t)(wall_us / 1000000 + SECONDS_1904_TO_1970);
}

static void write_matrix(struct pack *p)
{
        static const uint32_t unity[9] = { 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000 };

        for (size_t i = 0; i < ARRAY_LEN(unity); i++)
                pack_u32(p, unity[i]);
}

static uint64_t edit_ms(const struct evidence_plan *plan, unsigned track)
{
        struct evidence_plan_edit edit;

        evidence_plan_edit_of(plan, track, &edit);
        return edit.empty_ms + edit.shown_ms;
}

static void write_mvhd(struct moov *m)
{
        uint64_t duration = 0;
        uint32_t next_id = 1;

        for (unsigned t = 0; t < m->plan->tracks_n; t++) {
                uint64_t ms = edit_ms(m->plan, t);
                duration = ms > duration ? ms : duration;
                if (m->plan->tracks[t].stored->id >= next_id)
                        next_id = m->plan->tracks[t].stored->id + 1;
        }
        size_t box = box_begin_full(&m->p, T('m', 'v', 'h', 'd'), 1, 0);
        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u32(&m->p, MOVIE_TIMESCALE);
        pack_u64(&m->p, duration);
        pack_u32(&m->p, 0x10000); /* rate */
        pack_u16(&m->p, 0x0100);  /* volume */
        pack_zeros(&m->p, 10);
        write_matrix(&m->p);
        pack_zeros(&m->p, 24);
        pack_u32(&m->p, next_id);
        box_end(&m->p, box);
}

static void write_tkhd(struct moov *m, unsigned track)
{
        const struct fmp4_track *stored = m->plan->tracks[track].stored;
        bool video = media_is_video(stored->config.codec);
        size_t box = box_begin_full(
                &m->p, T('t', 'k', 'h', 'd'), 1, 7); /* enabled, in movie, in preview */

        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u32(&m->p, stored->id);
        pack_u32(&m->p, 0);
        pack_u64(&m->p, edit_ms(m->plan, track));
        pack_zeros(&m->p, 12); /* reserved, layer, alternate group */
        pack_u16(&m->p, media_is_audio(stored->config.codec) ? 0x0100 : 0);
        pack_u16(&m->p, 0);
        write_matrix(&m->p);
        pack_u32(&m->p, video ? (stored->config.width & 0xffff) << 16 : 0);
        pack_u32(&m->p, video ? (stored->config.height & 0xffff) << 16 : 0);
        box_end(&m->p, box);
}

static void write_edts(struct moov *m, unsigned track)
{
        struct evidence_plan_edit edit;

        evidence_plan_edit_of(m->plan, track, &edit);
        size_t edts = box_begin(&m->p, T('e', 'd', 't', 's'));
        size_t elst = box_begin_full(&m->p, T('e', 'l', 's', 't'), 1, 0);
        pack_u32(&m->p, (edit.empty_ms > 0) + (edit.shown_ms > 0));
        if (edit.empty_ms > 0) {
                pack_u64(&m->p, edit.empty_ms);
                pack_i64(&m->p, -1);
                pack_u32(&m->p, 0x10000);
        }
        if (edit.shown_ms > 0) {
                pack_u64(&m->p, edit.shown_ms);
                pack_u64(&m->p, edit.media_time);
                pack_u32(&m->p, 0x10000);
        }
        box_end(&m->p, elst);
        box_end(&m->p, edts);
}

static void write_mdhd(struct moov *m, const struct evidence_plan_track *pt)
{
        const struct evidence_plan_sample *last = &pt->samples[pt->samples_n - 1];
        size_t box = box_begin_full(&m->p, T('m', 'd', 'h', 'd'), 1, 0);

        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u64(&m->p, since_1904(m->plan->created_us));
        pack_u32(&m->p, pt->stored->timescale);
        pack_u64(&m->p, last->time + last->duration - pt->samples[0].time);
        pack_u16(&m->p, LANGUAGE_UND);
        pack_u16(&m->p, 0);
        box_end(&m->p, box);
}

static void write_hdlr(struct moov *m, enum media_codec codec)
{
        const char *name = media_is_video(codec)   ? "Video"
                           : media_is_audio(codec) ? "Sound"
                                                   : "Metadata";
        size_t box = box_begin_full(&m->p, T('h', 'd', 'l', 'r'), 0, 0);

        pack_u32(&m->p, 0);
        pack_u32(&m->p, fmp4_entry_handler(codec));
        pack_zeros(&m->p, 12);
        pack_bytes(&m->p, BYTES(name, strlen(name) + 1));
        box_end(&m->p, box);
}

static void write_media_header(struct moov *m, enum media_codec codec)
{
        fmp4_entry_put_media_header(&m->p, codec);
        size_t dinf = box_begin(&m->p, T('d', 'i', 'n', 'f'));
        size_t dref = box_begin_full(&m->p, T('d', 'r', 'e', 'f'), 0, 0);
        pack_u32(&m->p, 1);
        size_t url = box_begin_full(&m->p, T('u', 'r', 'l', ' '), 0, 1); /* in this file */
        box_end(&m->p, url);
        box_end(&m->p, dref);
        box_end(&m->p, dinf);
}

/* The stsd payload of the index-th track of a stored moov. */
static int stored_stsd(struct bytes header_bytes, unsigned index, struct bytes *ret, struct err *e)
{
        static const uint32_t path[] = { T('m', 'd', 'i', 'a'), T('m', 'i', 'n', 'f'),
                T('s', 't', 'b', 'l'), T('s', 't', 's', 'd') };
        struct box box;
        uint64_t at = 0;
        int r = box_find(header_bytes, T('m', 'o', 'o', 'v'), &box, e);

        if (r < 0)
                return r;
        struct bytes moov = box.payload;
        unsigned seen = 0;
        while ((r = box_next(moov, &at, &box, e)) > 0)
                if (box.type == T('t', 'r', 'a', 'k') && seen++ == index)
                        break;
        if (r <= 0)
                return r < 0 ? r : err_set(e, ERR_CORRUPT, "moov: no track %u", index + 1);
        for (size_t i = 0; i < ARRAY_LEN(path); i++) {
                r = box_find(box.payload, path[i], &box, e);
                if (r < 0)
                        return r;
        }
        *ret = box.payload;
        return 0;
}

/* A stored sample entry made clear: the type that frma names, everything but sinf. */
static int append_clear_entry(struct bytes header_bytes, unsigned index, enum media_codec codec,
        struct buf *out, struct err *e)
{
        size_t fixed = fmp4_entry_fixed_bytes(codec);
        struct bytes stsd;
        struct box entry, sinf, frma, child;
        uint64_t at = 8; /* version, flags, count */
        int r = stored_stsd(header_bytes, index, &stsd, e);

        if (r == 0)
                r = box_next(stsd, &at, &entry, e) == 1 && entry.payload.n >= fixed
                            ? 0
                            : err_set(e, ERR_CORRUPT, "stsd: no sample entry");
        if (r == 0)
                r = box_find(
                        bytes_sub(entry.payload, fixed, SIZE_MAX), T('s', 'i', 'n', 'f'), &sinf, e);
        if (r == 0)
                r = box_find(sinf.payload, T('f', 'r', 'm', 'a'), &frma, e);
        if (r < 0)
                return r;
        struct unpack u = unpack_of(frma.payload);
        struct pack p = pack_to(out);
        struct bytes children = bytes_sub(entry.payload, fixed, SIZE_MAX);
        size_t box = box_begin(&p, unpack_u32(&u));
        pack_bytes(&p, bytes_sub(entry.payload, 0, fixed));
        at = 0;
        while ((r = box_next(children, &at, &child, e)) > 0)
                if (child.type != T('s', 'i', 'n', 'f'))
                        pack_bytes(&p, child.whole);
        box_end(&p, box);
        if (r == 0 && (p.bad || u.bad))
                r = err_set(e, ERR_EXHAUSTED, "sample entry is too large");
        return r;
}

/* The distinct sample entries of a track, and for each segment which one it uses. */
struct entries {
        struct buf bytes;
        unsigned n;
        struct entry_place {
                size_t offset, n;
        } * places;           /* owned */
        uint32_t *of_segment; /* owned; from 1 */
};

static void entries_done(struct entries *en)
{
        buf_done(&en->bytes);
        free(en->places);
        free(en->of_segment);
}

static uint32_t entries_add(struct entries *en, size_t begin)
{
        struct bytes all = buf_bytes(&en->bytes), added = bytes_sub(all, begin, SIZE_MAX);

        for (unsigned i = 0; i < en->n; i++) {
                if (!bytes_equal(bytes_sub(all, en->places[i].offset, en->places[i].n), added))
                        continue;
                en->bytes.n = begin;
                return i + 1;
        }
        en->places[en->n++] = (struct entry_place){ begin, added.n };
        return en->n;
}

static int entries_collect(struct entries *en, const struct evidence *ev,
        const struct fmp4_track *stored, struct err *e)
{
        unsigned index = (unsigned)(stored - ev->segments[0].header.tracks);

        buf_init(&en->bytes, EVIDENCE_BYTES_MAX);
        en->places = xcalloc(ev->segments_n, sizeof *en->places);
        en->of_segment = xcalloc(ev->segments_n, sizeof *en->of_segment);
        for (unsigned i = 0; i < ev->segments_n; i++) {
                size_t begin = en->bytes.n;
                int r = append_clear_entry(
                        ev->segments[i].header_bytes, index, stored->config.codec, &en->bytes, e);
                if (r < 0)
                        return err_wrap(e, r, "segment %u, track %" PRIu32, i + 1, stored->id);
                en->of_segment[i] = entries_add(en, begin);
        }
        return 0;
}

/* A table whose count is known at its end. */
static size_t table_begin(struct pack *p, uint32_t type, uint8_t version, size_t *count_at)
{
        size_t box = box_begin_full(p, type, version, 0);

        *count_at = p->out->n;
        pack_u32(p, 0);
        return box;
}

static void table_end(struct pack *p, size_t box, size_t count_at, uint32_t count)
{
        if (!p->bad)
                pack_patch_u32(p, count_at, count);
        box_end(p, box);
}

static void write_stts(struct moov *m, const struct evidence_plan_track *pt)
{
        size_t at, box = table_begin(&m->p, T('s', 't', 't', 's'), 0, &at);
        uint32_t count = 0, run = 0;
        uint64_t value = 0;

        for (size_t i = 0; i < pt->samples_n; i++) {
                const struct evidence_plan_sample *s = &pt->samples[i];
                uint64_t delta = i + 1 < pt->samples_n ? s[1].time - s->time : s->duration;
                if (delta > UINT32_MAX)
                        m->p.bad = true;
                if (run && delta != value) {
                        pack_u32(&m->p, run);
                        pack_u32(&m->p, (uint32_t)value);
                        count++;
                        run = 0;
                }
                value = delta;
                run++;
        }
        pack_u32(&m->p, run);
        pack_u32(&m->p, (uint32_t)value);
        table_end(&m->p, box, at, count + 1);
}

static void write_ctts(struct moov *m, const struct evidence_plan_track *pt)
{
        bool needed = false;

        for (size_t i = 0; i < pt->samples_n && !needed; i++)
                needed = pt->samples[i].composition_offset != 0;
        if (!needed)
                return;
        size_t at, box = table_begin(&m->p, T('c', 't', 't', 's'), 1, &at);
        uint32_t count = 0, run = 0;
        for (size_t i = 0; i < pt->samples_n; i++) {
                run++;
                if (i + 1 < pt->samples_n &&
                        pt->samples[i + 1].composition_offset == pt->samples[i].composition_offset)
                        continue;
                pack_u32(&m->p, run);
                pack_u32(&m->p, (uint32_t)pt->samples[i].composition_offset);
                count++;
                run = 0;
        }
        table_end(&m->p, box, at, count);
}

static void write_stss(struct moov *m, const struct evidence_plan_track *pt)
{
        bool needed = false;

        for (size_t i = 0; i < pt->samples_n && !needed; i++)
                needed = !pt->samples[i].key;
        if (!needed)
                return;
        size_t at, box = table_begin(&m->p, T('s', 't', 's', 's'), 0, &at);
        uint32_t count = 0;
        for (size_t i = 0; i < pt->samples_n; i++) {
                if (!pt->samples[i].key)
                        continue;
                pack_u32(&m->p, (uint32_t)i + 1);
                count++;
        }
        table_end(&m->p, box, at, count);
}

static void write_stsz(struct moov *m, const struct evidence_plan_track *pt)
{
        size_t box = box_begin_full(&m->p, T('s', 't', 's', 'z'), 0, 0);

        pack_u32(&m->p, 0);
        pack_u32(&m->p, (uint32_t)pt->samples_n);
        for (size_t i = 0; i < pt->samples_n; i++)
                pack_u32(&m->p, pt->samples[i].size);
        box_end(&m->p, box);
}

/* Calls visit for each chunk of the track: its fragment's part of mdat, where there is one. */
static void each_chunk(struct moov *m, uint32_t id,
        void (*visit)(void *owner, unsigned segment, unsigned samples, uint64_t offset),
        void *owner)
{
        uint64_t offset = m->mdat_at;

        for (unsigned i = 0; i < m->ev->segments_n; i++) {
                const struct evidence_segment *s = &m->ev->segments[i];
                for (unsigned j = 0; j < s->fragments_n; j++) {
                        const struct fmp4_fragment *f = &s->fragments[j].layout;
                        for (unsigned t = 0; t < f->tracks_n; t++) {
                                if (!evidence_has_track(m->ev, f->tracks[t].id))
                                        continue;
                                if (f->tracks[t].id == id && f->tracks[t].samples_n)
                                        visit(owner, i, f->tracks[t].samples_n, offset);
                                offset += f->tracks[t].bytes;
                        }
                }
        }
}

struct chunk_table {
        struct moov *m;
        const struct entries *entries;
        uint32_t chunk, rows;
        uint32_t last_samples, last_entry;
};

static void stsc_visit(void *owner, unsigned segment, unsigned samples, uint64_t offset)
{
        struct chunk_table *ct = owner;
        uint32_t entry = ct->entries->of_segment[segment];

        (void)offset;
        ct->chunk++;
        if (samples == ct->last_samples && entry == ct->last_entry)
                return;
        pack_u32(&ct->m->p, ct->chunk);
        pack_u32(&ct->m->p, samples);
        pack_u32(&ct->m->p, entry);
        ct->last_samples = samples;
        ct->last_entry = entry;
        ct->rows++;
}

static void co64_visit(void *owner, unsigned segment, unsigned samples, uint64_t offset)
{
        struct chunk_table *ct = owner;

        (void)segment;
        (void)samples;
        pack_u64(&ct->m->p, offset);
        ct->rows++;
}

static void write_chunks(struct moov *m, uint32_t id, const struct entries *en, uint32_t type)
{
        size_t at, box = table_begin(&m->p, type, 0, &at);
        struct chunk_table ct = { .m = m, .entries = en };

        each_chunk(m, id, type == T('s', 't', 's', 'c') ? stsc_visit : co64_visit, &ct);
        table_end(&m->p, box, at, ct.rows);
}

static int write_stbl(struct moov *m, const struct evidence_plan_track *pt, struct err *e)
{
        CLEANUP(entries_done) struct entries en = { 0 };
        int r = entries_collect(&en, m->ev, pt->stored, e);

        if (r < 0)
                return r;
        size_t stbl = box_begin(&m->p, T('s', 't', 'b', 'l'));
        size_t stsd = box_begin_full(&m->p, T('s', 't', 's', 'd'), 0, 0);
        pack_u32(&m->p, en.n);
        pack_bytes(&m->p, buf_bytes(&en.bytes));
        box_end(&m->p, stsd);
        write_stts(m, pt);
        write_ctts(m, pt);
        write_stss(m, pt);
        write_chunks(m, pt->stored->id, &en, T('s', 't', 's', 'c'));
        write_stsz(m, pt);
        write_chunks(m, pt->stored->id, &en, T('c', 'o', '6', '4'));
        box_end(&m->p, stbl);
        return 0;
}

static int write_trak(struct moov *m, unsigned track, struct err *e)
{
        const struct evidence_plan_track *pt = &m->plan->tracks[track];
        enum media_codec codec = pt->stored->config.codec;
        size_t trak = box_begin(&m->p, T('t', 'r', 'a', 'k'));

        write_tkhd(m, track);
        write_edts(m, track);
        size_t mdia = box_begin(&m->p, T('m', 'd', 'i', 'a'));
        write_mdhd(m, pt);
        write_hdlr(m, codec);
        size_t minf = box_begin(&m->p, T('m', 'i', 'n', 'f'));
        write_media_header(m, codec);
        int r = write_stbl(m, pt, e);
        box_end(&m->p, minf);
        box_end(&m->p, mdia);
        box_end(&m->p, trak);
        return r;
}

static int write_all(struct moov *m, struct err *e)
{
        size_t ftyp = box_begin(&m->p, T('f', 't', 'y', 'p'));

        pack_u32(&m->p, T('i', 's', 'o', 'm'));
        pack_u32(&m->p, 1);
        pack_u32(&m->p, T('i', 's', 'o', 'm'));
        pack_u32(&m->p, T('i', 's', 'o', '2'));
        pack_u32(&m->p, T('m', 'p', '4', '1'));
        box_end(&m->p, ftyp);
        size_t moov = box_begin(&m->p, T('m', 'o', 'o', 'v'));
        write_mvhd(m);
        for (unsigned t = 0; t < m->plan->tracks_n; t++) {
                int r = write_trak(m, t, e);
                if (r < 0)
                        return r;
        }
        box_end(&m->p, moov);
        pack_u32(&m->p, 1);
        pack_u32(&m->p, T('m', 'd', 'a', 't'));
        pack_u64(&m->p, MDAT_HEADER_BYTES + evidence_sample_bytes(m->ev));
        if (m->p.bad)
                return err_set(e, ERR_EXHAUSTED,
                        "the tables of this export are too large; export a shorter range");
        return 0;
}

int evidence_write_front(const struct evidence *ev, struct buf *out, struct err *e)
{
        CLEANUP(evidence_plan_done) struct evidence_plan plan = { 0 };
        size_t begin = out->n;
        int r = evidence_plan_make(ev, &plan, e);

        /* Twice: the second time the length of the front is known, and with it the places of the
         * samples. */
        for (uint64_t mdat_at = 0, pass = 0; r == 0 && pass < 2; pass++) {
                out->n = begin;
                struct moov m = { .ev = ev, .plan = &plan, .p = pack_to(out), .mdat_at = mdat_at };
                r = write_all(&m, e);
                mdat_at = out->n - begin;
        }
        if (r < 0)
                out->n = begin;
        return r;
}
