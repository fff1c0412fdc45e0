/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writing half of rtsp.h. */
#include "proto/rtsp.h"

const char *rtsp_reason(unsigned status)
{
        static const struct {
                unsigned status;
                const char *reason;
        } reasons[] = {
                { 100, "Continue" },
                { 200, "OK" },
                { 301, "Moved Permanently" },
                { 302, "Moved Temporarily" },
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 405, "Method Not Allowed" },
                { 406, "Not Acceptable" },
                { 408, "Request Time-out" },
                { 413, "Request Entity Too Large" },
                { 414, "Request-URI Too Large" },
                { 415, "Unsupported Media Type" },
                { 451, "Parameter Not Understood" },
                { 453, "Not Enough Bandwidth" },
                { 454, "Session Not Found" },
                { 455, "Method Not Valid in This State" },
                { 457, "Invalid Range" },
                { 459, "Aggregate operation not allowed" },
                { 460, "Only aggregate operation allowed" },
                { 461, "Unsupported transport" },
                { 463, "Key Management Failure" },
                { 500, "Internal Server Error" },
                { 501, "Not Implemented" },
                { 503, "Service Unavailable" },
                { 505, "RTSP Version not supported" },
                { 551, "Option not supported" },
        };

        for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;
        return "Unknown";
}

/* space: whether one may be in it. */
static bool is_clean(const char *s, bool space)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f || (*s == ' ' && !space))
                        return false;
        return true;
}

static int append_rest(struct buf *out, uint32_t cseq, const struct rtsp_line *lines,
        unsigned lines_n, struct bytes body, struct err *e)
{
        int r = buf_printf(out, e, "CSeq: %u\r\n", cseq);

        for (unsigned i = 0; r == 0 && i < lines_n; i++) {
                if (!lines[i].value)
                        continue;
                if (!is_clean(lines[i].name, false) || !is_clean(lines[i].value, true))
                        return err_set(
                                e, ERR_INVALID, "RTSP header %u with a control character", i + 1);
                r = buf_printf(out, e, "%s: %s\r\n", lines[i].name, lines[i].value);
        }
        if (r == 0 && body.n)
                r = buf_printf(out, e, "Content-Length: %zu\r\n", body.n);
        if (r == 0)
                r = buf_append(out, bytes_str("\r\n"), e);
        if (r == 0 && body.n)
                r = buf_append(out, body, e);
        return r;
}

int rtsp_format_request(struct buf *out, const char *method, const char *uri, uint32_t cseq,
        const struct rtsp_line *lines, unsigned lines_n, struct bytes body, struct err *e)
{
        size_t before = out->n;

        if (!*method || !*uri || !is_clean(method, false) || !is_clean(uri, false))
                return err_set(e, ERR_INVALID, "RTSP request with a bad method or URL");
        int r = buf_printf(out, e, "%s %s RTSP/1.0\r\n", method, uri);
        if (r == 0)
                r = append_rest(out, cseq, lines, lines_n, body, e);
        if (r < 0)
                out->n = before;
        return r;
}

int rtsp_format_response(struct buf *out, unsigned status, uint32_t cseq,
        const struct rtsp_line *lines, unsigned lines_n, struct bytes body, struct err *e)
{
        size_t before = out->n;

        if (status < 100 || status > 999)
                return err_set(e, ERR_INVALID, "RTSP status %u", status);
        int r = buf_printf(out, e, "RTSP/1.0 %u %s\r\n", status, rtsp_reason(status));
        if (r == 0)
                r = append_rest(out, cseq, lines, lines_n, body, e);
        if (r < 0)
                out->n = before;
        return r;
}

void rtsp_frame_head(uint8_t to[static RTSP_FRAME_HEAD], uint8_t channel, uint16_t n)
{
        to[0] = '$';
        to[1] = channel;
        to[2] = (uint8_t)(n >> 8);
        to[3] = (uint8_t)n;
}
