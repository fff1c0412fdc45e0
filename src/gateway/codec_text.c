/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/codec_text.h"

#include <stdio.h>

#include "base/pack.h"
#include "base/str.h"

#define CODEC_TEXT_WORD_ROOM 36
#define CODEC_TEXT_VISUAL_BYTES 78 /* of a VisualSampleEntry before its boxes */
#define CODEC_TEXT_AUDIO_BYTES 28

/* The next box of `in`, which moves behind it; false at the end, or where there is none. */
static bool codec_box(struct bytes *in, char type[static 5], struct bytes *ret_body)
{
        struct unpack u = unpack_of(*in);
        uint32_t bytes = unpack_u32(&u);

        if (u.bad || in->n < 8 || bytes < 8 || bytes > in->n)
                return false;
        memcpy(type, in->p + 4, 4);
        type[4] = '\0';
        *ret_body = bytes_sub(*in, 8, bytes - 8);
        *in = bytes_sub(*in, bytes, SIZE_MAX);
        return true;
}

/* The first box of that type. */
static bool codec_find(struct bytes in, const char *wanted, struct bytes *ret_body)
{
        char type[5];

        while (codec_box(&in, type, ret_body)) {
                if (memcmp(type, wanted, 4) == 0)
                        return true;
        }
        return false;
}

/* avcC, ISO/IEC 14496-15 section 5.3.3: profile, constraints, level behind the version. */
static void codec_avc(const char *type, struct bytes c, char *to)
{
        if (c.n >= 4)
                snprintf(to, CODEC_TEXT_WORD_ROOM, "%s.%02x%02x%02x", type, c.p[1], c.p[2], c.p[3]);
}

/* hvcC, section 8.3.3, as annex E.3 writes it: the compatibility flags backwards, constraints
 * without the zeros at their end. */
static void codec_hevc(const char *type, struct bytes c, char *to)
{
        static const char *const spaces[] = { "", "A", "B", "C" };
        uint32_t flags = 0;
        int n;

        if (c.n < 13)
                return;
        for (unsigned i = 0; i < 32; i++)
                flags |= (uint32_t)(c.p[2 + i / 8] >> (7 - i % 8) & 1) << i;
        n = snprintf(to, CODEC_TEXT_WORD_ROOM, "%s.%s%u.%X.%c%u", type, spaces[c.p[1] >> 6],
                c.p[1] & 0x1fu, flags, c.p[1] & 0x20 ? 'H' : 'L', c.p[12]);
        unsigned last = 6;
        while (last > 0 && c.p[6 + last - 1] == 0)
                last--;
        for (unsigned i = 0; i < last; i++)
                n += snprintf(to + n, CODEC_TEXT_WORD_ROOM - (size_t)n, ".%X", c.p[6 + i]);
}

/* A descriptor's length, ISO/IEC 14496-1 section 8.3.3: seven bits a byte. */
static size_t codec_length(struct unpack *u)
{
        size_t n = 0;

        for (unsigned i = 0; i < 4; i++) {
                uint8_t b = unpack_u8(u);
                n = n << 7 | (b & 0x7fu);
                if (!(b & 0x80))
                        break;
        }
        return n;
}

/* esds: object type, and the audio object type of its configuration. */
static void codec_mp4a(struct bytes c, char *to)
{
        struct unpack u = unpack_of(bytes_sub(c, 4, SIZE_MAX));

        if (unpack_u8(&u) != 3) /* ES_DescrTag */
                return;
        (void)codec_length(&u);
        (void)unpack_u16(&u);
        if (unpack_u8(&u) != 0 ||
                unpack_u8(&u) != 4) /* no optional fields; DecoderConfigDescrTag */
                return;
        (void)codec_length(&u);
        uint8_t object = unpack_u8(&u);
        (void)unpack_u32(&u); /* stream type and buffer */
        (void)unpack_u64(&u); /* bit rates */
        uint8_t tag = unpack_u8(&u);
        (void)codec_length(&u);
        uint8_t audio = unpack_u8(&u) >> 3;
        if (!u.bad && object == 0x40 && tag == 5)
                snprintf(to, CODEC_TEXT_WORD_ROOM, "mp4a.40.%u", audio);
        else if (!u.bad)
                snprintf(to, CODEC_TEXT_WORD_ROOM, "mp4a.%02x", object);
}

static void codec_entry(const char *type, struct bytes entry, char *to)
{
        struct bytes visual = bytes_sub(entry, CODEC_TEXT_VISUAL_BYTES, SIZE_MAX);
        struct bytes audio = bytes_sub(entry, CODEC_TEXT_AUDIO_BYTES, SIZE_MAX), c;

        for (unsigned i = 0; i < 4; i++)
                to[i] = type[i] > 0x20 && type[i] < 0x7f && type[i] != '"' && type[i] != '\\' &&
                                        type[i] != ','
                                ? type[i]
                                : '_';
        to[4] = '\0';
        if (memcmp(type, "avc", 3) == 0 && codec_find(visual, "avcC", &c))
                codec_avc(type, c, to);
        else if ((memcmp(type, "hvc1", 4) == 0 || memcmp(type, "hev1", 4) == 0) &&
                 codec_find(visual, "hvcC", &c))
                codec_hevc(type, c, to);
        else if (memcmp(type, "mp4a", 4) == 0 && codec_find(audio, "esds", &c))
                codec_mp4a(c, to);
        else if (memcmp(type, "Opus", 4) == 0)
                snprintf(to, CODEC_TEXT_WORD_ROOM, "opus");
}

/* The first sample entry of a track. */
static bool codec_track(struct bytes trak, char *to)
{
        struct bytes at = trak, entry;
        char type[5];

        if (!codec_find(at, "mdia", &at) || !codec_find(at, "minf", &at) ||
                !codec_find(at, "stbl", &at) || !codec_find(at, "stsd", &at))
                return false;
        at = bytes_sub(at, 8, SIZE_MAX);
        if (!codec_box(&at, type, &entry))
                return false;
        codec_entry(type, entry, to);
        return true;
}

char *codec_text(struct bytes header, char to[static CODEC_TEXT_ROOM])
{
        char word[CODEC_TEXT_WORD_ROOM], type[5];
        unsigned tracks = 0;
        struct bytes moov, one;
        int n = 0;

        to[0] = '\0';
        if (!codec_find(header, "moov", &moov))
                return to;
        while (tracks < CODEC_TEXT_TRACKS_MAX && codec_box(&moov, type, &one)) {
                if (memcmp(type, "trak", 4) != 0 || !codec_track(one, word))
                        continue;
                n += snprintf(to + n, CODEC_TEXT_ROOM - (size_t)n, "%s%s", tracks ? "," : "", word);
                tracks++;
        }
        return to;
}

static bool codec_word_is_common(struct bytes word)
{
        static const char *const common[] = { "avc1.42", "avc1.4d", "avc1.64", "mp4a.40.2" };

        for (size_t i = 0; i < ARRAY_LEN(common); i++) {
                size_t n = strlen(common[i]);
                if (word.n >= n && memcmp(word.p, common[i], n) == 0 &&
                        (i < 3 || word.n == n)) /* mp4a.40.29 is another */
                        return true;
        }
        return false;
}

bool codec_text_is_common(const char *text)
{
        struct bytes rest = bytes_str(text);

        while (rest.n) {
                if (!codec_word_is_common(str_cut(&rest, ',')))
                        return false;
        }
        return text[0] != '\0';
}
