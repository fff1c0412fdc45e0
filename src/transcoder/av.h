/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libavcodec's words in ours. It does the work of this folder, in this one process: nothing else of
 * the program decodes what a camera encoded.
 */
#ifndef CUSTOS_TRANSCODER_AV_H
#define CUSTOS_TRANSCODER_AV_H

#include "base/bytes.h"
#include "base/err.h"

struct AVCodecContext;
struct AVPacket;

/* It writes nothing: what it says is about a camera's bytes, a line for each frame. */
void av_quiet(void);
/* ERR_EXHAUSTED where memory is short, else ERR_PROTOCOL, with its text. */
int av_failed(int code, const char *what, struct err *e);
/* Decoder parameters, with the padding that it asks for. */
int av_set_extradata(struct AVCodecContext *c, struct bytes parameters, struct err *e) MUST_USE;
/* A packet with a padded copy of data. */
int av_fill(struct AVPacket *p, struct bytes data, int64_t pts, struct err *e) MUST_USE;

#endif
