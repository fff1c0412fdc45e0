/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sound of one track (G.711, G.726, Opus, kinds of AAC) as AAC-LC, at its own rate. Times are in
 * samples, as in files. What it is fed with is a camera's.
 */
#ifndef CUSTOS_TRANSCODER_SOUND_RECODER_H
#define CUSTOS_TRANSCODER_SOUND_RECODER_H

#include "media/access_unit.h"

struct sound_recoder; /* owned */

struct sound_frame {
        struct bytes data; /* borrowed until the next call */
        uint64_t time;
        uint32_t duration;
};

/* ERR_UNAVAILABLE, ERR_PROTOCOL: what it is cannot be made AAC. */
int sound_recoder_new(
        const struct media_config *c, struct sound_recoder **ret, struct err *e) MUST_USE;
struct sound_recoder *sound_recoder_free(struct sound_recoder *s);
const struct media_config *sound_recoder_config(const struct sound_recoder *s);
/* One packet. A broken one is silence of its length. */
int sound_recoder_push(
        struct sound_recoder *s, struct bytes packet, uint64_t time, struct err *e) MUST_USE;
/* 1: the next frame; 0: there is none. Times rise. */
int sound_recoder_pull(struct sound_recoder *s, struct sound_frame *ret, struct err *e) MUST_USE;

#endif
