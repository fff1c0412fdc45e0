/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One stream through the codecs: headers, fragments and gaps as a recorder sends them in, the same
 * out as H.264 and AAC in fragments of one frame; what is one of these already is copied. Or one
 * picture, as a JPEG. No socket and no clock: bytes in, bytes out.
 *
 * The time line stays: decode times of a track are those of its source.
 */
#ifndef CUSTOS_TRANSCODER_TRANSCODE_H
#define CUSTOS_TRANSCODER_TRANSCODE_H

#include "media/fmp4.h"
#include "proto/media_message.h"
#include "proto/transcode_message.h"

struct transcode; /* owned */

/* A thing that is ready: front, then data. m: kind, flags, time. */
typedef int (*transcode_out)(void *owner, const struct media_message *m, struct bytes front,
        struct bytes data, struct err *e);

struct transcode *transcode_new(const struct transcode_begin *b, transcode_out out, void *owner);
struct transcode *transcode_free(struct transcode *t);
/* A whole thing. 1: it is over (a still picture was sent). Negative: it cannot go on. */
int transcode_push(struct transcode *t, const struct media_message *m, struct bytes thing,
        struct err *e) MUST_USE;
/* What is left comes out. */
int transcode_drain(struct transcode *t, struct err *e) MUST_USE;

/* Whether every browser plays it as it is. */
bool transcode_is_plain(const struct media_config *c);

#endif
