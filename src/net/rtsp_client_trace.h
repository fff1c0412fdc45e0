/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a session says and hears, step by step, for people who look for a camera's fault (`custos
 * camera test`). All is borrowed for the call. What the camera said is as it came, to be escaped by
 * whoever shows it; what we said holds no user and no answer to a challenge.
 */
#ifndef CUSTOS_NET_RTSP_CLIENT_TRACE_H
#define CUSTOS_NET_RTSP_CLIENT_TRACE_H

#include "crypto/tls.h"
#include "proto/rtsp.h"

enum rtsp_client_trace_kind {
        RTSP_CLIENT_TRACE_SECURE,  /* a peer was verified: tls (NULL: the session is plain) */
        RTSP_CLIENT_TRACE_REQUEST, /* ours: method, url, headers */
        RTSP_CLIENT_TRACE_ANSWER,  /* the camera's to `method`: status, reason, headers, body */
        RTSP_CLIENT_TRACE_ASKED,   /* a request of the camera's: method, url, headers */
};

struct rtsp_client_trace {
        enum rtsp_client_trace_kind kind;
        const char *step; /* "TLS", "OPTIONS", "SETUP of track 2", "while playing", ... */
        const struct tls *tls;
        struct bytes method, url;
        unsigned status;
        struct bytes reason;
        const struct rtsp_header *headers; /* of ours, Authorization is cut to its scheme */
        unsigned headers_n;
        struct bytes body; /* the text of the description */
};

typedef void (*rtsp_client_trace_to)(void *owner, const struct rtsp_client_trace *t);

/* Each does nothing where `to` is NULL. */
void rtsp_client_trace_secure(
        rtsp_client_trace_to to, void *owner, const char *step, const struct tls *tls);
void rtsp_client_trace_request(rtsp_client_trace_to to, void *owner, const char *step,
        const char *method, const char *url, const struct rtsp_line *lines, unsigned lines_n);
/* request: of ours, the newest; NULL: none yet. */
void rtsp_client_trace_message(rtsp_client_trace_to to, void *owner, const char *step,
        const char *request, const struct rtsp_message *m);

#endif
