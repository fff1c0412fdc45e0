/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a browser wants to know before it takes a stream: the codecs of an MP4 header in the words
 * of RFC 6381 and ISO/IEC 14496-15 annex E. Pure.
 */
#ifndef CUSTOS_GATEWAY_CODEC_TEXT_H
#define CUSTOS_GATEWAY_CODEC_TEXT_H

#include "base/bytes.h"

#define CODEC_TEXT_ROOM 160
#define CODEC_TEXT_TRACKS_MAX 4

/* "avc1.64001f,mp4a.40.2" of ftyp and moov; a track whose codec has no such word by its four
 * letters; "" where the bytes are no header. Returns to. */
char *codec_text(struct bytes header, char to[static CODEC_TEXT_ROOM]);
/* Whether every browser plays that: H.264 of 8 bits and 4:2:0, AAC-LC, or one of them. */
bool codec_text_is_common(const char *text);

#endif
