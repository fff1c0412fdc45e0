/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures as H.264 that every browser plays: constrained baseline, no frame waits for another, a
 * key frame each second or two. And one picture as a JPEG.
 */
#ifndef CUSTOS_TRANSCODER_PICTURE_ENCODER_H
#define CUSTOS_TRANSCODER_PICTURE_ENCODER_H

#include "base/buf.h"
#include "media/access_unit.h"

/* Where the camera has one, a key frame comes this long behind the last; else this long. */
#define PICTURE_ENCODER_KEY_LEAST (INT64_C(1) * 90000)
#define PICTURE_ENCODER_KEY_MOST (INT64_C(2) * 90000)
#define PICTURE_ENCODER_JPEG_MAX (4u << 20)

struct AVFrame;
struct picture_encoder; /* owned */

/* f: the first picture, of even size, 4:2:0 of 8 bits. frame_duration: in 1/90000 s, about. */
int picture_encoder_new(const struct AVFrame *f, int64_t frame_duration,
        struct picture_encoder **ret, struct err *e) MUST_USE;
struct picture_encoder *picture_encoder_free(struct picture_encoder *n);
const struct media_config *picture_encoder_config(const struct picture_encoder *n);
/* Whether f can go on in the same stream. */
bool picture_encoder_fits(const struct picture_encoder *n, const struct AVFrame *f);
/* Appends the access unit to out: NAL units behind their lengths. f->pts rises. *ret_key. */
int picture_encoder_run(struct picture_encoder *n, struct AVFrame *f, struct buf *out,
        bool *ret_key, struct err *e) MUST_USE;

/* f: 4:2:0 of 8 bits, full range. */
int picture_encoder_jpeg(struct AVFrame *f, struct buf *out, struct err *e) MUST_USE;

#endif
