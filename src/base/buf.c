/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max)
{
        *b = (struct buf){ .max = max };
}

void buf_init_full(struct buf *b, size_t max)
{
        buf_init(b, max);
        b->p = xcalloc(max, 1);
        b->room = max;
}

void buf_done(struct buf *b)
{
        free(b->p);
        *b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
        b->n = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
        if (n > b->max || b->n > b->max - n)
                return NULL;
        if (b->room - b->n >= n && b->p)
                return b->p + b->n;

        size_t room = b->room ? b->room : 256;
        while (room < b->n + n && room <= b->max / 2)
                room *= 2;
        if (room < b->n + n || room > b->max)
                room = b->max;
        uint8_t *p = realloc(b->p, room ? room : 1);
        if (!p)
                return NULL;
        b->p = p;
        b->room = room;
        return p + b->n;
}

int buf_append(struct buf *b, struct bytes data, struct err *e)
{
        uint8_t *to = buf_reserve(b, data.n);

        if (!to)
                return err_set(e, ERR_EXHAUSTED, "buffer: %zu + %zu bytes, at most %zu", b->n,
                        data.n, b->max);
        if (data.n)
                memcpy(to, data.p, data.n);
        b->n += data.n;
        return 0;
}

int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        int need = vsnprintf(NULL, 0, fmt, args);
        va_end(args);
        if (need < 0)
                return err_set(e, ERR_INTERNAL, "bad format");
        uint8_t *to = buf_reserve(b, (size_t)need + 1);
        if (!to)
                return err_set(e, ERR_EXHAUSTED, "buffer: at most %zu bytes", b->max);
        va_start(args, fmt);
        vsnprintf((char *)to, (size_t)need + 1, fmt, args);
        va_end(args);
        b->n += (size_t)need;
        return 0;
}

void buf_consume(struct buf *b, size_t n)
{
        if (n >= b->n) {
                b->n = 0;
                return;
        }
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
}

struct bytes buf_bytes(const struct buf *b)
{
        return BYTES(b->p, b->n);
}
