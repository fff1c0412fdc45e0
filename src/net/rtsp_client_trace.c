/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_client_trace.h"

#include "proto/sdp.h"
#include "proto/sdp_crypto.h"

/* What may be shown of a header that holds a secret: the scheme of an answer to a challenge. */
static size_t shown_bytes(struct bytes name, struct bytes value)
{
        const uint8_t *end;

        if (sdp_encoding_is(name, "KeyMgmt"))
                return 0;
        if (!sdp_encoding_is(name, "Authorization"))
                return value.n;
        end = value.n ? memchr(value.p, ' ', value.n) : NULL;
        return end ? (size_t)(end - value.p) : 0;
}

static struct rtsp_header shown(struct bytes name, struct bytes value)
{
        return (struct rtsp_header){ name, bytes_sub(value, 0, shown_bytes(name, value)) };
}

void rtsp_client_trace_secure(
        rtsp_client_trace_to to, void *owner, const char *step, const struct tls *tls)
{
        const struct rtsp_client_trace t = {
                .kind = RTSP_CLIENT_TRACE_SECURE, .step = step, .tls = tls
        };

        if (to)
                to(owner, &t);
}

void rtsp_client_trace_request(rtsp_client_trace_to to, void *owner, const char *step,
        const char *method, const char *url, const struct rtsp_line *lines, unsigned lines_n)
{
        struct rtsp_header headers[RTSP_HEADERS_MAX];
        struct rtsp_client_trace t = { .kind = RTSP_CLIENT_TRACE_REQUEST,
                .step = step,
                .method = bytes_str(method),
                .url = bytes_str(url),
                .headers = headers };

        if (!to)
                return;
        for (unsigned i = 0; i < lines_n && t.headers_n < RTSP_HEADERS_MAX; i++) {
                if (!lines[i].value)
                        continue;
                headers[t.headers_n++] = shown(bytes_str(lines[i].name), bytes_str(lines[i].value));
        }
        to(owner, &t);
}

void rtsp_client_trace_message(rtsp_client_trace_to to, void *owner, const char *step,
        const char *request, const struct rtsp_message *m)
{
        struct rtsp_header headers[RTSP_HEADERS_MAX];
        struct rtsp_client_trace t = { .kind = m->is_request ? RTSP_CLIENT_TRACE_ASKED
                                                             : RTSP_CLIENT_TRACE_ANSWER,
                .step = step,
                .method = m->is_request ? m->method : bytes_str(request ? request : ""),
                .url = m->uri,
                .status = m->status,
                .reason = m->reason,
                .headers = headers };
        struct buf body;

        if (!to)
                return;
        for (; t.headers_n < m->headers_n && t.headers_n < RTSP_HEADERS_MAX; t.headers_n++)
                headers[t.headers_n] =
                        shown(m->headers[t.headers_n].name, m->headers[t.headers_n].value);
        buf_init(&body, 4 * SDP_TEXT_MAX);
        if (sdp_crypto_redact(m->body, &body, NULL) == 0)
                t.body = buf_bytes(&body);
        to(owner, &t);
        buf_done(&body);
}
