/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/picture_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>

#include "base/pack.h"
#include "media/parameter_sets.h"
#include "transcoder/av.h"

#define PICTURE_ENCODER_CLOCK 90000
/* Bits a second and pixel of a still scene's noise at this quality are a tenth of the most. */
#define PICTURE_ENCODER_QUALITY "24"
#define PICTURE_ENCODER_BITS_LEAST 500000
#define PICTURE_ENCODER_BITS_A_PIXEL 4 /* 8.3 Mbit/s of 1920 x 1080 */
#define PICTURE_ENCODER_FPS_MAX 60
#define PICTURE_ENCODER_JPEG_QUALITY 4 /* of libavcodec: 2 is best, 31 worst */

struct picture_encoder {
        AVCodecContext *context;
        AVPacket *packet;
        struct media_config config;
        int64_t last_pts, last_key;
        bool begun;
};

static int picture_encoder_set(
        AVCodecContext *c, const char *name, const char *value, struct err *e)
{
        int r = av_opt_set(c->priv_data, name, value, 0);

        return r < 0 ? av_failed(r, name, e) : 0;
}

static int picture_encoder_options(AVCodecContext *c, struct err *e)
{
        static const struct {
                const char *name, *value;
        } options[] = { { "preset", "superfast" }, { "tune", "zerolatency" },
                { "profile", "baseline" }, { "crf", PICTURE_ENCODER_QUALITY },
                { "forced-idr", "1" } };
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(options) && r == 0; i++)
                r = picture_encoder_set(c, options[i].name, options[i].value, e);
        return r;
}

static void picture_encoder_describe(AVCodecContext *c, const AVFrame *f, int64_t frame_duration)
{
        int64_t pixels = (int64_t)f->width * f->height;
        int64_t most = pixels * PICTURE_ENCODER_BITS_A_PIXEL;
        int64_t fps = frame_duration > 0
                              ? (PICTURE_ENCODER_CLOCK + frame_duration / 2) / frame_duration
                              : 25;

        c->width = f->width;
        c->height = f->height;
        c->pix_fmt = AV_PIX_FMT_YUV420P;
        c->time_base = (AVRational){ 1, PICTURE_ENCODER_CLOCK };
        c->framerate =
                (AVRational){ (int)(fps < 1                           ? 1
                                      : fps > PICTURE_ENCODER_FPS_MAX ? PICTURE_ENCODER_FPS_MAX
                                                                      : fps),
                        1 };
        c->sample_aspect_ratio = f->sample_aspect_ratio;
        c->color_range = f->format == AV_PIX_FMT_YUVJ420P ? AVCOL_RANGE_JPEG : f->color_range;
        c->color_primaries = f->color_primaries;
        c->color_trc = f->color_trc;
        c->colorspace = f->colorspace == AVCOL_SPC_RGB ? AVCOL_SPC_UNSPECIFIED : f->colorspace;
        c->gop_size = INT16_MAX; /* key frames by time, as they are asked for */
        c->max_b_frames = 0;
        c->thread_count = 1;
        c->rc_max_rate = most < PICTURE_ENCODER_BITS_LEAST ? PICTURE_ENCODER_BITS_LEAST : most;
        c->rc_buffer_size = (int)c->rc_max_rate;
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
}

static int picture_encoder_read_config(struct picture_encoder *n, struct err *e)
{
        struct parameter_sets sets;
        struct bytes rest = BYTES(n->context->extradata, (size_t)n->context->extradata_size), nal;
        int r = 0;

        parameter_sets_init(&sets, MEDIA_H264);
        while (r >= 0 && nal_next_annexb(&rest, &nal))
                r = parameter_sets_put(&sets, nal, e);
        return r < 0 ? r : parameter_sets_config(&sets, &n->config, e);
}

static int picture_encoder_open(
        struct picture_encoder *n, const struct AVFrame *f, int64_t frame_duration, struct err *e)
{
        const AVCodec *codec = avcodec_find_encoder_by_name("libx264");

        if (!codec)
                return err_set(e, ERR_UNAVAILABLE, "this build of libavcodec has no libx264");
        n->context = avcodec_alloc_context3(codec);
        n->packet = av_packet_alloc();
        if (!n->context || !n->packet)
                return av_failed(AVERROR(ENOMEM), "an encoder", e);
        picture_encoder_describe(n->context, f, frame_duration);
        int r = picture_encoder_options(n->context, e);
        if (r < 0)
                return r;
        r = avcodec_open2(n->context, codec, NULL);
        return r < 0 ? av_failed(r, "open the encoder", e) : picture_encoder_read_config(n, e);
}

int picture_encoder_new(const struct AVFrame *f, int64_t frame_duration,
        struct picture_encoder **ret, struct err *e)
{
        struct picture_encoder *n = xcalloc(1, sizeof *n);
        int r = picture_encoder_open(n, f, frame_duration, e);

        if (r < 0) {
                picture_encoder_free(n);
                return r;
        }
        *ret = n;
        return 0;
}

struct picture_encoder *picture_encoder_free(struct picture_encoder *n)
{
        if (!n)
                return NULL;
        avcodec_free_context(&n->context);
        av_packet_free(&n->packet);
        free(n);
        return NULL;
}

const struct media_config *picture_encoder_config(const struct picture_encoder *n)
{
        return &n->config;
}

bool picture_encoder_fits(const struct picture_encoder *n, const struct AVFrame *f)
{
        return f->width == n->context->width && f->height == n->context->height;
}

static int picture_encoder_take(struct picture_encoder *n, struct buf *out, struct err *e)
{
        struct bytes rest = BYTES(n->packet->data, (size_t)n->packet->size), nal;
        struct pack p = pack_to(out);

        while (nal_next_annexb(&rest, &nal))
                pack_field32(&p, nal);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "a frame of %d bytes", n->packet->size) : 0;
}

int picture_encoder_run(
        struct picture_encoder *n, struct AVFrame *f, struct buf *out, bool *ret_key, struct err *e)
{
        int64_t since = f->pts - n->last_key;
        bool key = !n->begun || since >= PICTURE_ENCODER_KEY_MOST ||
                   (f->key_frame && since >= PICTURE_ENCODER_KEY_LEAST);

        if (n->begun && f->pts <= n->last_pts)
                return err_set(e, ERR_PROTOCOL, "a picture that is not behind the one before");
        f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
        f->format = AV_PIX_FMT_YUV420P; /* its range is in the context */
        int r = avcodec_send_frame(n->context, f);
        if (r == 0)
                r = avcodec_receive_packet(n->context, n->packet);
        if (r < 0)
                return av_failed(r, "encode", e);
        *ret_key = n->packet->flags & AV_PKT_FLAG_KEY;
        n->begun = true;
        n->last_pts = f->pts;
        if (*ret_key)
                n->last_key = f->pts;
        r = picture_encoder_take(n, out, e);
        av_packet_unref(n->packet);
        return r;
}

/* --- JPEG --- */

static int picture_encoder_jpeg_with(
        AVCodecContext *c, AVPacket *p, AVFrame *f, struct buf *out, struct err *e)
{
        const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);

        c->width = f->width;
        c->height = f->height;
        c->pix_fmt = AV_PIX_FMT_YUVJ420P;
        c->color_range = AVCOL_RANGE_JPEG;
        c->time_base = (AVRational){ 1, 25 };
        c->thread_count = 1;
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = FF_QP2LAMBDA * PICTURE_ENCODER_JPEG_QUALITY;
        f->format = AV_PIX_FMT_YUVJ420P;
        f->quality = c->global_quality;
        f->pict_type = AV_PICTURE_TYPE_NONE;
        f->pts = 0;
        int r = avcodec_open2(c, codec, NULL);
        if (r == 0)
                r = avcodec_send_frame(c, f);
        if (r == 0)
                r = avcodec_receive_packet(c, p);
        if (r < 0)
                return av_failed(r, "make a JPEG", e);
        return buf_append(out, BYTES(p->data, (size_t)p->size), e);
}

int picture_encoder_jpeg(struct AVFrame *f, struct buf *out, struct err *e)
{
        AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
        AVPacket *p = av_packet_alloc();

        int r = c && p ? picture_encoder_jpeg_with(c, p, f, out, e)
                       : av_failed(AVERROR(ENOMEM), "make a JPEG", e);
        avcodec_free_context(&c);
        av_packet_free(&p);
        return r;
}
