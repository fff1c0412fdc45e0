/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/tunnel.h"

#include "base/str.h"

/* 128 bits in the 22 characters that QuickTime's own cookies have: servers are known that keep 23
 * and cut the rest off. */
#define COOKIE_ROOM STR_BASE64_ROOM(TUNNEL_COOKIE_BYTES)
static char *cookie_text(char to[static COOKIE_ROOM], const uint8_t *cookie)
{
        str_base64(to, BYTES(cookie, TUNNEL_COOKIE_BYTES));
        to[strcspn(to, "=")] = '\0';
        return to;
}

int tunnel_get_format(struct buf *out, const struct url *u,
        const uint8_t cookie[static TUNNEL_COOKIE_BYTES], const char *authorization, struct err *e)
{
        char text[COOKIE_ROOM];
        const struct http_line lines[] = { { "User-Agent", "Custos" },
                { "x-sessioncookie", cookie_text(text, cookie) }, { "Accept", TUNNEL_TYPE },
                { "Pragma", "no-cache" }, { "Cache-Control", "no-cache" },
                { "Authorization", authorization } };

        return http_request_format(out, "GET", u, lines, ARRAY_LEN(lines), e);
}

int tunnel_post_format(struct buf *out, const struct url *u,
        const uint8_t cookie[static TUNNEL_COOKIE_BYTES], const char *authorization, struct err *e)
{
        char text[COOKIE_ROOM];
        /* The dates that QuickTime sends, so that no cache keeps it. */
        const struct http_line lines[] = { { "User-Agent", "Custos" },
                { "x-sessioncookie", cookie_text(text, cookie) }, { "Content-Type", TUNNEL_TYPE },
                { "Pragma", "no-cache" }, { "Cache-Control", "no-cache" },
                { "Content-Length", TUNNEL_POST_LENGTH },
                { "Expires", "Sun, 9 Jan 1972 00:00:00 GMT" }, { "Authorization", authorization } };

        return http_request_format(out, "POST", u, lines, ARRAY_LEN(lines), e);
}

int tunnel_encode(struct buf *out, struct bytes request, struct err *e)
{
        /* with room for the NUL, which is not sent */
        uint8_t *to = buf_reserve(out, STR_BASE64_ROOM(request.n));

        if (!to)
                return err_set(e, ERR_EXHAUSTED, "a request longer than the tunnel takes");
        str_base64((char *)to, request);
        out->n += STR_BASE64_ROOM(request.n) - 1;
        return 0;
}

enum tunnel_answer tunnel_answer_kind(struct bytes b)
{
        static const char http[] = "HTTP/", rtsp[] = "RTSP/";
        size_t n = b.n < 5 ? b.n : 5;

        if (n == 0)
                return TUNNEL_MORE;
        if (memcmp(b.p, http, n) == 0)
                return n < 5 ? TUNNEL_MORE : TUNNEL_HTTP;
        if (memcmp(b.p, rtsp, n) == 0)
                return n < 5 ? TUNNEL_MORE : TUNNEL_RTSP;
        return TUNNEL_OTHER;
}
