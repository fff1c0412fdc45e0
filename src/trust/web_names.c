/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/web_names.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/str.h"

#define WEB_NAMES_SHOWN 300
#define WEB_NAMES_LABEL_MAX 63

static int web_names_refuse(const char *text, const char *why, struct err *e)
{
        char shown[WEB_NAMES_SHOWN];

        return err_set(
                e, ERR_INVALID, "\"%s\" %s", str_escape(shown, sizeof shown, bytes_str(text)), why);
}

/* --- addresses --- */

/* 1: it is one, to has its one form. An IPv4 address within IPv6 would be compared by nobody. */
static int web_names_address(const char *text, char to[static INET6_ADDRSTRLEN])
{
        struct in6_addr six;
        struct in_addr four;

        if (inet_pton(AF_INET, text, &four) == 1)
                return inet_ntop(AF_INET, &four, to, INET6_ADDRSTRLEN) != NULL;
        return inet_pton(AF_INET6, text, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six) &&
               inet_ntop(AF_INET6, &six, to, INET6_ADDRSTRLEN) != NULL;
}

static bool web_names_looks_like_address(const char *text)
{
        return strchr(text, ':') || strspn(text, "0123456789.") == strlen(text);
}

/* --- DNS names (RFC 1035 section 2.3.1, RFC 1123 section 2.1; '_' is met in local networks) --- */

static bool web_names_is_label(const char *p, size_t n)
{
        if (n == 0 || n > WEB_NAMES_LABEL_MAX || p[0] == '-' || p[n - 1] == '-')
                return false;
        for (size_t i = 0; i < n; i++) {
                bool word = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9');
                if (!word && p[i] != '-' && p[i] != '_')
                        return false;
        }
        return true;
}

static bool web_names_is_dns(const char *name)
{
        for (;;) {
                size_t n = strcspn(name, ".");
                if (!web_names_is_label(name, n))
                        return false;
                if (name[n] == '\0')
                        return true;
                name += n + 1;
        }
}

static int web_names_dns(const char *text, char to[static WEB_NAMES_ROOM], struct err *e)
{
        size_t n = strlen(text);

        if (n == 0 || n >= WEB_NAMES_ROOM)
                return err_set(
                        e, ERR_INVALID, "a name of %zu characters: 1 to %d", n, WEB_NAMES_ROOM - 1);
        if (strchr(text, '*'))
                return web_names_refuse(text,
                        "is a wildcard: it would stand for hosts that are none of this site", e);
        for (size_t i = 0; i <= n; i++)
                to[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
        return web_names_is_dns(to)
                       ? 0
                       : web_names_refuse(text,
                                 "is no name of a host (letters, digits, '-' and '.'; a name with "
                                 "other letters in its xn-- form)",
                                 e);
}

/* --- the list --- */

static int web_names_one(const char *text, struct web_names_name *ret, struct err *e)
{
        char address[INET6_ADDRSTRLEN];

        if (web_names_address(text, address)) {
                snprintf(ret->text, sizeof ret->text, "%s", address);
                ret->is_address = true;
                return 0;
        }
        if (web_names_looks_like_address(text))
                return web_names_refuse(text, "is no address (of IPv6 without a zone)", e);
        ret->is_address = false;
        return web_names_dns(text, ret->text, e);
}

bool web_names_has(const struct web_names *w, const char *text)
{
        for (unsigned i = 0; i < w->n; i++) {
                if (strcmp(w->names[i].text, text) == 0)
                        return true;
        }
        return false;
}

int web_names_add(struct web_names *w, const char *text, struct err *e)
{
        struct web_names_name name = { 0 };

        int r = web_names_one(text, &name, e);
        if (r < 0 || web_names_has(w, name.text))
                return r;
        if (w->n == WEB_NAMES_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %d names and addresses", WEB_NAMES_MAX);
        w->names[w->n++] = name;
        return 0;
}

void web_names_lists(const struct web_names *w, struct web_names_lists *ret)
{
        unsigned dns = 0, ip = 0;

        *ret = (struct web_names_lists){ 0 };
        for (unsigned i = 0; i < w->n; i++) {
                if (w->names[i].is_address)
                        ret->ip[ip++] = w->names[i].text;
                else
                        ret->dns[dns++] = w->names[i].text;
        }
}

/* --- as text --- */

int web_names_parse(struct bytes text, struct web_names *ret, struct err *e)
{
        struct web_names w = { 0 };

        if (text.n > WEB_NAMES_TEXT_MAX)
                return err_set(e, ERR_EXHAUSTED, "%zu bytes of names, at most %d", text.n,
                        WEB_NAMES_TEXT_MAX);
        for (size_t at = 0; at < text.n;) {
                char line[WEB_NAMES_ROOM];
                const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
                size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
                if (n == 0 || n >= sizeof line || memchr(text.p + at, 0, n))
                        return err_set(e, ERR_CORRUPT, "name %u is none", w.n + 1);
                memcpy(line, text.p + at, n);
                line[n] = '\0';
                int r = web_names_add(&w, line, e);
                if (r < 0)
                        return err_wrap(e, ERR_CORRUPT, "name %u", w.n + 1);
                at += n + 1;
        }
        *ret = w;
        return 0;
}

int web_names_format(const struct web_names *w, struct buf *out, struct err *e)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < w->n; i++)
                r = buf_printf(out, e, "%s\n", w->names[i].text);
        return r;
}
