/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture in another size and in the form that an encoder takes: 4:2:0 of 8 bits. */
#ifndef CUSTOS_TRANSCODER_PICTURE_SCALER_H
#define CUSTOS_TRANSCODER_PICTURE_SCALER_H

#include <stdbool.h>

#include "base/err.h"

struct AVFrame;
struct SwsContext;

struct picture_scaler {
        struct SwsContext *context;
        struct AVFrame *frame;
};

/* Sizes are even: the picture's, made smaller where it is more than 1920 by 1080 (or upright). */
void picture_scaler_fit(int width, int height, int *ret_width, int *ret_height);
/* Of so many pixels wide, never larger than it is, and as high as it is to be shown. */
void picture_scaler_to_width(const struct AVFrame *f, int width, int *ret_width, int *ret_height);

void picture_scaler_done(struct picture_scaler *s);
/* *ret: the picture itself where it is right already, else one of ours, good until the next call.
 * full: of the range that JPEG has, else of that which f has, or the usual. */
int picture_scaler_run(struct picture_scaler *s, struct AVFrame *f, int width, int height,
        bool full, struct AVFrame **ret, struct err *e) MUST_USE;

#endif
