/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/sound_recoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>

#include "media/media_config.h"
#include "media/sound_config.h"
#include "transcoder/av.h"

#define SOUND_RECODER_FRAME 1024 /* samples, AAC-LC */
#define SOUND_RECODER_CHANNELS_MAX 2
#define SOUND_RECODER_BITS_MAX 64000 /* a second and channel */
/* Stamps that differ by more from what came are a hole, or a step; less is how cameras count. */
#define SOUND_RECODER_SLACK_MS 60
/* Of one packet: more is none (RFC 6716 has 120 ms, G.711 whatever a datagram takes). */
#define SOUND_RECODER_PACKET_MAX 65536

struct sound_recoder {
        AVCodecContext *decoder, *encoder;
        AVPacket *packet;
        AVFrame *decoded, *frame;
        struct media_config config;
        uint32_t rate;
        int at;          /* in what was decoded */
        unsigned filled; /* samples of `frame` */
        uint64_t next;   /* time of the next sample that is put into it */
        uint64_t least;  /* the least time of what comes out next */
        bool begun;
};

static enum AVCodecID sound_recoder_id(const struct media_config *c)
{
        switch (c->codec) {
        case MEDIA_PCMU:
                return AV_CODEC_ID_PCM_MULAW;
        case MEDIA_PCMA:
                return AV_CODEC_ID_PCM_ALAW;
        case MEDIA_G726: /* libavcodec names them by where the first code word lies */
                return sound_config_g726_packing(c) == SOUND_PACKING_AAL2
                               ? AV_CODEC_ID_ADPCM_G726
                               : AV_CODEC_ID_ADPCM_G726LE;
        case MEDIA_OPUS:
                return AV_CODEC_ID_OPUS;
        case MEDIA_AAC:
                return AV_CODEC_ID_AAC;
        default:
                return AV_CODEC_ID_NONE;
        }
}

static int sound_recoder_open_decoder(
        struct sound_recoder *s, const struct media_config *c, struct err *e)
{
        const AVCodec *codec = avcodec_find_decoder(sound_recoder_id(c));

        if (!codec)
                return err_set(
                        e, ERR_UNAVAILABLE, "this build of libavcodec has no decoder for it");
        s->decoder = avcodec_alloc_context3(codec);
        if (!s->decoder)
                return av_failed(AVERROR(ENOMEM), "a decoder", e);
        s->decoder->thread_count = 1;
        s->decoder->sample_rate = (int)c->sample_rate;
        av_channel_layout_default(&s->decoder->ch_layout, (int)c->channels);
        if (c->codec == MEDIA_G726)
                s->decoder->bits_per_coded_sample = (int)sound_config_g726_bits(c);
        /* dOps is not the head that its decoder reads; one or two channels need none. */
        int r = c->codec == MEDIA_AAC
                        ? av_set_extradata(s->decoder, BYTES(c->parameters, c->parameters_n), e)
                        : 0;
        if (r < 0)
                return r;
        r = avcodec_open2(s->decoder, codec, NULL);
        return r < 0 ? av_failed(r, "open the decoder", e) : 0;
}

static int sound_recoder_open_encoder(struct sound_recoder *s, unsigned channels, struct err *e)
{
        const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
        unsigned bits = s->rate * 3 < SOUND_RECODER_BITS_MAX ? s->rate * 3 : SOUND_RECODER_BITS_MAX;

        s->encoder = codec ? avcodec_alloc_context3(codec) : NULL;
        if (!s->encoder)
                return err_set(e, ERR_UNAVAILABLE, "this build of libavcodec has no AAC");
        s->encoder->sample_rate = (int)s->rate;
        s->encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
        av_channel_layout_default(&s->encoder->ch_layout, (int)channels);
        s->encoder->time_base = (AVRational){ 1, (int)s->rate };
        s->encoder->bit_rate = (int64_t)bits * channels;
        s->encoder->thread_count = 1;
        s->encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
        int r = avcodec_open2(s->encoder, codec, NULL);
        if (r < 0)
                return av_failed(r, "open the encoder of sound", e);
        if (s->encoder->frame_size != SOUND_RECODER_FRAME)
                return err_set(e, ERR_UNAVAILABLE, "AAC in frames of %d", s->encoder->frame_size);
        return media_config_of_record(MEDIA_AAC,
                BYTES(s->encoder->extradata, (size_t)s->encoder->extradata_size), &s->config, e);
}

static int sound_recoder_room(struct sound_recoder *s, struct err *e)
{
        s->packet = av_packet_alloc();
        s->decoded = av_frame_alloc();
        s->frame = av_frame_alloc();
        if (!s->packet || !s->decoded || !s->frame)
                return av_failed(AVERROR(ENOMEM), "sound", e);
        s->frame->format = AV_SAMPLE_FMT_FLTP;
        s->frame->nb_samples = SOUND_RECODER_FRAME;
        s->frame->sample_rate = (int)s->rate;
        int r = av_channel_layout_copy(&s->frame->ch_layout, &s->encoder->ch_layout);
        if (r == 0)
                r = av_frame_get_buffer(s->frame, 0);
        return r < 0 ? av_failed(r, "sound", e) : 0;
}

int sound_recoder_new(const struct media_config *c, struct sound_recoder **ret, struct err *e)
{
        if (c->channels < 1 || c->channels > SOUND_RECODER_CHANNELS_MAX)
                return err_set(e, ERR_UNAVAILABLE, "sound of %u channels", c->channels);
        struct sound_recoder *s = xcalloc(1, sizeof *s);
        s->rate = c->sample_rate;
        int r = sound_recoder_open_decoder(s, c, e);
        if (r == 0)
                r = sound_recoder_open_encoder(s, c->channels, e);
        if (r == 0)
                r = sound_recoder_room(s, e);
        if (r < 0) {
                sound_recoder_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct sound_recoder *sound_recoder_free(struct sound_recoder *s)
{
        if (!s)
                return NULL;
        avcodec_free_context(&s->decoder);
        avcodec_free_context(&s->encoder);
        av_packet_free(&s->packet);
        av_frame_free(&s->decoded);
        av_frame_free(&s->frame);
        free(s);
        return NULL;
}

const struct media_config *sound_recoder_config(const struct sound_recoder *s)
{
        return &s->config;
}

/* The time line of what was decoded, where the stamps leave it: the rest of a frame is let go. */
static void sound_recoder_place(struct sound_recoder *s, uint64_t time)
{
        uint64_t slack = (uint64_t)s->rate * SOUND_RECODER_SLACK_MS / 1000;

        if (s->begun && time + slack >= s->next && time <= s->next + slack)
                return;
        s->begun = true;
        s->filled = 0;
        s->next = time;
}

int sound_recoder_push(struct sound_recoder *s, struct bytes packet, uint64_t time, struct err *e)
{
        if (packet.n == 0 || packet.n > SOUND_RECODER_PACKET_MAX || time > INT64_MAX / 2)
                return 0;
        sound_recoder_place(s, time);
        int r = av_fill(s->packet, packet, (int64_t)time, e);
        if (r < 0)
                return r;
        r = avcodec_send_packet(s->decoder, s->packet);
        av_packet_unref(s->packet);
        return r == AVERROR(ENOMEM) ? av_failed(r, "decode sound", e) : 0;
}

/* One sample of a channel, between -1 and 1; false: not of a form that it takes. */
static bool sound_recoder_sample(const AVFrame *f, unsigned channel, int at, float *ret)
{
        int channels = f->ch_layout.nb_channels;
        bool planar = av_sample_fmt_is_planar((enum AVSampleFormat)f->format);
        const uint8_t *data = planar ? f->extended_data[channel] : f->extended_data[0];
        size_t i = planar ? (size_t)at : (size_t)at * (size_t)channels + channel;

        switch (f->format) {
        case AV_SAMPLE_FMT_S16:
        case AV_SAMPLE_FMT_S16P: {
                int16_t v;
                memcpy(&v, data + 2 * i, sizeof v);
                *ret = (float)v / 32768.0f;
                return true;
        }
        case AV_SAMPLE_FMT_FLT:
        case AV_SAMPLE_FMT_FLTP:
                memcpy(ret, data + 4 * i, sizeof *ret);
                return true;
        default:
                return false;
        }
}

/* As much of what was decoded as the frame takes; a full one goes to the encoder. */
static int sound_recoder_fill(struct sound_recoder *s, struct err *e)
{
        unsigned channels = (unsigned)s->encoder->ch_layout.nb_channels;
        const AVFrame *f = s->decoded;
        int r = s->filled ? 0 : av_frame_make_writable(s->frame);

        if (r < 0)
                return av_failed(r, "sound", e);
        if (f->ch_layout.nb_channels < (int)channels || f->sample_rate != (int)s->rate)
                return err_set(e, ERR_PROTOCOL, "sound of %d channels and %d Hz, not as was said",
                        f->ch_layout.nb_channels, f->sample_rate);
        if (s->filled == 0)
                s->frame->pts = (int64_t)s->next;
        for (; s->at < f->nb_samples && s->filled < SOUND_RECODER_FRAME; s->at++, s->filled++) {
                for (unsigned c = 0; c < channels; c++) {
                        float *to = (float *)(void *)s->frame->extended_data[c];
                        if (!sound_recoder_sample(f, c, s->at, &to[s->filled]))
                                return err_set(e, ERR_PROTOCOL, "sound in form %d", f->format);
                }
                s->next++;
        }
        if (s->filled < SOUND_RECODER_FRAME)
                return 0;
        s->filled = 0;
        r = avcodec_send_frame(s->encoder, s->frame);
        return r < 0 ? av_failed(r, "encode sound", e) : 0;
}

/* 1: something was decoded, or is left of it. */
static int sound_recoder_decode(struct sound_recoder *s, struct err *e)
{
        int r;

        if (s->at < s->decoded->nb_samples)
                return 1;
        s->at = 0;
        do {
                r = avcodec_receive_frame(s->decoder, s->decoded); /* lets go of the one before */
        } while (r == AVERROR_INVALIDDATA);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
                return 0;
        return r < 0 ? av_failed(r, "decode sound", e) : 1;
}

static int sound_recoder_encoded(struct sound_recoder *s, struct err *e)
{
        do {
                av_packet_unref(s->packet);
                int r = avcodec_receive_packet(s->encoder, s->packet);
                if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
                        return 0;
                if (r < 0)
                        return av_failed(r, "encode sound", e);
        } while (s->packet->pts < 0); /* what its window needs before the first sample */
        return 1;
}

int sound_recoder_pull(struct sound_recoder *s, struct sound_frame *ret, struct err *e)
{
        int r;

        while ((r = sound_recoder_encoded(s, e)) == 0) {
                r = sound_recoder_decode(s, e);
                if (r == 1)
                        r = sound_recoder_fill(s, e);
                else if (r == 0)
                        return 0;
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        uint64_t time = (uint64_t)s->packet->pts;
        ret->time = time < s->least ? s->least : time;
        ret->data = BYTES(s->packet->data, (size_t)s->packet->size);
        ret->duration = SOUND_RECODER_FRAME;
        s->least = ret->time + 1;
        return 1;
}
