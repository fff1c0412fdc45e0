/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of a transcoder (docs/design/transcoder.md): between the gateway and the supervisor, who
 * begins and ends it, and between the gateway and the process. Versions do not differ: all three
 * are one program. Either side of the latter may have been taken over.
 */
#ifndef CUSTOS_PROTO_TRANSCODE_MESSAGE_H
#define CUSTOS_PROTO_TRANSCODE_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"

/* Of the setting `transcoders`; and as many again for still pictures. */
#define TRANSCODE_STREAMS_MAX 64
#define TRANSCODE_WIDTH_MIN 64
#define TRANSCODE_WIDTH_MAX 4096

enum transcode_message_type {
        /* gateway to supervisor */
        TRANSCODE_WANTED = 200, /* u32 number: a process. Each number once */
        TRANSCODE_UNWANTED,     /* u32 number: it is ended, whatever it does */
        /* supervisor to gateway */
        TRANSCODE_CHANNEL, /* u32 number; the channel to it */
        /* gateway to transcoder */
        TRANSCODE_BEGIN = 210, /* transcode_begin: first, and once */
        TRANSCODE_END,         /* empty: nothing more comes; what is left is to be sent */
        /* both ways: a message of media_message.h in clear form, with zeros where its tag was. A
         * still picture comes as a fragment that is the JPEG */
        TRANSCODE_MEDIA,
        /* transcoder to gateway */
        TRANSCODE_TAKEN, /* u64 bytes of messages that were worked off */
        TRANSCODE_OVER,  /* empty: all was sent; or transcode_failure: why no more comes */
};

enum transcode_kind {
        TRANSCODE_STREAM = 1, /* H.264 and AAC, in fragments of one frame */
        TRANSCODE_STILL,      /* the first picture behind the header, as a JPEG */
};

struct transcode_begin {
        uint8_t kind;   /* enum transcode_kind */
        uint16_t width; /* of a still picture; 0: its own */
};

int transcode_begin_pack(const struct transcode_begin *m, struct buf *out, struct err *e) MUST_USE;
int transcode_begin_parse(struct bytes body, struct transcode_begin *ret, struct err *e) MUST_USE;
int transcode_failure_pack(const struct err *why, struct buf *out, struct err *e) MUST_USE;
/* The text is made printable ASCII. */
int transcode_failure_parse(struct bytes body, struct err *ret, struct err *e) MUST_USE;

#endif
