/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan's faults of what a camera sends, for one client: takes the units of a feed, gives packets
 * that are wrong as planned. Each packet gets its headers anew, so that what is changed, left out
 * or put in between still makes a stream with running numbers, unless the numbers are the fault.
 * Percentages and "each tenth" are counted, not drawn: the same plan does the same every time. Pure
 * but for the memory.
 */
#ifndef CUSTOS_EDGE_FAULT_MEDIA_H
#define CUSTOS_EDGE_FAULT_MEDIA_H

#include "edge/fault_plan.h"
#include "edge/feed.h"

struct fault_media;

enum fault_media_kind { FAULT_MEDIA_RTP, FAULT_MEDIA_RTCP, FAULT_MEDIA_GARBAGE };
/* packet: without the four bytes of interleaving; garbage goes between interleaved packets. */
typedef void (*fault_media_on_packet)(
        void *owner, unsigned track, enum fault_media_kind kind, struct bytes packet);

/* What is to become of the client now. */
enum fault_media_deed {
        FAULT_MEDIA_GO_ON,
        FAULT_MEDIA_STALL,  /* nothing is sent any more */
        FAULT_MEDIA_FREEZE, /* nothing is read either */
        FAULT_MEDIA_CLOSE,
        FAULT_MEDIA_SWITCH, /* to another stream, once: fault_media_switch tells which */
};

/* NULL when no fault of the plan concerns what is sent. plan is borrowed. */
struct fault_media *fault_media_new(
        const struct fault_plan *plan, const char *stream, const char *camera);
struct fault_media *fault_media_free(struct fault_media *m);
/* PLAY is granted: where its tracks begin, changed where that is a fault. */
void fault_media_begin(struct fault_media *m, const struct feed *f,
        struct feed_start starts[static TIMELINE_TRACKS_MAX], int64_t now_us);
/* Before each unit. A goodbye goes to on_packet. */
enum fault_media_deed fault_media_due(
        struct fault_media *m, int64_t now_us, fault_media_on_packet on_packet, void *owner);
/* The stream to go on with, from its next start on; its parameter sets go in-band from now on. */
const char *fault_media_other_stream(const struct fault_media *m);
void fault_media_switch(struct fault_media *m, const struct feed *to);
void fault_media_frame(struct fault_media *m, const struct feed_frame *frame, int64_t now_us,
        fault_media_on_packet on_packet, void *owner);
/* A track's sender report, changed in place. False: it is not to be sent. */
bool fault_media_report(
        struct fault_media *m, unsigned track, uint8_t *report, size_t n, int64_t now_us);

#endif
