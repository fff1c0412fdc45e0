/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The unit under way of depay.h for H.264 and H.265: NAL units appended behind their lengths, whole
 * or in fragments, and what is to be known of them. For depay*.c only.
 */
#ifndef CUSTOS_MEDIA_DEPAY_NALS_H
#define CUSTOS_MEDIA_DEPAY_NALS_H

#include "base/buf.h"
#include "media/parameter_sets.h"

struct depay_nals {
        struct buf unit;
        unsigned n;        /* whole NAL units in it */
        bool picture, key; /* one of them holds a part of a picture; decoding can start */
        bool open;         /* a fragmented one is under way, */
        size_t open_at;    /* its length field here */
        bool skipping;     /* the front of one was lost: its other fragments are passed over */
        struct buf split;  /* scratch for start codes within a unit */
        struct parameter_sets sets;
        bool sets_changed;
};

void depay_nals_init(struct depay_nals *d, enum media_codec codec);
void depay_nals_done(struct depay_nals *d);
void depay_nals_clear(struct depay_nals *d);
/* ERR_EXHAUSTED: the unit is too large, and cleared. */
int depay_nals_add(struct depay_nals *d, struct bytes nal, struct err *e) MUST_USE;
/* Begins a fragmented unit with its rebuilt header; appends; ends. */
int depay_nals_open(
        struct depay_nals *d, struct bytes head, struct bytes body, struct err *e) MUST_USE;
int depay_nals_append(struct depay_nals *d, struct bytes body, struct err *e) MUST_USE;
int depay_nals_close(struct depay_nals *d, struct err *e) MUST_USE;
/* Drops a fragmented unit; true when there was one. */
bool depay_nals_drop(struct depay_nals *d);

/* One payload each: RFC 6184 section 5.6 to 5.8, RFC 7798 section 4.4. */
int depay_h264_packet(struct depay_nals *d, struct bytes payload, struct err *e) MUST_USE;
int depay_h265_packet(struct depay_nals *d, struct bytes payload, struct err *e) MUST_USE;

#endif
