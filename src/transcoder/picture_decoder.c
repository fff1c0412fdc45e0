/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/picture_decoder.h"

#include <libavcodec/avcodec.h>

#include "transcoder/av.h"

struct picture_decoder {
        AVCodecContext *context;
        AVPacket *packet;
        AVFrame *frame;
        unsigned vain; /* frames since the last picture */
};

static enum AVCodecID picture_decoder_id(enum media_codec codec)
{
        switch (codec) {
        case MEDIA_H264:
                return AV_CODEC_ID_H264;
        case MEDIA_H265:
                return AV_CODEC_ID_HEVC;
        case MEDIA_JPEG:
                return AV_CODEC_ID_MJPEG;
        default:
                return AV_CODEC_ID_NONE;
        }
}

static int picture_decoder_open(
        struct picture_decoder *d, const struct media_config *c, struct err *e)
{
        const AVCodec *codec = avcodec_find_decoder(picture_decoder_id(c->codec));

        if (!codec)
                return err_set(
                        e, ERR_UNAVAILABLE, "this build of libavcodec has no decoder for it");
        d->context = avcodec_alloc_context3(codec);
        d->packet = av_packet_alloc();
        d->frame = av_frame_alloc();
        if (!d->context || !d->packet || !d->frame)
                return av_failed(AVERROR(ENOMEM), "a decoder", e);
        d->context->thread_count = 1; /* the sandbox allows no other */
        d->context->max_pixels = PICTURE_DECODER_PIXELS_MAX;
        /* Not its size: a JPEG of half the height would be taken for a field. */
        d->context->pkt_timebase = (AVRational){ 1, (int)c->clock_rate };
        int r = av_set_extradata(d->context, BYTES(c->parameters, c->parameters_n), e);
        if (r < 0)
                return r;
        r = avcodec_open2(d->context, codec, NULL);
        return r < 0 ? av_failed(r, "open the decoder", e) : 0;
}

int picture_decoder_new(const struct media_config *c, struct picture_decoder **ret, struct err *e)
{
        struct picture_decoder *d = xcalloc(1, sizeof *d);
        int r = picture_decoder_open(d, c, e);

        if (r < 0) {
                picture_decoder_free(d);
                return r;
        }
        *ret = d;
        return 0;
}

struct picture_decoder *picture_decoder_free(struct picture_decoder *d)
{
        if (!d)
                return NULL;
        avcodec_free_context(&d->context);
        av_packet_free(&d->packet);
        av_frame_free(&d->frame);
        free(d);
        return NULL;
}

int picture_decoder_push(
        struct picture_decoder *d, struct bytes unit, int64_t pts, int64_t duration, struct err *e)
{
        if (unit.n == 0) {
                (void)avcodec_send_packet(d->context, NULL);
                return 0;
        }
        if (++d->vain > PICTURE_DECODER_PATIENCE)
                return err_set(e, ERR_PROTOCOL,
                        "the last %u frames made no picture: they cannot be decoded", d->vain - 1);
        int r = av_fill(d->packet, unit, pts, e);
        if (r < 0)
                return r;
        d->packet->duration = duration;
        r = avcodec_send_packet(d->context, d->packet);
        av_packet_unref(d->packet);
        return r == AVERROR(ENOMEM) ? av_failed(r, "decode", e) : 0;
}

int picture_decoder_pull(struct picture_decoder *d, struct AVFrame **ret, struct err *e)
{
        int r;

        /* Of one that was broken there is no picture; the next one may be there already. */
        do {
                r = avcodec_receive_frame(d->context, d->frame);
        } while (r == AVERROR_INVALIDDATA);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
                return 0;
        if (r < 0)
                return av_failed(r, "decode", e);
        d->vain = 0;
        *ret = d->frame;
        return 1;
}

void picture_decoder_restart(struct picture_decoder *d)
{
        avcodec_flush_buffers(d->context);
}
