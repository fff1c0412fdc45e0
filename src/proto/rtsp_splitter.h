/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts a received byte stream into interleaved packets (RFC 2326 section 10.12), responses and
 * requests. Feed it each TLS record: what is complete in it is handed on from where it lies, and
 * only a partial item is kept and copied.
 *
 * Between items, CR and LF are passed over. Other bytes that begin no item are passed over up to
 * garbage_max in a row, until the next plausible item, and reported with it: some cameras send a
 * wrong length now and then. A server sets garbage_max to 0 and refuses them.
 */
#ifndef CUSTOS_PROTO_RTSP_SPLITTER_H
#define CUSTOS_PROTO_RTSP_SPLITTER_H

#include "proto/rtsp.h"

#define RTSP_SPLITTER_GARBAGE_MAX 65536

struct rtsp_item {
        const struct rtsp_message *message; /* with its body; NULL for an interleaved packet */
        uint8_t channel;
        struct bytes frame;     /* an interleaved packet, without its four bytes; may be empty */
        uint32_t skipped_bytes; /* garbage passed over directly before it */
        uint64_t at;            /* its first byte in the stream, from 0 */
};

/* item and all it points to are borrowed, valid during the call. A negative return ends the
 * feeding. It must not feed, reset or end the splitter. */
typedef int (*rtsp_on_item)(void *owner, const struct rtsp_item *item, struct err *e);

struct rtsp_splitter {
        uint32_t garbage_max; /* set by rtsp_splitter_init; may be changed after it */
        uint8_t channel_max;  /* likewise, 255: with garbage before it, '$' is believed up to this
                                 channel */
        uint64_t skipped_bytes, resyncs; /* since the start, to be read by anyone */
        uint64_t at;                     /* bytes of the stream before what is looked at now */
        struct buf rest;                 /* the partial item; from here on private */
        size_t item_bytes;               /* its whole size, when known */
        size_t scanned;                  /* of a partial head: no end before this */
        uint32_t garbage;                /* passed over in a row */
};

void rtsp_splitter_init(struct rtsp_splitter *s);
void rtsp_splitter_done(struct rtsp_splitter *s);
/* Forgets a partial item, for a new connection; counters stay. */
void rtsp_splitter_reset(struct rtsp_splitter *s);
/* 0; what on_item returned when that was negative; ERR_PROTOCOL when the stream is not RTSP, with
 * the byte where in the text, after which only rtsp_splitter_reset helps. */
int rtsp_splitter_feed(struct rtsp_splitter *s, struct bytes received, rtsp_on_item on_item,
        void *owner, struct err *e) MUST_USE;

#endif
