/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ftyp and moov, written and read (ISO/IEC 14496-12 section 8, 14496-14, 14496-15, 23001-7). */
#include "media/box.h"
#include "media/fmp4.h"

#include <inttypes.h>

#define T BOX_TYPE
#define FMP4_VIDEO_ENTRY_BYTES 78 /* of the entry's payload before its child boxes */
#define FMP4_AUDIO_ENTRY_BYTES 28
#define FMP4_AUDIO_PARAMETERS_MAX 64
#define FMP4_LANGUAGE_UND 0x55c4

static const uint8_t fmp4_moov_head_type[16] = FMP4_HEAD_USER_TYPE;
/* The 'common' system: a key id and nothing else. */
static const uint8_t fmp4_moov_pssh_system[16] = { 0x10, 0x77, 0xef, 0xec, 0xc0, 0xb2, 0x4d, 0x02,
        0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b };

/* What differs between codecs. */
static const struct fmp4_codec {
        enum media_codec codec;
        uint32_t format, config;
} fmp4_moov_codecs[] = {
        { MEDIA_H264, T('a', 'v', 'c', '1'), T('a', 'v', 'c', 'C') },
        { MEDIA_H265, T('h', 'v', 'c', '1'), T('h', 'v', 'c', 'C') },
        { MEDIA_AAC, T('m', 'p', '4', 'a'), T('e', 's', 'd', 's') },
};

static const struct fmp4_codec *fmp4_codec_of(enum media_codec codec)
{
        for (size_t i = 0; i < ARRAY_LEN(fmp4_moov_codecs); i++)
                if (fmp4_moov_codecs[i].codec == codec)
                        return &fmp4_moov_codecs[i];
        return NULL;
}

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
        pack_u16(p, video ? 0 : 0x0100);
        pack_u16(p, 0);
        put_matrix(p);
        pack_u32(p, video ? t->config.width << 16 : 0);
        pack_u32(p, video ? t->config.height << 16 : 0);
        box_end(p, tkhd);
}

static void put_mdhd_hdlr(struct pack *p, const struct fmp4_track *t)
{
        bool video = media_is_video(t->config.codec);

        size_t mdhd = box_begin_full(p, T('m', 'd', 'h', 'd'), 0, 0);
        pack_zeros(p, 8);
        pack_u32(p, t->timescale);
        pack_u32(p, 0);
        pack_u16(p, FMP4_LANGUAGE_UND);
        pack_u16(p, 0);
        box_end(p, mdhd);

        size_t hdlr = box_begin_full(p, T('h', 'd', 'l', 'r'), 0, 0);
        pack_u32(p, 0);
        pack_u32(p, video ? T('v', 'i', 'd', 'e') : T('s', 'o', 'u', 'n'));
        pack_zeros(p, 12);
        pack_bytes(p, BYTES(video ? "video" : "audio", 6));
        box_end(p, hdlr);
}

/* Elementary stream descriptor (ISO/IEC 14496-1 section 7.2.6); each length takes four bytes. */
static void put_descriptor(struct pack *p, uint8_t tag, size_t n)
{
        pack_u8(p, tag);
        pack_u8(p, 0x80);
        pack_u8(p, 0x80);
        pack_u8(p, 0x80 | (uint8_t)(n >> 7));
        pack_u8(p, n & 0x7f);
}

#define ESDS_BEFORE 35 /* bytes of the payload before AudioSpecificConfig, and behind it */
#define ESDS_BEHIND 6

static void put_esds(struct pack *p, struct bytes config)
{
        put_descriptor(p, 3, 3 + 5 + 13 + 5 + config.n + ESDS_BEHIND);
        pack_u16(p, 0); /* ES_ID: 0 in files */
        pack_u8(p, 0);
        put_descriptor(p, 4, 13 + 5 + config.n);
        pack_u8(p, 0x40);         /* MPEG-4 audio */
        pack_u8(p, 0x15);         /* audio stream */
        pack_zeros(p, 3 + 4 + 4); /* buffer size, bit rates: unknown */
        put_descriptor(p, 5, config.n);
        pack_bytes(p, config);
        put_descriptor(p, 6, 1);
        pack_u8(p, 2); /* SL: as MP4 files have it */
}

static void put_config(struct pack *p, const struct fmp4_codec *codec, const struct media_config *c)
{
        struct bytes parameters = BYTES(c->parameters, c->parameters_n);

        if (codec->codec == MEDIA_AAC) {
                size_t esds = box_begin_full(p, codec->config, 0, 0);
                put_esds(p, parameters);
                box_end(p, esds);
                return;
        }
        size_t config = box_begin(p, codec->config);
        pack_bytes(p, parameters);
        box_end(p, config);
}

static void put_sinf(struct pack *p, uint32_t format, const uint8_t kid[static 16])
{
        size_t sinf = box_begin(p, T('s', 'i', 'n', 'f'));

        size_t frma = box_begin(p, T('f', 'r', 'm', 'a'));
        pack_u32(p, format);
        box_end(p, frma);
        size_t schm = box_begin_full(p, T('s', 'c', 'h', 'm'), 0, 0);
        pack_u32(p, T('c', 'e', 'n', 'c'));
        pack_u32(p, 0x00010000);
        box_end(p, schm);
        size_t schi = box_begin(p, T('s', 'c', 'h', 'i'));
        size_t tenc = box_begin_full(p, T('t', 'e', 'n', 'c'), 0, 0);
        pack_u16(p, 0);
        pack_u8(p, 1); /* protected */
        pack_u8(p, 8); /* IV bytes */
        pack_bytes(p, BYTES(kid, 16));
        box_end(p, tenc);
        box_end(p, schi);
        box_end(p, sinf);
}

static void put_sample_entry(
        struct pack *p, const struct fmp4_track *t, const uint8_t kid[static 16])
{
        const struct media_config *c = &t->config;
        const struct fmp4_codec *codec = fmp4_codec_of(c->codec);
        bool video = media_is_video(c->codec);
        size_t entry = box_begin(p, video ? T('e', 'n', 'c', 'v') : T('e', 'n', 'c', 'a'));

        pack_zeros(p, 6);
        pack_u16(p, 1); /* data reference */
        if (video) {
                pack_zeros(p, 16);
                pack_u16(p, (uint16_t)c->width);
                pack_u16(p, (uint16_t)c->height);
                pack_u32(p, 0x00480000); /* 72 dpi, both ways */
                pack_u32(p, 0x00480000);
                pack_u32(p, 0);
                pack_u16(p, 1);    /* one frame a sample */
                pack_zeros(p, 32); /* compressor name */
                pack_u16(p, 0x0018);
                pack_u16(p, 0xffff);
        } else {
                pack_zeros(p, 8);
                pack_u16(p, (uint16_t)c->channels);
                pack_u16(p, 16); /* bits a sample, by convention */
                pack_u32(p, 0);
                pack_u32(p, t->timescale <= UINT16_MAX ? t->timescale << 16 : 0);
        }
        put_config(p, codec, c);
        put_sinf(p, codec->format, kid);
        box_end(p, entry);
}

/* Sample tables of a fragmented file: a sample description and nothing else. */
static void put_stbl(struct pack *p, const struct fmp4_track *t, const uint8_t kid[static 16])
{
        static const uint32_t empty[] = { T('s', 't', 't', 's'), T('s', 't', 's', 'c'),
                T('s', 't', 's', 'z'), T('s', 't', 'c', 'o') };
        size_t stbl = box_begin(p, T('s', 't', 'b', 'l'));

        size_t stsd = box_begin_full(p, T('s', 't', 's', 'd'), 0, 0);
        pack_u32(p, 1);
        put_sample_entry(p, t, kid);
        box_end(p, stsd);
        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                size_t table = box_begin_full(p, empty[i], 0, 0);
                pack_zeros(p, empty[i] == T('s', 't', 's', 'z') ? 8 : 4);
                box_end(p, table);
        }
        box_end(p, stbl);
}

static void put_minf(struct pack *p, const struct fmp4_track *t, const uint8_t kid[static 16])
{
        bool video = media_is_video(t->config.codec);
        size_t minf = box_begin(p, T('m', 'i', 'n', 'f'));

        size_t media = video ? box_begin_full(p, T('v', 'm', 'h', 'd'), 0, 1)
                             : box_begin_full(p, T('s', 'm', 'h', 'd'), 0, 0);
        pack_zeros(p, video ? 8 : 4);
        box_end(p, media);

        size_t dinf = box_begin(p, T('d', 'i', 'n', 'f'));
        size_t dref = box_begin_full(p, T('d', 'r', 'e', 'f'), 0, 0);
        pack_u32(p, 1);
        box_end(p, box_begin_full(p, T('u', 'r', 'l', ' '), 0, 1)); /* in this file */
        box_end(p, dref);
        box_end(p, dinf);

        put_stbl(p, t, kid);
        box_end(p, minf);
}

static void put_trak(struct pack *p, const struct fmp4_track *t, const uint8_t kid[static 16])
{
        size_t trak = box_begin(p, T('t', 'r', 'a', 'k'));

        put_tkhd(p, t);
        size_t mdia = box_begin(p, T('m', 'd', 'i', 'a'));
        put_mdhd_hdlr(p, t);
        put_minf(p, t, kid);
        box_end(p, mdia);
        box_end(p, trak);
}

static void put_mvex(struct pack *p, const struct fmp4_header *h)
{
        size_t mvex = box_begin(p, T('m', 'v', 'e', 'x'));

        for (unsigned i = 0; i < h->tracks_n; i++) {
                size_t trex = box_begin_full(p, T('t', 'r', 'e', 'x'), 0, 0);
                pack_u32(p, h->tracks[i].id);
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

static int check_track(const struct fmp4_track *t, unsigned i, bool audio_before, struct err *e)
{
        const struct media_config *c = &t->config;

        if (!fmp4_codec_of(c->codec))
                return err_set(
                        e, ERR_INVALID, "track %u: codec %d is not stored", i + 1, (int)c->codec);
        if (t->id != i + 1)
                return err_set(e, ERR_INVALID, "track %u has id %u", i + 1, t->id);
        size_t max = c->codec == MEDIA_AAC ? FMP4_AUDIO_PARAMETERS_MAX : MEDIA_PARAMETERS_MAX;
        if (c->parameters_n == 0 || c->parameters_n > max)
                return err_set(e, ERR_INVALID,
                        "track %u: %zu bytes of decoder parameters, 1 to %zu are possible", t->id,
                        c->parameters_n, max);
        if (media_is_video(c->codec)) {
                if (audio_before)
                        return err_set(e, ERR_INVALID, "track %u: video behind audio", t->id);
                if (t->timescale != 90000 || !c->width || !c->height || c->width > UINT16_MAX ||
                        c->height > UINT16_MAX)
                        return err_set(e, ERR_INVALID, "track %u: timescale %u, picture %u x %u",
                                t->id, t->timescale, c->width, c->height);
                return 0;
        }
        if (!t->timescale || t->timescale != c->sample_rate || !c->channels ||
                c->channels > UINT16_MAX)
                return err_set(e, ERR_INVALID,
                        "track %u: timescale %u, sample rate %u, %u channels", t->id, t->timescale,
                        c->sample_rate, c->channels);
        return 0;
}

static int check_header(const struct fmp4_header *h, struct err *e)
{
        bool audio_before = false;

        if (h->tracks_n == 0 || h->tracks_n > FMP4_TRACKS_MAX)
                return err_set(e, ERR_INVALID, "%u tracks, 1 to %d are possible", h->tracks_n,
                        FMP4_TRACKS_MAX);
        for (unsigned i = 0; i < h->tracks_n; i++) {
                int r = check_track(&h->tracks[i], i, audio_before, e);
                if (r < 0)
                        return r;
                audio_before |= !media_is_video(h->tracks[i].config.codec);
        }
        return 0;
}

int fmp4_write_header(const struct fmp4_header *h, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = check_header(h, e);

        if (r < 0)
                return r;
        struct pack p = pack_to(out);
        put_ftyp(&p);
        size_t moov = box_begin(&p, T('m', 'o', 'o', 'v'));
        put_mvhd(&p, h->tracks_n);
        for (unsigned i = 0; i < h->tracks_n; i++)
                put_trak(&p, &h->tracks[i], h->kid);
        put_mvex(&p, h);
        put_pssh(&p, h->kid);
        size_t head = box_begin_uuid(&p, fmp4_moov_head_type);
        pack_bytes(&p, h->head);
        box_end(&p, head);
        box_end(&p, moov);
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "header does not fit in %zu bytes", out->max);
        }
        return 0;
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

static int read_config(struct bytes children, struct media_config *c, struct err *e)
{
        struct box b;
        int r = FIND(children, &b, e, T('s', 'i', 'n', 'f'), T('f', 'r', 'm', 'a'));

        if (r < 0)
                return r;
        struct unpack u = unpack_of(b.payload);
        uint32_t format = unpack_u32(&u);
        const struct fmp4_codec *codec = NULL;
        for (size_t i = 0; i < ARRAY_LEN(fmp4_moov_codecs); i++)
                if (fmp4_moov_codecs[i].format == format)
                        codec = &fmp4_moov_codecs[i];
        if (!codec)
                return err_set(e, ERR_CORRUPT, "sample entry of an unknown codec, 0x%08x", format);
        r = FIND(children, &b, e, codec->config);
        if (r < 0)
                return r;
        struct bytes parameters = b.payload;
        if (codec->codec == MEDIA_AAC) {
                if (parameters.n < ESDS_BEFORE + ESDS_BEHIND)
                        return err_set(e, ERR_CORRUPT, "esds of %zu bytes", parameters.n);
                parameters = bytes_sub(
                        parameters, ESDS_BEFORE, parameters.n - ESDS_BEFORE - ESDS_BEHIND);
        }
        if (parameters.n == 0 || parameters.n > sizeof c->parameters)
                return err_set(e, ERR_CORRUPT, "%zu bytes of decoder parameters", parameters.n);
        memcpy(c->parameters, parameters.p, parameters.n);
        c->parameters_n = parameters.n;
        c->codec = codec->codec;
        return 0;
}

static int read_sample_entry(struct bytes stsd, struct fmp4_track *t, struct err *e)
{
        struct media_config *c = &t->config;
        struct box entry;
        uint64_t at = 0;
        int r = box_next(bytes_sub(stsd, 8, stsd.n), &at, &entry, e);

        if (r <= 0)
                return r < 0 ? r : err_set(e, ERR_CORRUPT, "no sample entry");
        bool video = entry.type == T('e', 'n', 'c', 'v');
        struct unpack u = unpack_of(entry.payload);
        if (video) {
                unpack_bytes(&u, 24);
                c->width = unpack_u16(&u);
                c->height = unpack_u16(&u);
        } else {
                unpack_bytes(&u, 16);
                c->channels = unpack_u16(&u);
                c->sample_rate = t->timescale;
        }
        c->clock_rate = t->timescale;
        size_t fixed = video ? FMP4_VIDEO_ENTRY_BYTES : FMP4_AUDIO_ENTRY_BYTES;
        return read_config(bytes_sub(entry.payload, fixed, entry.payload.n), c, e);
}

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
        return read_sample_entry(b.payload, t, e);
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

static int compare_header(struct bytes in, const struct fmp4_header *h, struct err *e)
{
        CLEANUP(buf_done) struct buf again;

        buf_init(&again, in.n);
        int r = fmp4_write_header(h, &again, e);
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

int fmp4_read_header(struct bytes in, struct fmp4_header *ret, struct err *e)
{
        struct fmp4_header h = { 0 };
        struct box moov, child;
        uint64_t at = 0;
        int r = box_find(in, T('m', 'o', 'o', 'v'), &moov, e);

        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "header");
        while ((r = box_next(moov.payload, &at, &child, e)) > 0) {
                r = read_moov_child(&child, &h, e);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "moov");
        r = compare_header(in, &h, e);
        if (r < 0)
                return r;
        *ret = h;
        return 0;
}
