/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ISO/IEC 14496-12 sections 8.5.2, 12.1 to 12.3, 14496-14, 14496-15, 23001-7. */
#include "media/fmp4_entry.h"

#include "media/box.h"
#include "media/sound_config.h"

#define T BOX_TYPE
#define FMP4_VIDEO_ENTRY_BYTES 78
#define FMP4_AUDIO_ENTRY_BYTES 28
#define FMP4_AAC_PARAMETERS_MAX 64
#define FMP4_CLOCK_MAX 1000000

/* Of XMLMetaDataSampleEntry: content encoding (none), namespace (ONVIF export file format section
 * 6), schema location (none); each ends with a NUL. */
static const char fmp4_metadata_words[] = "\0http://www.onvif.org/ver10/schema\0";
#define FMP4_METADATA_ENTRY_BYTES (8 + sizeof fmp4_metadata_words)

/* What differs between codecs; config 0: no box of its own. */
static const struct fmp4_codec {
        enum media_codec codec;
        uint32_t format, config;
        enum sound_packing packing; /* G.726 */
} fmp4_entry_codecs[] = {
        { MEDIA_H264, T('a', 'v', 'c', '1'), T('a', 'v', 'c', 'C'), 0 },
        { MEDIA_H265, T('h', 'v', 'c', '1'), T('h', 'v', 'c', 'C'), 0 },
        { MEDIA_JPEG, T('j', 'p', 'e', 'g'), 0, 0 },
        { MEDIA_AAC, T('m', 'p', '4', 'a'), T('e', 's', 'd', 's'), 0 },
        { MEDIA_PCMU, T('u', 'l', 'a', 'w'), 0, 0 },
        { MEDIA_PCMA, T('a', 'l', 'a', 'w'), 0, 0 },
        { MEDIA_G726, T('g', '7', '2', '6'), 0, SOUND_PACKING_RFC3551 },
        { MEDIA_G726, T('m', 's', 0, 0x45), 0, SOUND_PACKING_AAL2 }, /* WAVE format 0x45 */
        { MEDIA_OPUS, T('O', 'p', 'u', 's'), T('d', 'O', 'p', 's'), 0 },
        { MEDIA_ONVIF_METADATA, T('m', 'e', 't', 'x'), 0, 0 },
};

static const struct fmp4_codec *codec_of(const struct media_config *c)
{
        for (size_t i = 0; i < ARRAY_LEN(fmp4_entry_codecs); i++)
                if (fmp4_entry_codecs[i].codec == c->codec &&
                        (c->codec != MEDIA_G726 ||
                                fmp4_entry_codecs[i].packing == sound_config_g726_packing(c)))
                        return &fmp4_entry_codecs[i];
        return NULL;
}

uint32_t fmp4_entry_handler(enum media_codec codec)
{
        if (media_is_video(codec))
                return T('v', 'i', 'd', 'e');
        return media_is_audio(codec) ? T('s', 'o', 'u', 'n') : T('m', 'e', 't', 'a');
}

void fmp4_entry_put_media_header(struct pack *p, enum media_codec codec)
{
        if (media_is_video(codec)) {
                size_t vmhd = box_begin_full(p, T('v', 'm', 'h', 'd'), 0, 1);
                pack_zeros(p, 8);
                box_end(p, vmhd);
        } else if (media_is_audio(codec)) {
                size_t smhd = box_begin_full(p, T('s', 'm', 'h', 'd'), 0, 0);
                pack_zeros(p, 4);
                box_end(p, smhd);
        } else {
                box_end(p, box_begin_full(p, T('n', 'm', 'h', 'd'), 0, 0));
        }
}

size_t fmp4_entry_fixed_bytes(enum media_codec codec)
{
        if (media_is_video(codec))
                return FMP4_VIDEO_ENTRY_BYTES;
        return media_is_audio(codec) ? FMP4_AUDIO_ENTRY_BYTES : FMP4_METADATA_ENTRY_BYTES;
}

/* --- what can be stored --- */

static int check_parameters(const struct media_config *c, struct err *e)
{
        struct media_config made;
        size_t least = 0, most = 0;

        if (media_has_nals(c->codec) || c->codec == MEDIA_AAC) {
                least = 1;
                most = c->codec == MEDIA_AAC ? FMP4_AAC_PARAMETERS_MAX : MEDIA_PARAMETERS_MAX;
        } else if (c->codec == MEDIA_G726) {
                least = most = 2;
        } else if (c->codec == MEDIA_OPUS) {
                return sound_config_of_dops(BYTES(c->parameters, c->parameters_n), &made, e);
        }
        if (c->parameters_n < least || c->parameters_n > most)
                return err_set(e, ERR_INVALID,
                        "%zu bytes of decoder parameters, %zu to %zu are possible", c->parameters_n,
                        least, most);
        if (c->codec != MEDIA_G726)
                return 0;
        return sound_config_g726_make(
                sound_config_g726_bits(c), sound_config_g726_packing(c), c->sample_rate, &made, e);
}

int fmp4_entry_check(const struct fmp4_track *t, struct err *e)
{
        const struct media_config *c = &t->config;

        if (c->codec <= MEDIA_NONE || c->codec >= MEDIA_CODECS)
                return err_set(e, ERR_INVALID, "codec %d is not stored", (int)c->codec);
        int r = check_parameters(c, e);
        if (r < 0)
                return r;
        if (media_is_video(c->codec)) {
                if (t->timescale != 90000 || !c->width || !c->height || c->width > UINT16_MAX ||
                        c->height > UINT16_MAX)
                        return err_set(e, ERR_INVALID, "timescale %u, picture %u x %u",
                                t->timescale, c->width, c->height);
                return 0;
        }
        if (!media_is_audio(c->codec))
                return t->timescale > 0 && t->timescale <= FMP4_CLOCK_MAX
                               ? 0
                               : err_set(e, ERR_INVALID, "timescale %u", t->timescale);
        if (!t->timescale || t->timescale != c->sample_rate || !c->channels ||
                c->channels > UINT16_MAX ||
                (c->codec == MEDIA_OPUS && c->channels != c->parameters[1]) ||
                (c->codec == MEDIA_G726 && c->channels != 1))
                return err_set(e, ERR_INVALID, "timescale %u, sample rate %u, %u channels",
                        t->timescale, c->sample_rate, c->channels);
        return 0;
}

/* --- writing --- */

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

        if (codec->config == 0)
                return;
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

static void put_video(struct pack *p, const struct media_config *c)
{
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
}

static void put_audio(struct pack *p, const struct fmp4_track *t)
{
        const struct media_config *c = &t->config;

        pack_zeros(p, 8);
        pack_u16(p, (uint16_t)c->channels);
        /* Bits a sample: 16 by convention; of a code word of G.726, whose decoders ask for it. */
        pack_u16(p, c->codec == MEDIA_G726 ? (uint16_t)sound_config_g726_bits(c) : 16);
        pack_u32(p, 0);
        pack_u32(p, t->timescale <= UINT16_MAX ? t->timescale << 16 : 0);
}

static uint32_t encrypted_format(enum media_codec codec)
{
        if (media_is_video(codec))
                return T('e', 'n', 'c', 'v');
        return media_is_audio(codec) ? T('e', 'n', 'c', 'a') : T('e', 'n', 'c', 'm');
}

void fmp4_entry_put(struct pack *p, const struct fmp4_track *t, const uint8_t *kid)
{
        const struct media_config *c = &t->config;
        const struct fmp4_codec *codec = codec_of(c);
        size_t entry = box_begin(p, kid ? encrypted_format(c->codec) : codec->format);

        pack_zeros(p, 6);
        pack_u16(p, 1); /* data reference */
        if (media_is_video(c->codec))
                put_video(p, c);
        else if (media_is_audio(c->codec))
                put_audio(p, t);
        else
                pack_bytes(p, BYTES(fmp4_metadata_words, sizeof fmp4_metadata_words));
        put_config(p, codec, c);
        if (kid)
                put_sinf(p, codec->format, kid);
        box_end(p, entry);
}

/* --- reading: only the values that vary; the rest shows where the header is written again --- */

static const struct fmp4_codec *codec_of_format(uint32_t format)
{
        for (size_t i = 0; i < ARRAY_LEN(fmp4_entry_codecs); i++)
                if (fmp4_entry_codecs[i].format == format)
                        return &fmp4_entry_codecs[i];
        return NULL;
}

/* Of an encrypted entry. */
static int read_codec(struct bytes children, const struct fmp4_codec **ret, struct err *e)
{
        struct box sinf, frma;
        int r = box_find(children, T('s', 'i', 'n', 'f'), &sinf, e);

        if (r == 0)
                r = box_find(sinf.payload, T('f', 'r', 'm', 'a'), &frma, e);
        if (r < 0)
                return r;
        struct unpack u = unpack_of(frma.payload);
        uint32_t format = unpack_u32(&u);
        *ret = codec_of_format(format);
        return *ret ? 0
                    : err_set(e, ERR_CORRUPT, "sample entry of an unknown codec, 0x%08x", format);
}

static int read_parameters(struct bytes children, const struct fmp4_codec *codec,
        struct media_config *c, struct err *e)
{
        struct box b;
        int r = box_find(children, codec->config, &b, e);

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
        return 0;
}

static void read_fixed(struct bytes fixed, const struct fmp4_track *t,
        const struct fmp4_codec *codec, struct media_config *c)
{
        struct unpack u = unpack_of(fixed);

        if (media_is_video(c->codec)) {
                unpack_bytes(&u, 24);
                c->width = unpack_u16(&u);
                c->height = unpack_u16(&u);
        } else if (media_is_audio(c->codec)) {
                unpack_bytes(&u, 16);
                c->channels = unpack_u16(&u);
                c->sample_rate = t->timescale;
        }
        if (c->codec == MEDIA_G726) {
                c->parameters[0] = (uint8_t)unpack_u16(&u);
                c->parameters[1] = (uint8_t)codec->packing;
                c->parameters_n = 2;
        }
}

int fmp4_entry_read(struct bytes entries, struct fmp4_track *t, struct err *e)
{
        struct media_config c = { .clock_rate = t->timescale };
        struct box entry;
        uint64_t at = 0;
        int r = box_next(entries, &at, &entry, e);

        if (r <= 0)
                return r < 0 ? r : err_set(e, ERR_CORRUPT, "no sample entry");
        const struct fmp4_codec *codec = codec_of_format(entry.type); /* clear */
        /* The kind tells where the children begin. */
        size_t fixed = fmp4_entry_fixed_bytes(codec                                 ? codec->codec
                                              : entry.type == T('e', 'n', 'c', 'v') ? MEDIA_H264
                                              : entry.type == T('e', 'n', 'c', 'a')
                                                      ? MEDIA_AAC
                                                      : MEDIA_ONVIF_METADATA);
        struct bytes children = bytes_sub(entry.payload, fixed, entry.payload.n);
        r = codec ? 0 : read_codec(children, &codec, e);
        if (r < 0)
                return r;
        c.codec = codec->codec;
        if (codec->config)
                r = read_parameters(children, codec, &c, e);
        if (r < 0)
                return r;
        read_fixed(bytes_sub(entry.payload, 0, fixed), t, codec, &c);
        t->config = c;
        return 0;
}
