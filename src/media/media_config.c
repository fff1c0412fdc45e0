/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/media_config.h"

#include "base/str.h"
#include "media/aac.h"
#include "media/h264.h"
#include "media/h265.h"
#include "media/parameter_sets.h"
#include "media/sound_config.h"

#define MEDIA_CLOCK 90000
#define MEDIA_CLOCK_MAX 1000000 /* what a file's track can have */

static const struct {
        const char *encoding, *name;
} codecs[] = {
        [MEDIA_NONE] = { "", "none" },
        [MEDIA_H264] = { "H264", "h264" },
        [MEDIA_H265] = { "H265", "h265" },
        [MEDIA_AAC] = { "MPEG4-GENERIC", "aac" },
        [MEDIA_JPEG] = { "JPEG", "jpeg" },
        [MEDIA_PCMU] = { "PCMU", "pcmu" },
        [MEDIA_PCMA] = { "PCMA", "pcma" },
        [MEDIA_G726] = { "G726-32", "g726" },
        [MEDIA_OPUS] = { "opus", "opus" },
        [MEDIA_ONVIF_METADATA] = { "vnd.onvif.metadata", "onvif-metadata" },
};

bool media_config_equal(const struct media_config *a, const struct media_config *b)
{
        return a->codec == b->codec && a->clock_rate == b->clock_rate && a->width == b->width &&
               a->height == b->height && a->sample_rate == b->sample_rate &&
               a->channels == b->channels &&
               bytes_equal(BYTES(a->parameters, a->parameters_n),
                       BYTES(b->parameters, b->parameters_n));
}

bool media_config_complete(const struct media_config *c)
{
        if (media_is_video(c->codec) && (c->width == 0 || c->height == 0))
                return false;
        return c->parameters_n > 0 || !media_has_nals(c->codec);
}

int media_config_main_track(const struct media_config *tracks, unsigned n)
{
        int main = -1;

        for (unsigned i = n; i-- > 0;)
                if (media_is_audio(tracks[i].codec))
                        main = (int)i;
        for (unsigned i = n; i-- > 0;)
                if (media_is_video(tracks[i].codec))
                        main = (int)i;
        return main;
}

const char *media_config_encoding(const struct media_config *c)
{
        return c->codec == MEDIA_G726 ? sound_config_g726_encoding(c) : codecs[c->codec].encoding;
}

const char *media_config_codec_name(enum media_codec c)
{
        return codecs[c].name;
}

static struct bytes cut(struct bytes *rest, char separator)
{
        const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        struct bytes part = str_trim(bytes_sub(*rest, 0, n));

        *rest = bytes_sub(*rest, n + 1, rest->n);
        return part;
}

/* The value of one fmtp parameter; p is NULL when it is not there. */
static struct bytes parameter(struct bytes fmtp, const char *name)
{
        while (fmtp.n > 0) {
                struct bytes value = cut(&fmtp, ';');
                if (str_is(cut(&value, '='), name))
                        return str_trim(value);
        }
        return BYTES(NULL, 0);
}

/* Base64, of which cameras forget the padding. */
static int decode(struct bytes text, uint8_t *to, size_t room)
{
        char padded[STR_BASE64_ROOM(MEDIA_PARAMETERS_MAX) + 4];

        if (text.n + 4 > sizeof padded)
                return ERR_EXHAUSTED;
        memcpy(padded, text.p, text.n);
        while (text.n % 4)
                padded[text.n++] = '=';
        return str_unbase64(to, room, BYTES(padded, text.n), NULL);
}

/* Comma-separated units. An unreadable one is left out: its copy in the stream counts then. */
static void put_sprop(struct parameter_sets *sets, struct bytes value)
{
        uint8_t nal[MEDIA_PARAMETERS_MAX];

        while (value.n > 0) {
                struct bytes text = cut(&value, ',');
                int n = text.n ? decode(text, nal, sizeof nal) : 0;
                struct bytes rest = BYTES(nal, n > 0 ? (size_t)n : 0), one;
                while (nal_next_annexb(&rest, &one))
                        if (parameter_sets_put(sets, one, NULL) < 0)
                                break;
        }
}

static int video_of_sdp(
        enum media_codec codec, struct bytes fmtp, struct media_config *ret, struct err *e)
{
        struct parameter_sets sets;
        static const char *const names[] = { "sprop-parameter-sets", "sprop-vps", "sprop-sps",
                "sprop-pps" };
        struct bytes mode = parameter(fmtp, "packetization-mode");

        if (codec == MEDIA_H264 && str_is(mode, "2"))
                return err_set(e, ERR_INVALID,
                        "H.264 packetization-mode 2 (interleaved) is not supported");
        parameter_sets_init(&sets, codec);
        for (size_t i = codec == MEDIA_H264 ? 0 : 1;
                i < (codec == MEDIA_H264 ? 1 : ARRAY_LEN(names)); i++)
                put_sprop(&sets, parameter(fmtp, names[i]));
        if (parameter_sets_config(&sets, ret, NULL) < 0)
                *ret = (struct media_config){ .codec = codec, .clock_rate = MEDIA_CLOCK };
        return 0;
}

/* The lengths that make the mode (RFC 3640 section 3.3.6); absent where the mode is said is as
 * good. */
static bool is_hbr(struct bytes fmtp)
{
        struct bytes mode = parameter(fmtp, "mode"), size = parameter(fmtp, "sizelength");
        struct bytes index = parameter(fmtp, "indexlength"),
                     delta = parameter(fmtp, "indexdeltalength");

        if (mode.p && !str_is(mode, "AAC-hbr"))
                return false;
        return (mode.p || size.p) && (!size.p || str_is(size, "13")) &&
               (!index.p || str_is(index, "3")) && (!delta.p || str_is(delta, "3"));
}

static int aac_of_sdp(uint32_t clock_rate, uint32_t channels, struct bytes fmtp,
        struct media_config *ret, struct err *e)
{
        struct bytes text = parameter(fmtp, "config");
        char hex[129];
        uint8_t config[64];

        if (!is_hbr(fmtp))
                return err_set(e, ERR_INVALID,
                        "AAC: only mode AAC-hbr with its lengths 13, 3, 3 is supported");
        if (text.n == 0 || text.n % 2 || text.n >= sizeof hex)
                return err_set(e, ERR_INVALID, "AAC: config is missing or malformed");
        memcpy(hex, text.p, text.n);
        hex[text.n] = '\0';
        int r = str_unhex(config, text.n / 2, hex, e);
        if (r < 0)
                return err_wrap(e, r, "AAC: config");
        struct media_config c;
        r = aac_config_make(BYTES(config, text.n / 2), &c, e);
        if (r < 0)
                return r;
        if (clock_rate)
                c.clock_rate = clock_rate;
        if (c.channels == 0) /* a program config element says it; files want a number as well */
                c.channels = channels ? channels : 1;
        if (c.clock_rate > MEDIA_CLOCK_MAX)
                return err_set(e, ERR_INVALID, "AAC with a clock of %u Hz", c.clock_rate);
        *ret = c;
        return 0;
}

/* ONVIF streaming specification section 5.2.1.1: the plain form, and some that are packed. */
static int metadata_of_sdp(
        struct bytes encoding, uint32_t clock_rate, struct media_config *ret, struct err *e)
{
        char name[64];

        if (!str_is(encoding, codecs[MEDIA_ONVIF_METADATA].encoding))
                return err_set(e, ERR_NOT_FOUND,
                        "ONVIF metadata in the packed form \"%s\" is not recorded",
                        str_escape(name, sizeof name, encoding));
        if (clock_rate > MEDIA_CLOCK_MAX)
                return err_set(e, ERR_INVALID, "metadata with a clock of %u Hz", clock_rate);
        *ret = (struct media_config){ .codec = MEDIA_ONVIF_METADATA,
                .clock_rate = clock_rate ? clock_rate : MEDIA_CLOCK };
        return 0;
}

static bool is_metadata(struct bytes encoding)
{
        size_t n = strlen(codecs[MEDIA_ONVIF_METADATA].encoding);

        return str_is(bytes_sub(encoding, 0, n), codecs[MEDIA_ONVIF_METADATA].encoding) &&
               (encoding.n == n || encoding.p[n] == '.' || encoding.p[n] == '+');
}

static int sound_of_sdp(struct bytes encoding, uint32_t clock_rate, uint32_t channels,
        struct media_config *ret, struct err *e)
{
        char name[40];

        if (str_is(encoding, "PCMU") || str_is(encoding, "PCMA"))
                return sound_config_pcm(str_is(encoding, "PCMU") ? MEDIA_PCMU : MEDIA_PCMA,
                        clock_rate, channels, ret, e);
        if (str_is(encoding, "opus"))
                return sound_config_opus(clock_rate, channels, ret, e);
        str_escape(name, sizeof name, encoding);
        int r = sound_config_g726(name, clock_rate, channels, ret, e);
        return r == ERR_NOT_FOUND
                       ? err_set(e, ERR_NOT_FOUND, "encoding \"%s\" is not recorded", name)
                       : r;
}

int media_config_of_sdp(struct bytes encoding, uint32_t clock_rate, uint32_t channels,
        struct bytes fmtp, struct media_config *ret, struct err *e)
{
        bool h264 = str_is(encoding, "H264"), h265 = str_is(encoding, "H265");

        if (h264 || h265 || str_is(encoding, "JPEG")) {
                if (clock_rate != MEDIA_CLOCK)
                        return err_set(
                                e, ERR_INVALID, "video with a clock of %u, not 90000", clock_rate);
                if (h264 || h265)
                        return video_of_sdp(h264 ? MEDIA_H264 : MEDIA_H265, fmtp, ret, e);
                *ret = (struct media_config){ .codec = MEDIA_JPEG, .clock_rate = MEDIA_CLOCK };
                return 0;
        }
        if (str_is(encoding, "MPEG4-GENERIC")) /* config= says the channels better */
                return aac_of_sdp(clock_rate, channels, fmtp, ret, e);
        if (is_metadata(encoding))
                return metadata_of_sdp(encoding, clock_rate, ret, e);
        return sound_of_sdp(encoding, clock_rate, channels, ret, e);
}

static int append_set(struct buf *out, const char *before, struct bytes nal, struct err *e)
{
        char text[STR_BASE64_ROOM(MEDIA_PARAMETERS_MAX)];

        return buf_printf(out, e, "%s%s", before, str_base64(text, nal));
}

static int fmtp_h264(struct bytes record, struct buf *out, struct err *e)
{
        struct nal_sets sets;
        int r = h264_config_sets(record, &sets, NULL, e);

        for (unsigned i = 0; r == 0 && i < sets.n; i++) {
                if (i == 0 && sets.set[0].n >= 4)
                        r = buf_printf(out, e, ";profile-level-id=%02X%02X%02X", sets.set[0].p[1],
                                sets.set[0].p[2], sets.set[0].p[3]);
                if (r == 0)
                        r = append_set(out, i ? "," : ";sprop-parameter-sets=", sets.set[i], e);
        }
        return r;
}

static int fmtp_h265(struct bytes record, struct buf *out, struct err *e)
{
        static const char *const names[] = { "sprop-vps=", "sprop-sps=", "sprop-pps=" };
        struct nal_sets sets;
        int r = h265_config_sets(record, &sets, NULL, e);

        for (unsigned kind = H265_VPS; kind <= H265_PPS; kind++) {
                bool more = false;
                for (unsigned i = 0; r == 0 && i < sets.n; i++) {
                        if (h265_nal_type(sets.set[i]) != kind)
                                continue;
                        if (!more && kind > H265_VPS)
                                r = buf_append(out, bytes_str(";"), e);
                        if (r == 0)
                                r = append_set(
                                        out, more ? "," : names[kind - H265_VPS], sets.set[i], e);
                        more = true;
                }
        }
        return r;
}

int media_config_fmtp(const struct media_config *c, struct buf *out, struct err *e)
{
        struct bytes record = BYTES(c->parameters, c->parameters_n);
        size_t before = out->n;
        char hex[2 * 64 + 1];
        int r;

        switch (c->codec) {
        case MEDIA_H264:
                r = buf_append(out, bytes_str("packetization-mode=1"), e);
                if (r == 0 && record.n)
                        r = fmtp_h264(record, out, e);
                break;
        case MEDIA_H265:
                r = record.n ? fmtp_h265(record, out, e) : 0;
                break;
        case MEDIA_AAC:
                if (record.n > 64)
                        return err_set(
                                e, ERR_INVALID, "AudioSpecificConfig of %zu bytes", record.n);
                r = buf_printf(out, e,
                        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
                        "indexdeltalength=3;config=%s",
                        str_hex(hex, record));
                break;
        case MEDIA_NONE:
                return err_set(e, ERR_INVALID, "no codec");
        default:
                r = 0;
                break;
        }
        if (r < 0)
                out->n = before;
        return r;
}

int media_config_of_record(
        enum media_codec codec, struct bytes record, struct media_config *ret, struct err *e)
{
        struct parameter_sets sets;

        if (codec == MEDIA_AAC)
                return aac_config_make(record, ret, e);
        if (codec == MEDIA_OPUS)
                return sound_config_of_dops(record, ret, e);
        if (!media_has_nals(codec))
                return err_set(e, ERR_INVALID, "%s has no configuration record",
                        media_config_codec_name(codec));
        parameter_sets_init(&sets, codec);
        int r = parameter_sets_put_record(&sets, record, e);
        return r < 0 ? r : parameter_sets_config(&sets, ret, e);
}
