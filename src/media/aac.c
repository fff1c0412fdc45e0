/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/aac.h"

static const uint32_t rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000,
        12000, 11025, 8000, 7350 };

#define AAC_CONFIG_MAX 64

/* Plain bits: no emulation prevention here, unlike nal_bits. */
struct bits {
        struct bytes in;
        size_t at;
        bool bad;
};

static uint32_t take(struct bits *b, unsigned n)
{
        uint32_t v = 0;

        for (; n > 0; n--, b->at++) {
                if (b->at / 8 >= b->in.n) {
                        b->bad = true;
                        return 0;
                }
                v = v << 1 | (b->in.p[b->at / 8] >> (7 - b->at % 8) & 1u);
        }
        return v;
}

static unsigned take_object_type(struct bits *b)
{
        unsigned type = take(b, 5);

        return type == 31 ? 32 + take(b, 6) : type;
}

static uint32_t take_rate(struct bits *b)
{
        unsigned index = take(b, 4);

        if (index == 15)
                return take(b, 24);
        return index < ARRAY_LEN(rates) ? rates[index] : 0;
}

/* GASpecificConfig is in the stream of these (ISO/IEC 14496-3 table 1.15). */
static bool is_general_audio(unsigned type)
{
        return type >= 1 && type <= 7 && type != 5;
}

int aac_config_parse(struct bytes config, struct aac_config *ret, struct err *e)
{
        struct bits b = { .in = config };
        struct aac_config c = { 0 };

        if (config.n < 2 || config.n > AAC_CONFIG_MAX)
                return err_set(e, ERR_INVALID, "AudioSpecificConfig of %zu bytes", config.n);
        c.object_type = take_object_type(&b);
        c.sample_rate = take_rate(&b);
        c.output_rate = c.sample_rate;
        unsigned channels = take(&b, 4);
        /* SBR and PS told in front: the core's own type follows. */
        if (c.object_type == 5 || c.object_type == 29) {
                c.output_rate = take_rate(&b);
                c.object_type = take_object_type(&b);
        }
        if (b.bad || !is_general_audio(c.object_type))
                return err_set(
                        e, ERR_INVALID, "AAC: object type %u is not recorded", c.object_type);
        if (c.sample_rate < 7350 || c.sample_rate > 96000 || c.output_rate < 7350 ||
                c.output_rate > 192000)
                return err_set(e, ERR_INVALID, "AAC: sample rate %u", c.sample_rate);
        if (channels > 7)
                return err_set(e, ERR_INVALID, "AAC: channel configuration %u", channels);
        c.channels = channels == 7 ? 8 : channels;
        c.frame_samples = take(&b, 1) ? 960 : 1024;
        if (b.bad)
                return err_set(e, ERR_INVALID, "AudioSpecificConfig is cut");
        *ret = c;
        return 0;
}

int aac_config_format(uint32_t sample_rate, uint32_t channels, uint8_t ret[static 2], struct err *e)
{
        unsigned index = 0;

        while (index < ARRAY_LEN(rates) && rates[index] != sample_rate)
                index++;
        if (index == ARRAY_LEN(rates) || channels < 1 || channels > 8 || channels == 7)
                return err_set(e, ERR_INVALID, "AAC: %u Hz with %u channels has no short form",
                        sample_rate, channels);
        unsigned configuration = channels == 8 ? 7 : channels;
        ret[0] = (uint8_t)(2 << 3 | index >> 1);
        ret[1] = (uint8_t)((index & 1) << 7 | configuration << 3);
        return 0;
}

int aac_config_make(struct bytes config, struct media_config *ret, struct err *e)
{
        struct aac_config c;
        int r = aac_config_parse(config, &c, e);

        if (r < 0)
                return r;
        *ret = (struct media_config){
                .codec = MEDIA_AAC,
                .clock_rate = c.sample_rate,
                .sample_rate = c.sample_rate,
                .channels = c.channels,
                .parameters_n = config.n,
        };
        memcpy(ret->parameters, config.p, config.n);
        return 0;
}
