/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_client_trace.h"

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
                struct rtsp_header *h = &headers[t.headers_n++];

                h->name = bytes_str(lines[i].name);
                h->value = bytes_str(lines[i].value);
                if (strcmp(lines[i].name, "Authorization") == 0)
                        h->value.n = strcspn(lines[i].value, " ");
        }
        to(owner, &t);
}

void rtsp_client_trace_message(rtsp_client_trace_to to, void *owner, const char *step,
        const char *request, const struct rtsp_message *m)
{
        const struct rtsp_client_trace t = { .kind = m->is_request ? RTSP_CLIENT_TRACE_ASKED
                                                                   : RTSP_CLIENT_TRACE_ANSWER,
                .step = step,
                .method = m->is_request ? m->method : bytes_str(request ? request : ""),
                .url = m->uri,
                .status = m->status,
                .reason = m->reason,
                .headers = m->headers,
                .headers_n = m->headers_n,
                .body = m->body };

        if (to)
                to(owner, &t);
}
