/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Real footage for tests: the samples of one track of an MP4 file that ffmpeg made (not fragmented,
 * one track). A test includes film.c once. Aborts where the file is of another form.
 */
#ifndef CUSTOS_TEST_FILM_H
#define CUSTOS_TEST_FILM_H

#include "base/buf.h"
#include "media/access_unit.h"

struct film_sample {
        struct bytes data;
        int64_t pts_us;
        int64_t pts; /* in 90 kHz for video, the sample rate for audio */
        bool key;
};

struct film {
        struct buf file;
        struct media_config config;
        int64_t end; /* when the last frame shown ends */
        size_t n;
        struct film_sample *samples; /* in the order of decoding */
};

struct film *film_read(const char *path, enum media_codec codec);
struct film *film_free(struct film *f);

#endif
