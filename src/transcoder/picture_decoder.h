/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures of one track, decoded: H.264, H.265 and JPEG, 8 bits and more, up to 16.8 megapixels.
 * What it is fed with is a camera's, and may be anything.
 */
#ifndef CUSTOS_TRANSCODER_PICTURE_DECODER_H
#define CUSTOS_TRANSCODER_PICTURE_DECODER_H

#include "media/access_unit.h"

/* 4096 x 4096: cameras of 12 and 16 megapixels, in the memory that the process has. */
#define PICTURE_DECODER_PIXELS_MAX (INT64_C(1) << 24)
/* So many frames one behind the other that made no picture: it will not become one. */
#define PICTURE_DECODER_PATIENCE 100

struct AVFrame;
struct picture_decoder; /* owned */

int picture_decoder_new(
        const struct media_config *c, struct picture_decoder **ret, struct err *e) MUST_USE;
struct picture_decoder *picture_decoder_free(struct picture_decoder *d);
/* One access unit, as media/access_unit.h has it; pts and duration come back with its picture.
 * Empty: what is left is to come out. A broken one is passed over. ERR_PROTOCOL at
 * PICTURE_DECODER_PATIENCE. */
int picture_decoder_push(struct picture_decoder *d, struct bytes unit, int64_t pts,
        int64_t duration, struct err *e) MUST_USE;
/* 1: *ret is the next picture, borrowed until the next call; 0: there is none. */
int picture_decoder_pull(struct picture_decoder *d, struct AVFrame **ret, struct err *e) MUST_USE;
/* What comes next has nothing to do with what came: it begins with a key frame. */
void picture_decoder_restart(struct picture_decoder *d);

#endif
