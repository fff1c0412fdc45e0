/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/picture_scaler.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

#include "transcoder/av.h"

#define PICTURE_SCALER_LONG 1920
#define PICTURE_SCALER_SHORT 1080
#define PICTURE_SCALER_ONE (1 << 16) /* of sws_setColorspaceDetails */

static int picture_scaler_even(int64_t n)
{
        n &= ~INT64_C(1);
        return n < 2 ? 2 : (int)n;
}

void picture_scaler_fit(int width, int height, int *ret_width, int *ret_height)
{
        int64_t most_width = width >= height ? PICTURE_SCALER_LONG : PICTURE_SCALER_SHORT;
        int64_t most_height = width >= height ? PICTURE_SCALER_SHORT : PICTURE_SCALER_LONG;
        int64_t w = width, h = height;

        if (w > most_width) {
                h = h * most_width / w;
                w = most_width;
        }
        if (h > most_height) {
                w = w * most_height / h;
                h = most_height;
        }
        *ret_width = picture_scaler_even(w);
        *ret_height = picture_scaler_even(h);
}

void picture_scaler_to_width(const struct AVFrame *f, int width, int *ret_width, int *ret_height)
{
        AVRational shape = f->sample_aspect_ratio;
        bool square = shape.num <= 0 || shape.den <= 0 || shape.num > 16 * (int64_t)shape.den ||
                      shape.den > 16 * (int64_t)shape.num;
        int64_t shown = square ? f->width : (int64_t)f->width * shape.num / shape.den;
        int64_t w = width && width < shown ? width : shown;

        *ret_width = picture_scaler_even(w);
        *ret_height = picture_scaler_even(shown > 0 ? f->height * w / shown : f->height);
}

void picture_scaler_done(struct picture_scaler *s)
{
        sws_freeContext(s->context);
        av_frame_free(&s->frame);
        *s = (struct picture_scaler){ 0 };
}

static bool picture_scaler_is_full(const AVFrame *f)
{
        return f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P ||
               f->format == AV_PIX_FMT_YUVJ422P || f->format == AV_PIX_FMT_YUVJ444P ||
               f->format == AV_PIX_FMT_YUVJ440P || f->format == AV_PIX_FMT_YUVJ411P;
}

static int picture_scaler_room(struct picture_scaler *s, int width, int height, struct err *e)
{
        if (s->frame && s->frame->width == width && s->frame->height == height)
                return av_frame_make_writable(s->frame) < 0
                               ? av_failed(AVERROR(ENOMEM), "a picture", e)
                               : 0;
        av_frame_free(&s->frame);
        s->frame = av_frame_alloc();
        if (!s->frame)
                return av_failed(AVERROR(ENOMEM), "a picture", e);
        s->frame->width = width;
        s->frame->height = height;
        s->frame->format = AV_PIX_FMT_YUV420P;
        int r = av_frame_get_buffer(s->frame, 0);
        if (r < 0)
                av_frame_free(&s->frame);
        return r < 0 ? av_failed(r, "a picture", e) : 0;
}

int picture_scaler_run(struct picture_scaler *s, struct AVFrame *f, int width, int height,
        bool full, struct AVFrame **ret, struct err *e)
{
        bool plain = f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P;
        bool is_full = picture_scaler_is_full(f), to_full = full || (plain && is_full);

        if (plain && is_full == to_full && f->width == width && f->height == height) {
                *ret = f;
                return 0;
        }
        int r = picture_scaler_room(s, width, height, e);
        if (r < 0)
                return r;
        /* Not SWS_FAST_BILINEAR, which makes code as it goes: no memory here can be run. */
        s->context = sws_getCachedContext(s->context, f->width, f->height, f->format, width, height,
                AV_PIX_FMT_YUV420P, width < f->width / 2 ? SWS_AREA : SWS_BILINEAR, NULL, NULL,
                NULL);
        if (!s->context)
                return err_set(e, ERR_PROTOCOL, "pictures of %d x %d in form %d cannot be scaled",
                        f->width, f->height, f->format);
        const int *matrix = sws_getCoefficients(
                f->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_DEFAULT);
        /* JPEG has one matrix (JFIF, ITU-R BT.601). */
        (void)sws_setColorspaceDetails(s->context, matrix, is_full,
                full ? sws_getCoefficients(SWS_CS_DEFAULT) : matrix, to_full, 0, PICTURE_SCALER_ONE,
                PICTURE_SCALER_ONE);
        r = sws_scale(s->context, (const uint8_t *const *)f->data, f->linesize, 0, f->height,
                s->frame->data, s->frame->linesize);
        if (r < 0)
                return av_failed(r, "scale a picture", e);
        r = av_frame_copy_props(s->frame, f);
        if (r < 0)
                return av_failed(r, "scale a picture", e);
        s->frame->color_range = to_full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
        *ret = s->frame;
        return 0;
}
