/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftyp and moov, written and read (ISO/IEC 14496-12 section 8, 23001-7). */
#include "media/box.h"
#include "media/fmp4_entry.h"

#include <inttypes.h>

#define T BOX_TYPE
#define FMP4_LANGUAGE_UND 0x55c4

static const uint8_t fmp4_moov_head_type[16] = FMP4_HEAD_USER_TYPE;
/* The 'common' system: a key id and nothing else. */
static const uint8_t fmp4_moov_pssh_system[16] = { 0x10, 0x77, 0xef, 0xec, 0xc0, 0xb2, 0x4d, 0x02,
        0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b };

static void put_matrix(struct pack *p)
{
        static const uint32_t unity[9] = { 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000 };

        for (size_t i = 0; i < ARRAY_LEN(unity); i++)
                pack_u32(p, unity[i]);
}

static void put_ftyp(struct pack *p)
{
        size_t ftyp = box_begin(p, T('f', 't', 'y', 'p'));

        pack_u32(p, T('i', 's', 'o', '6'));
        pack_u32(p, 1);
        pack_u32(p, T('i', 's', 'o', '6'));
        pack_u32(p, T('c', 'm', 'f', 'c'));
        pack_u32(p, T('m', 'p', '4', '1'));
        box_end(p, ftyp);
}

static void put_mvhd(struct pack *p, unsigned tracks_n)
{
        size_t mvhd = box_begin_full(p, T('m', 'v', 'h', 'd'), 0, 0);

        pack_zeros(p, 8);        /* creation and modification time */
        pack_u32(p, 1000);       /* timescale */
        pack_u32(p, 0);          /* duration */
        pack_u32(p, 0x00010000); /* rate 1.0 */
        pack_u16(p, 0x0100);     /* volume 1.0 */
        pack_zeros(p, 10);
        put_matrix(p);
        pack_zeros(p, 24);
        pack_u32(p, tracks_n + 1); /* next track id */
        box_end(p, mvhd);
}

static void put_tkhd(struct pack *p, const struct fmp4_track *t)
{
        bool video = media_is_video(t->config.codec);
        size_t tkhd =
                box_begin_full(p, T('t', 'k', 'h', 'd'), 0, 7); /* enabled, in movie, in preview */

        pack_zeros(p, 8);
        pack_u32(p, t->id);
        pack_zeros(p, 4 + 4 + 8 + 2 + 2); /* duration, reserved, layer, alternate group */
        pack_u16(p, media_is_audio(t->config.codec) ? 0x0100 : 0);
        pack_u16(p, 0);
        put_matrix(p);
        pack_u32(p, video ? t->config.width << 16 : 0);
        pack_u32(p, video ? t->config.height << 16 : 0);
        box_end(p, tkhd);
}

static void put_mdhd_hdlr(struct pack *p, const struct fmp4_track *t)
{
        const char *name = media_is_video(t->config.codec)   ? "video"
                           : media_is_audio(t->config.codec) ? "audio"
                                                             : "metadata";

        size_t mdhd = box_begin_full(p, T('m', 'd', 'h', 'd'), 0, 0);
        pack_zeros(p, 8);
        pack_u32(p, t->timescale);
        pack_u32(p, 0);
        pack_u16(p, FMP4_LANGUAGE_UND);
        pack_u16(p, 0);
        box_end(p, mdhd);

        size_t hdlr = box_begin_full(p, T('h', 'd', 'l', 'r'), 0, 0);
        pack_u32(p, 0);
        pack_u32(p, fmp4_entry_handler(t->config.codec));
        pack_zeros(p, 12);
        pack_bytes(p, BYTES(name, strlen(name) + 1));
        box_end(p, hdlr);
}

/* Sample tables of a fragmented file: a sample description and nothing else. */
static void put_stbl(struct pack *p, const struct fmp4_track *t, const uint8_t *kid)
{
        static const uint32_t empty[] = { T('s', 't', 't', 's'), T('s', 't', 's', 'c'),
                T('s', 't', 's', 'z'), T('s', 't', 'c', 'o') };
        size_t stbl = box_begin(p, T('s', 't', 'b', 'l'));

        size_t stsd = box_begin_full(p, T('s', 't', 's', 'd'), 0, 0);
        pack_u32(p, 1);
        fmp4_entry_put(p, t, kid);
        box_end(p, stsd);
        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                size_t table = box_begin_full(p, empty[i], 0, 0);
                pack_zeros(p, empty[i] == T('s', 't', 's', 'z') ? 8 : 4);
                box_end(p, table);
        }
        box_end(p, stbl);
}

static void put_minf(struct pack *p, const struct fmp4_track *t, const uint8_t *kid)
{
        size_t minf = box_begin(p, T('m', 'i', 'n', 'f'));

        fmp4_entry_put_media_header(p, t->config.codec);
        size_t dinf = box_begin(p, T('d', 'i', 'n', 'f'));
        size_t dref = box_begin_full(p, T('d', 'r', 'e', 'f'), 0, 0);
        pack_u32(p, 1);
        box_end(p, box_begin_full(p, T('u', 'r', 'l', ' '), 0, 1)); /* in this file */
        box_end(p, dref);
        box_end(p, dinf);

        put_stbl(p, t, kid);
        box_end(p, minf);
}

static void put_trak(struct pack *p, const struct fmp4_track *t, const uint8_t *kid)
{
        size_t trak = box_begin(p, T('t', 'r', 'a', 'k'));

        put_tkhd(p, t);
        size_t mdia = box_begin(p, T('m', 'd', 'i', 'a'));
        put_mdhd_hdlr(p, t);
        put_minf(p, t, kid);
        box_end(p, mdia);
        box_end(p, trak);
}

static void put_mvex(struct pack *p, const struct fmp4_track *tracks, unsigned n)
{
        size_t mvex = box_begin(p, T('m', 'v', 'e', 'x'));

        for (unsigned i = 0; i < n; i++) {
                size_t trex = box_begin_full(p, T('t', 'r', 'e', 'x'), 0, 0);
                pack_u32(p, tracks[i].id);
                pack_u32(p, 1);    /* sample description */
                pack_zeros(p, 12); /* no defaults */
                box_end(p, trex);
        }
        box_end(p, mvex);
}

static void put_pssh(struct pack *p, const uint8_t kid[static 16])
{
        size_t pssh = box_begin_full(p, T('p', 's', 's', 'h'), 1, 0);

        pack_bytes(p, BYTES(fmp4_moov_pssh_system, 16));
        pack_u32(p, 1);
        pack_bytes(p, BYTES(kid, 16));
        pack_u32(p, 0);
        box_end(p, pssh);
}

/* Video, then sound, then metadata. */
static unsigned kind_order(enum media_codec codec)
{
        return media_is_video(codec) ? 0 : media_is_audio(codec) ? 1 : 2;
}

static int check_tracks(const struct fmp4_track *tracks, unsigned n, struct err *e)
{
        unsigned order = 0;

        if (n == 0 || n > FMP4_TRACKS_MAX)
                return err_set(
                        e, ERR_INVALID, "%u tracks, 1 to %d are possible", n, FMP4_TRACKS_MAX);
        for (unsigned i = 0; i < n; i++) {
                const struct fmp4_track *t = &tracks[i];
                int r = fmp4_entry_check(t, e);
                if (r < 0)
                        return err_wrap(e, r, "track %u", i + 1);
                if (t->id != i + 1)
                        return err_set(e, ERR_INVALID, "track %u has id %u", i + 1, t->id);
                if (kind_order(t->config.codec) < order)
                        return err_set(e, ERR_INVALID,
                                "track %u: tracks are video, then sound, then metadata", t->id);
                order = kind_order(t->config.codec);
        }
        return 0;
}

/* moov is left open, for what is last in it; returns where it begins. kid NULL: clear. */
static size_t begin_header(
        struct pack *p, const struct fmp4_track *tracks, unsigned n, const uint8_t *kid)
{
        put_ftyp(p);
        size_t moov = box_begin(p, T('m', 'o', 'o', 'v'));
        put_mvhd(p, n);
        for (unsigned i = 0; i < n; i++)
                put_trak(p, &tracks[i], kid);
        put_mvex(p, tracks, n);
        return moov;
}

/* before: bytes in out without the header. */
static int end_header(struct pack *p, size_t moov, size_t before, struct err *e)
{
        box_end(p, moov);
        if (!p->bad)
                return 0;
        p->out->n = before;
        return err_set(e, ERR_EXHAUSTED, "header does not fit in %zu bytes", p->out->max);
}

int fmp4_write_header(const struct fmp4_header *h, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = check_tracks(h->tracks, h->tracks_n, e);

        if (r < 0)
                return r;
        struct pack p = pack_to(out);
        size_t moov = begin_header(&p, h->tracks, h->tracks_n, h->kid);
        put_pssh(&p, h->kid);
        size_t head = box_begin_uuid(&p, fmp4_moov_head_type);
        pack_bytes(&p, h->head);
        box_end(&p, head);
        return end_header(&p, moov, before, e);
}

int fmp4_write_clear_header(
        const struct fmp4_track *tracks, unsigned n, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = check_tracks(tracks, n, e);

        if (r < 0)
                return r;
        struct pack p = pack_to(out);
        return end_header(&p, begin_header(&p, tracks, n, NULL), before, e);
}

/* --- reading: only the values that vary; everything else shows in the comparison --- */

static int find_path(
        struct bytes in, const uint32_t *path, size_t n, struct box *ret, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                int r = box_find(in, path[i], ret, e);
                if (r < 0)
                        return r;
                in = ret->payload;
        }
        return 0;
}
#define FIND(in, ret, e, ...)                                                                      \
        find_path(in, (const uint32_t[]){ __VA_ARGS__ },                                           \
                sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), ret, e)

static int read_trak(struct bytes trak, struct fmp4_track *t, struct err *e)
{
        struct box b;
        int r = FIND(trak, &b, e, T('t', 'k', 'h', 'd'));

        if (r < 0)
                return r;
        struct unpack u = unpack_of(b.payload);
        unpack_bytes(&u, 12);
        t->id = unpack_u32(&u);
        r = FIND(trak, &b, e, T('m', 'd', 'i', 'a'), T('m', 'd', 'h', 'd'));
        if (r < 0)
                return r;
        u = unpack_of(b.payload);
        unpack_bytes(&u, 12);
        t->timescale = unpack_u32(&u);
        r = FIND(trak, &b, e, T('m', 'd', 'i', 'a'), T('m', 'i', 'n', 'f'), T('s', 't', 'b', 'l'),
                T('s', 't', 's', 'd'));
        if (r < 0)
                return r;
        return fmp4_entry_read(bytes_sub(b.payload, 8, b.payload.n), t, e);
}

static int read_moov_child(const struct box *b, struct fmp4_header *h, struct err *e)
{
        if (b->type == T('t', 'r', 'a', 'k')) {
                if (h->tracks_n == FMP4_TRACKS_MAX)
                        return err_set(e, ERR_CORRUPT, "more than %d tracks", FMP4_TRACKS_MAX);
                int r = read_trak(b->payload, &h->tracks[h->tracks_n], e);
                if (r < 0)
                        return err_wrap(e, ERR_CORRUPT, "track %u", h->tracks_n + 1);
                h->tracks_n++;
        } else if (b->type == T('p', 's', 's', 'h')) {
                struct unpack u = unpack_of(b->payload);
                unpack_bytes(&u, 24);
                unpack_copy(&u, h->kid, 16);
        } else if (b->type == T('u', 'u', 'i', 'd')) {
                h->head = b->payload;
        }
        return 0;
}

static int compare_header(struct bytes in, const struct fmp4_header *h, bool clear, struct err *e)
{
        CLEANUP(buf_done) struct buf again;

        buf_init(&again, in.n);
        int r = clear ? fmp4_write_clear_header(h->tracks, h->tracks_n, &again, e)
                      : fmp4_write_header(h, &again, e);
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "moov");
        size_t i = 0;
        while (i < in.n && i < again.n && in.p[i] == again.p[i])
                i++;
        if (i < in.n || i < again.n)
                return err_set(
                        e, ERR_CORRUPT, "ftyp and moov: byte %zu is not as Custos writes it", i);
        return 0;
}

static int read_header(struct bytes in, struct fmp4_header *h, bool clear, struct err *e)
{
        struct box moov, child;
        uint64_t at = 0;
        int r = box_find(in, T('m', 'o', 'o', 'v'), &moov, e);

        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "header");
        while ((r = box_next(moov.payload, &at, &child, e)) > 0) {
                r = read_moov_child(&child, h, e);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "moov");
        return compare_header(in, h, clear, e);
}

int fmp4_read_header(struct bytes in, struct fmp4_header *ret, struct err *e)
{
        struct fmp4_header h = { 0 };

        int r = read_header(in, &h, false, e);
        if (r < 0)
                return r;
        *ret = h;
        return 0;
}

int fmp4_read_clear_header(
        struct bytes in, struct fmp4_track ret[static FMP4_TRACKS_MAX], struct err *e)
{
        struct fmp4_header h = { 0 };

        int r = read_header(in, &h, true, e);
        if (r < 0)
                return r;
        memcpy(ret, h.tracks, sizeof h.tracks);
        return (int)h.tracks_n;
}
