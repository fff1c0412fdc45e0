/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/url.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/str.h"

struct scheme {
        const char *name;
        uint16_t port;
};

static const struct scheme schemes[] = {
        [URL_RTSP] = { "rtsp", 554 },
        [URL_RTSPS] = { "rtsps", 322 },
        [URL_HTTP] = { "http", 80 },
        [URL_HTTPS] = { "https", 443 },
};

const char *url_scheme_name(enum url_scheme s)
{
        return schemes[s].name;
}

uint16_t url_default_port(enum url_scheme s)
{
        return schemes[s].port;
}

uint16_t url_fallback_port(const struct url *u)
{
        if (u->port == schemes[URL_HTTPS].port)
                return schemes[URL_HTTP].port;
        return u->port == schemes[URL_RTSPS].port ? schemes[URL_RTSP].port : u->port;
}

/* Printable ASCII only: anything else in a request line would be read differently by somebody. */
static int check_characters(const char *s, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];
                if (c <= ' ' || c >= 0x7f)
                        return err_set(e, ERR_INVALID,
                                "URL: character 0x%02x at position %zu; write it as %%%02X", c,
                                i + 1, c);
        }
        return 0;
}

static int parse_scheme(const char *s, enum url_scheme *ret, const char **ret_rest, struct err *e)
{
        const char *end = strstr(s, "://");

        if (!end)
                return err_set(e, ERR_INVALID, "URL: no scheme; it begins like rtsps://");
        for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
                if (strlen(schemes[i].name) == (size_t)(end - s) &&
                        strncasecmp(s, schemes[i].name, (size_t)(end - s)) == 0) {
                        *ret = (enum url_scheme)i;
                        *ret_rest = end + 3;
                        return 0;
                }
        return err_set(e, ERR_INVALID, "URL: the scheme is none of rtsps, rtsp, https, http");
}

static int parse_port(const char *s, size_t n, uint16_t *ret, struct err *e)
{
        char digits[8];
        uint64_t port;

        if (n == 0 || n >= sizeof digits)
                return err_set(e, ERR_INVALID, "URL: port is not a number from 1 to 65535");
        memcpy(digits, s, n);
        digits[n] = '\0';
        if (str_uint(digits, 1, 65535, &port, NULL) < 0)
                return err_set(e, ERR_INVALID, "URL: port is not a number from 1 to 65535");
        *ret = (uint16_t)port;
        return 0;
}

static bool host_is_valid(const char *s, size_t n, bool ipv6)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];
                bool ok = ipv6 ? isxdigit(c) || c == ':' || c == '.'
                               : isalnum(c) || c == '-' || c == '.' || c == '_';
                if (!ok)
                        return false;
        }
        return n > 0 && n < URL_HOST_ROOM;
}

/* authority: host[:port] or [ipv6][:port], n bytes. */
static int parse_authority(const char *s, size_t n, struct url *u, struct err *e)
{
        bool ipv6 = n > 0 && s[0] == '[';
        const char *host = s + ipv6;
        const char *host_end = memchr(s, ipv6 ? ']' : ':', n);

        if (memchr(s, '@', n))
                return err_set(e, ERR_INVALID,
                        "URL: it holds a user or password; give them apart, never in the URL");
        if (ipv6 && !host_end)
                return err_set(e, ERR_INVALID, "URL: the IPv6 address has no closing bracket");
        if (!host_end)
                host_end = s + n;
        size_t host_n = (size_t)(host_end - host);
        if (!host_is_valid(host, host_n, ipv6))
                return err_set(e, ERR_INVALID, "URL: the host is missing or not a name or address");
        const char *port = host_end + ipv6;
        size_t port_n = n - (size_t)(port - s);
        u->port = schemes[u->scheme].port;
        if (port_n > 0) {
                if (*port != ':')
                        return err_set(e, ERR_INVALID, "URL: bytes between host and port");
                int r = parse_port(port + 1, port_n - 1, &u->port, e);
                if (r < 0)
                        return r;
        }
        memcpy(u->host, host, host_n);
        u->host[host_n] = '\0';
        return 0;
}

int url_parse(const char *s, struct url *ret, struct err *e)
{
        struct url u = { 0 };
        const char *rest = s;
        size_t n = strnlen(s, URL_MAX);

        if (n >= URL_MAX)
                return err_set(e, ERR_INVALID, "URL: longer than %d characters", URL_MAX - 1);
        int r = check_characters(s, n, e);
        if (r == 0)
                r = parse_scheme(s, &u.scheme, &rest, e);
        if (r < 0)
                return r;
        size_t authority_n = strcspn(rest, "/?#");
        r = parse_authority(rest, authority_n, &u, e);
        if (r < 0)
                return r;
        rest += authority_n;
        snprintf(u.path, sizeof u.path, "%s%.*s", *rest == '/' ? "" : "/", (int)strcspn(rest, "#"),
                rest);
        *ret = u;
        return 0;
}

int url_format(const struct url *u, char *to, size_t room, struct err *e)
{
        char port[8] = "";
        bool ipv6 = strchr(u->host, ':') != NULL;
        char text[URL_MAX];

        if (u->port != schemes[u->scheme].port)
                snprintf(port, sizeof port, ":%u", u->port);
        int n = snprintf(text, sizeof text, "%s://%s%s%s%s%s", schemes[u->scheme].name,
                ipv6 ? "[" : "", u->host, ipv6 ? "]" : "", port, u->path);
        if (n < 0 || (size_t)n >= sizeof text || (size_t)n >= room)
                return err_set(e, ERR_INVALID, "URL: longer than %zu characters",
                        (room < sizeof text ? room : sizeof text) - 1);
        memcpy(to, text, (size_t)n + 1);
        return 0;
}

/* "scheme://" of RTSP, whatever follows. */
static bool is_absolute(struct bytes s)
{
        return (s.n >= 7 && strncasecmp((const char *)s.p, "rtsp://", 7) == 0) ||
               (s.n >= 8 && strncasecmp((const char *)s.p, "rtsps://", 8) == 0);
}

static struct bytes trimmed(struct bytes s)
{
        while (s.n > 0 && s.p[0] <= ' ')
                s = bytes_sub(s, 1, s.n);
        while (s.n > 0 && s.p[s.n - 1] <= ' ')
                s.n--;
        return s;
}

/* What of base stays in front of a relative control. */
static size_t base_bytes(struct bytes base, struct bytes control)
{
        if (control.p[0] != '/')
                return base.n;
        const uint8_t *authority = memchr(base.p, ':', base.n);
        size_t at = authority ? (size_t)(authority - base.p) + 3 : 0;
        while (at < base.n && base.p[at] != '/' && base.p[at] != '?')
                at++;
        return at < base.n ? at : base.n;
}

int url_resolve(const char *request, struct bytes content_base, struct bytes control, char *to,
        size_t room, struct err *e)
{
        char text[URL_MAX];
        struct bytes base = trimmed(content_base);

        control = trimmed(control);
        if (!is_absolute(base))
                base = bytes_str(request);
        if (is_absolute(control) || control.n == 0 || bytes_equal(control, bytes_str("*"))) {
                if (is_absolute(control))
                        base = control;
                control = BYTES(NULL, 0);
        }
        size_t keep = control.n ? base_bytes(base, control) : base.n;
        bool slash = control.n && control.p[0] != '/' && control.p[0] != '?' &&
                     (keep == 0 || base.p[keep - 1] != '/');
        size_t n = keep + slash + control.n;
        if (n >= sizeof text || n >= room)
                return err_set(e, ERR_PROTOCOL, "a=control: the URL is longer than %zu characters",
                        (room < sizeof text ? room : sizeof text) - 1);
        memcpy(text, base.p, keep);
        if (slash)
                text[keep] = '/';
        if (control.n)
                memcpy(text + keep + slash, control.p, control.n);
        text[n] = '\0';
        if (check_characters(text, n, NULL) < 0)
                return err_set(
                        e, ERR_PROTOCOL, "a=control: a space or control character in the URL");
        memcpy(to, text, n + 1);
        return 0;
}
