/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/auth_params.h"

#include <ctype.h>
#include <strings.h>

struct auth_params auth_params_of(struct bytes value)
{
        struct auth_params a;

        a.rest = value;
        a.name = BYTES(NULL, 0);
        a.quoted = false;
        a.value[0] = '\0';
        return a;
}

bool auth_params_is(struct bytes name, const char *text)
{
        return name.n == strlen(text) && name.n > 0 &&
               strncasecmp((const char *)name.p, text, name.n) == 0;
}

static bool is_token(uint8_t c)
{
        return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip(struct bytes *s, const char *characters)
{
        while (s->n > 0 && s->p[0] && strchr(characters, s->p[0]))
                *s = bytes_sub(*s, 1, s->n);
}

static bool put(struct auth_params *a, size_t *n, uint8_t c)
{
        if ((c < ' ' && c != '\t') || c == 0x7f || *n + 1 >= sizeof a->value)
                return false;
        a->value[(*n)++] = (char)c;
        return true;
}

/* Behind the opening quote. */
static bool take_quoted(struct auth_params *a)
{
        size_t n = 0, i = 0;

        for (; i < a->rest.n && a->rest.p[i] != '"'; i++) {
                if (a->rest.p[i] == '\\' && i + 1 < a->rest.n)
                        i++;
                if (!put(a, &n, a->rest.p[i]))
                        return false;
        }
        if (i >= a->rest.n)
                return false;
        a->value[n] = '\0';
        a->quoted = true;
        a->rest = bytes_sub(a->rest, i + 1, a->rest.n);
        return true;
}

/* Up to a comma or space: cameras leave quotes out around all sorts of values. */
static bool take_bare(struct auth_params *a)
{
        size_t n = 0, i = 0;

        for (; i < a->rest.n && !strchr(", \t\r\n", a->rest.p[i]); i++)
                if (!put(a, &n, a->rest.p[i]))
                        return false;
        a->value[n] = '\0';
        a->quoted = false;
        a->rest = bytes_sub(a->rest, i, a->rest.n);
        return true;
}

enum auth_params_kind auth_params_next(struct auth_params *a)
{
        size_t n = 0;

        skip(&a->rest, " \t\r\n,;");
        if (a->rest.n == 0)
                return AUTH_PARAMS_END;
        while (n < a->rest.n && is_token(a->rest.p[n]))
                n++;
        if (n == 0)
                return AUTH_PARAMS_BAD;
        a->name = bytes_sub(a->rest, 0, n);
        struct bytes after = bytes_sub(a->rest, n, a->rest.n);
        skip(&after, " \t\r\n");
        if (after.n == 0 || after.p[0] != '=') {
                /* A scheme stands alone, or a space is behind it. */
                if (n < a->rest.n && !strchr(" \t\r\n,", a->rest.p[n]))
                        return AUTH_PARAMS_BAD;
                a->rest = after;
                return AUTH_PARAMS_SCHEME;
        }
        a->rest = bytes_sub(after, 1, after.n);
        skip(&a->rest, " \t\r\n");
        if (a->rest.n > 0 && a->rest.p[0] == '"') {
                a->rest = bytes_sub(a->rest, 1, a->rest.n);
                return take_quoted(a) ? AUTH_PARAMS_PARAM : AUTH_PARAMS_BAD;
        }
        return take_bare(a) ? AUTH_PARAMS_PARAM : AUTH_PARAMS_BAD;
}
