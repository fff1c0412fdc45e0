/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/sound_config.h"

#include <strings.h>

#include "base/pack.h"

#define SOUND_RATE 8000
#define DOPS_BYTES 11 /* of channel mapping family 0 */

/* By code word bits and packing. */
static const char *const sound_g726_names[4][2] = {
        { "G726-16", "AAL2-G726-16" },
        { "G726-24", "AAL2-G726-24" },
        { "G726-32", "AAL2-G726-32" },
        { "G726-40", "AAL2-G726-40" },
};
#define SOUND_BITS_MIN 2
#define SOUND_BITS_MAX 5

static int check(uint32_t rate, uint32_t channels, uint32_t channels_max, struct err *e)
{
        if (rate < 1000 || rate > SOUND_RATE_MAX)
                return err_set(e, ERR_INVALID, "sound of %u Hz, 1000 to %d are possible", rate,
                        SOUND_RATE_MAX);
        if (channels < 1 || channels > channels_max)
                return err_set(e, ERR_INVALID, "sound of %u channels, 1 to %u are possible",
                        channels, channels_max);
        return 0;
}

static void fill(enum media_codec codec, uint32_t rate, uint32_t channels, struct media_config *ret)
{
        *ret = (struct media_config){
                .codec = codec, .clock_rate = rate, .sample_rate = rate, .channels = channels
        };
}

int sound_config_pcm(enum media_codec codec, uint32_t rate, uint32_t channels,
        struct media_config *ret, struct err *e)
{
        rate = rate ? rate : SOUND_RATE;
        int r = check(rate, channels, SOUND_CHANNELS_MAX, e);
        if (r == 0)
                fill(codec, rate, channels, ret);
        return r;
}

int sound_config_g726_make(unsigned bits, enum sound_packing packing, uint32_t rate,
        struct media_config *ret, struct err *e)
{
        int r = check(rate, 1, 1, e);

        if (r < 0)
                return r;
        if (bits < SOUND_BITS_MIN || bits > SOUND_BITS_MAX || packing > SOUND_PACKING_AAL2)
                return err_set(e, ERR_INVALID, "G.726 with code words of %u bits", bits);
        fill(MEDIA_G726, rate, 1, ret);
        ret->parameters[0] = (uint8_t)bits;
        ret->parameters[1] = (uint8_t)packing;
        ret->parameters_n = 2;
        return 0;
}

int sound_config_g726(const char *encoding, uint32_t rate, uint32_t channels,
        struct media_config *ret, struct err *e)
{
        for (unsigned i = 0; i < ARRAY_LEN(sound_g726_names); i++)
                for (unsigned k = 0; k < ARRAY_LEN(sound_g726_names[i]); k++) {
                        if (strcasecmp(encoding, sound_g726_names[i][k]) != 0)
                                continue;
                        if (channels != 1)
                                return err_set(
                                        e, ERR_INVALID, "G.726 with %u channels, not 1", channels);
                        return sound_config_g726_make(i + SOUND_BITS_MIN, (enum sound_packing)k,
                                rate ? rate : SOUND_RATE, ret, e);
                }
        return err_set(e, ERR_NOT_FOUND, "not G.726");
}

unsigned sound_config_g726_bits(const struct media_config *c)
{
        return c->parameters[0];
}

enum sound_packing sound_config_g726_packing(const struct media_config *c)
{
        return (enum sound_packing)c->parameters[1];
}

const char *sound_config_g726_encoding(const struct media_config *c)
{
        return sound_g726_names[sound_config_g726_bits(c) - SOUND_BITS_MIN]
                               [sound_config_g726_packing(c)];
}

int sound_config_opus(uint32_t rate, uint32_t channels, struct media_config *ret, struct err *e)
{
        uint8_t dops[DOPS_BYTES] = { 0, (uint8_t)channels, 0, 0, SOUND_OPUS_RATE >> 24,
                SOUND_OPUS_RATE >> 16 & 0xff, SOUND_OPUS_RATE >> 8 & 0xff, SOUND_OPUS_RATE & 0xff };

        if (rate != SOUND_OPUS_RATE)
                return err_set(e, ERR_INVALID, "Opus with a clock of %u, not 48000", rate);
        int r = check(rate, channels, 2, e);
        return r < 0 ? r : sound_config_of_dops(BYTES(dops, sizeof dops), ret, e);
}

int sound_config_of_dops(struct bytes dops, struct media_config *ret, struct err *e)
{
        struct unpack u = unpack_of(dops);
        unsigned version = unpack_u8(&u), channels = unpack_u8(&u);

        unpack_bytes(&u, 2 + 4 + 2); /* pre-skip, input sample rate, output gain */
        unsigned family = unpack_u8(&u);
        if (!unpack_complete(&u) || version != 0 || family != 0 || channels < 1 || channels > 2)
                return err_set(e, ERR_INVALID,
                        "Opus: a dOps of %zu bytes, version %u, %u channels, mapping family %u; one "
                        "of 11 bytes, version 0, 1 or 2 channels, family 0 is needed",
                        dops.n, version, channels, family);
        fill(MEDIA_OPUS, SOUND_OPUS_RATE, channels, ret);
        memcpy(ret->parameters, dops.p, dops.n);
        ret->parameters_n = dops.n;
        return 0;
}
