/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A borrowed view of bytes, valid for the call it is passed to unless a header says otherwise. */
#ifndef CUSTOS_BASE_BYTES_H
#define CUSTOS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
        const uint8_t *p;
        size_t n;
};

#define BYTES(ptr, len) ((struct bytes){ (const uint8_t *)(ptr), (len) })

static inline struct bytes bytes_str(const char *s)
{
        return BYTES(s, strlen(s));
}

/* [from, from + n) of b; clamped to b, so the result may be shorter, and is empty past the end. */
static inline struct bytes bytes_sub(struct bytes b, size_t from, size_t n)
{
        if (from > b.n)
                from = b.n;
        if (n > b.n - from)
                n = b.n - from;
        return BYTES(b.p ? b.p + from : NULL, n);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
