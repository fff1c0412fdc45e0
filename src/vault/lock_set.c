/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/lock_set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "seal/head.h"

struct lock_set_range {
        char stream[HEAD_PATH_MAX];
        int64_t from_us, to_us;
};

struct lock_set {
        struct lock_set_range *ranges;
        size_t n, room;
        bool sealed;
};

struct lock_set *lock_set_new(void)
{
        return xcalloc(1, sizeof(struct lock_set));
}

struct lock_set *lock_set_free(struct lock_set *s)
{
        if (s)
                free(s->ranges);
        free(s);
        return NULL;
}

void lock_set_freep(struct lock_set **s)
{
        lock_set_free(*s);
}

void lock_set_add(struct lock_set *s, const char *stream, int64_t from_us, int64_t to_us)
{
        assert(!s->sealed);
        if (s->n == s->room) {
                s->room = s->room ? 2 * s->room : 16;
                s->ranges = xrealloc(s->ranges, s->room, sizeof *s->ranges);
        }
        struct lock_set_range *r = &s->ranges[s->n++];
        snprintf(r->stream, sizeof r->stream, "%s", stream);
        r->from_us = from_us;
        r->to_us = to_us;
}

static int lock_set_compare(const void *a, const void *b)
{
        const struct lock_set_range *x = a, *y = b;
        int c = strcmp(x->stream, y->stream);

        return c ? c : (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

void lock_set_seal(struct lock_set *s)
{
        size_t n = 0;

        s->sealed = true;
        if (s->n == 0)
                return;
        qsort(s->ranges, s->n, sizeof *s->ranges, lock_set_compare);
        for (size_t i = 1; i < s->n; i++) {
                struct lock_set_range *last = &s->ranges[n], *r = &s->ranges[i];
                if (strcmp(last->stream, r->stream) != 0 || r->from_us > last->to_us)
                        s->ranges[++n] = *r;
                else if (r->to_us > last->to_us)
                        last->to_us = r->to_us;
        }
        s->n = n + 1;
}

bool lock_set_covers(const struct lock_set *s, const char *stream, int64_t first_us,
        int64_t last_us, int64_t *ret_to_us)
{
        size_t low = 0, high = s->n;

        assert(s->sealed);
        /* Of the ranges that begin no later than last_us, the last one ends last. */
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = strcmp(s->ranges[middle].stream, stream);
                if (c < 0 || (c == 0 && s->ranges[middle].from_us <= last_us))
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0)
                return false;
        const struct lock_set_range *r = &s->ranges[low - 1];
        if (strcmp(r->stream, stream) != 0 || r->to_us < first_us)
                return false;
        if (ret_to_us)
                *ret_to_us = r->to_us;
        return true;
}

bool lock_set_range(const struct lock_set *s, size_t at, const char **ret_stream,
        int64_t *ret_from_us, int64_t *ret_to_us)
{
        assert(s->sealed);
        if (at >= s->n)
                return false;
        *ret_stream = s->ranges[at].stream;
        *ret_from_us = s->ranges[at].from_us;
        *ret_to_us = s->ranges[at].to_us;
        return true;
}
