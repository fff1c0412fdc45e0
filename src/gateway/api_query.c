/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "gateway/api_parts.h"

#define API_QUERY_NAME_ROOM 24
#define API_QUERY_VALUE_ROOM 512
#define API_QUERY_MEMBERS_MAX 12

static int query_digit(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int api_query_decode(struct bytes in, char *to, size_t room, struct err *e)
{
        size_t n = 0;

        for (size_t i = 0; i < in.n; i++) {
                uint8_t c = in.p[i];
                if (c == '%') {
                        int high = in.n - i > 2 ? query_digit(in.p[i + 1]) : -1;
                        int low = in.n - i > 2 ? query_digit(in.p[i + 2]) : -1;
                        if (high < 0 || low < 0)
                                return err_set(e, ERR_INVALID, "a '%%' without two hex digits");
                        c = (uint8_t)(high << 4 | low);
                        i += 2;
                }
                if (c < 0x20 || c == 0x7f)
                        return err_set(e, ERR_INVALID, "a control character in the address");
                if (n + 1 >= room)
                        return err_set(e, ERR_INVALID, "a part of the address is too long");
                to[n++] = (char)c;
        }
        to[n] = '\0';
        return str_is_utf8(BYTES(to, n)) ? 0 : err_set(e, ERR_INVALID, "the address is not UTF-8");
}

/* The kind of this name in "after limit# keys_only?": ' ' of a text; 0: it may not be there. */
static char query_kind(const char *allowed, const char *name)
{
        size_t n = strlen(name);

        if (strspn(name, "abcdefghijklmnopqrstuvwxyz_") != n)
                return 0;
        for (const char *at = allowed; n && (at = strstr(at, name)); at += n) {
                bool begins = at == allowed || at[-1] == ' ';
                if (begins && (at[n] == ' ' || at[n] == '\0'))
                        return ' ';
                if (begins && (at[n] == '#' || at[n] == '?'))
                        return at[n];
        }
        return 0;
}

static json_t *query_value(char kind, const char *text)
{
        uint64_t number = 0;

        if (kind == '#')
                return str_uint(text, 0, INT64_MAX, &number, NULL) == 0
                               ? json_integer((json_int_t)number)
                               : NULL;
        if (kind == '?')
                return strcmp(text, "true") == 0    ? json_true()
                       : strcmp(text, "false") == 0 ? json_false()
                                                    : NULL;
        return json_string(text);
}

static int query_member(struct bytes part, const char *allowed, json_t *body, struct err *e)
{
        const uint8_t *equals = part.n ? memchr(part.p, '=', part.n) : NULL;
        size_t n = equals ? (size_t)(equals - part.p) : part.n;
        char name[API_QUERY_NAME_ROOM], value[API_QUERY_VALUE_ROOM], shown[API_QUERY_NAME_ROOM * 4];

        int r = api_query_decode(bytes_sub(part, 0, n), name, sizeof name, e);
        if (r == 0)
                r = api_query_decode(bytes_sub(part, n + 1, SIZE_MAX), value, sizeof value, e);
        if (r < 0)
                return r;
        char kind = query_kind(allowed, name);
        if (!kind)
                return err_set(e, ERR_INVALID, "there is no \"%s\" here, but: %s",
                        str_escape(shown, sizeof shown, bytes_str(name)),
                        allowed[0] ? allowed : "nothing");
        if (json_object_get(body, name))
                return err_set(e, ERR_INVALID, "%s is there twice", name);
        json_t *member = query_value(kind, value);
        if (!member)
                return err_set(e, ERR_INVALID,
                        kind == '#' ? "%s is a whole number" : "%s is true or false", name);
        json_object_set_new(body, name, member);
        return 0;
}

int api_query_read(const char *query, const char *allowed, json_t *body, struct err *e)
{
        struct bytes rest = bytes_str(query);
        unsigned n = 0;

        while (rest.n) {
                const uint8_t *end = memchr(rest.p, '&', rest.n);
                size_t length = end ? (size_t)(end - rest.p) : rest.n;
                if (++n > API_QUERY_MEMBERS_MAX)
                        return err_set(e, ERR_INVALID, "too many members in the query");
                int r = length ? query_member(bytes_sub(rest, 0, length), allowed, body, e) : 0;
                if (r < 0)
                        return r;
                rest = bytes_sub(rest, length + 1, SIZE_MAX);
        }
        return 0;
}
