/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The splitter and all that parses a message of it. The same bytes must give the same items however
 * they are cut up. */
#include <stdlib.h>

#include "proto/rtsp_splitter.h"
#include "proto/rtsp_transport.h"
#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fold(uint64_t *sum, struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                *sum = (*sum ^ b.p[i]) * UINT64_C(1099511628211);
        *sum = (*sum ^ b.n) * UINT64_C(1099511628211);
}

static void parse_values(const struct rtsp_message *m)
{
        struct rtsp_session session;
        struct rtsp_info info[RTSP_INFO_MAX];
        struct rtsp_transport transport;
        char text[URL_MAX], formatted[RTSP_TRANSPORT_ROOM];

        for (unsigned i = 0; i < m->headers_n; i++) {
                struct bytes value = m->headers[i].value;
                if (rtsp_session_parse(value, &session, NULL) == 0 && strlen(session.id) > value.n)
                        abort();
                int r = rtsp_info_parse(value, info, NULL);
                if (r > RTSP_INFO_MAX)
                        abort();
                for (unsigned k = 0; rtsp_transport_parse(value, k, &transport, NULL) == 0; k++)
                        rtsp_transport_format(&transport, formatted);
                rtsp_list_has(value, "GET_PARAMETER");
                if (url_resolve("rtsps://h/s", value, value, text, sizeof text, NULL) == 0 &&
                        strlen(text) >= sizeof text)
                        abort();
        }
}

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        uint64_t *sum = owner;

        (void)e;
        *sum += item->skipped_bytes + 3 * item->at;
        if (!item->message) {
                fold(sum, BYTES(&item->channel, 1));
                fold(sum, item->frame);
                return 0;
        }
        fold(sum, item->message->is_request ? item->message->uri : item->message->reason);
        for (unsigned i = 0; i < item->message->headers_n; i++) {
                fold(sum, item->message->headers[i].name);
                fold(sum, item->message->headers[i].value);
        }
        fold(sum, item->message->body);
        parse_values(item->message);
        return 0;
}

static int feed(struct bytes stream, size_t step, uint32_t garbage_max, uint64_t *sum)
{
        struct rtsp_splitter s;
        int r = 0;

        rtsp_splitter_init(&s);
        s.garbage_max = garbage_max;
        while (r == 0 && stream.n > 0) {
                struct bytes piece = bytes_sub(stream, 0, step);
                stream = bytes_sub(stream, piece.n, stream.n);
                r = rtsp_splitter_feed(&s, piece, on_item, sum, NULL);
        }
        rtsp_splitter_done(&s);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint64_t whole = 0, cut = 0;
        size_t step = n ? 1 + data[n - 1] % 64u : 1;
        uint32_t garbage_max = n > 1 && data[n - 2] % 2 ? 0 : RTSP_SPLITTER_GARBAGE_MAX;

        int r = feed(BYTES(data, n), n, garbage_max, &whole);
        if (feed(BYTES(data, n), step, garbage_max, &cut) != r || whole != cut)
                abort();
        return 0;
}
