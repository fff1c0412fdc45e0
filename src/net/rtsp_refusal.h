/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a camera's refusing status means, RTSP (RFC 2326 section 11) and HTTP: one error text and
 * one row of the table of faults for each. */
#ifndef CUSTOS_NET_RTSP_REFUSAL_H
#define CUSTOS_NET_RTSP_REFUSAL_H

#include "base/bytes.h"
#include "base/err.h"

/* Fills e for a status of 300 or more and returns the code. what: "DESCRIBE", "SETUP of track 2",
 * "GET"; other: the fault of a status that has none of its own; location: of a redirect. */
int rtsp_refusal_set(struct err *e, const char *what, unsigned status, struct bytes reason,
        struct bytes location, enum fault other);

#endif
