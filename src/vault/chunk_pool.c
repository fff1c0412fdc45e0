/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/chunk_pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/own.h"

/* Groups of pictures of many cameras end together, so that use goes up and down all the time;
 * giving the memory back each time, and taking it again, costs a tenth of the recorder's time in
 * page faults. So as much is kept as was in use at once lately, and that is forgotten slowly: by
 * this part at each tick. */
#define CHUNK_POOL_FORGET 16
#define CHUNK_POOL_SPARE_MIN 16

/* A free chunk holds the link to the next one. */
struct chunk_link {
        struct chunk_link *next;
};

struct chunk_pool {
        size_t max, used, spare; /* in chunks */
        size_t peak;             /* of used, since the last tick */
        size_t kept;             /* used and spare together may be so many behind a tick */
        struct chunk_link *free;
};

struct chunk_share {
        struct chunk_pool *pool;
        size_t used; /* in chunks */
        bool freed;
};

struct chunk_pool *chunk_pool_new(size_t max_bytes)
{
        struct chunk_pool *p = xcalloc(1, sizeof *p);

        p->max = max_bytes / CHUNK_BYTES;
        return p;
}

static void chunk_pool_unmap(struct chunk_pool *p, size_t spare)
{
        while (p->spare > spare) {
                struct chunk_link *c = p->free;

                p->free = c->next;
                p->spare--;
                munmap(c, CHUNK_BYTES);
        }
}

void chunk_pool_tick(struct chunk_pool *p)
{
        size_t less = p->kept - p->kept / CHUNK_POOL_FORGET;

        p->kept = p->peak > less ? p->peak : less;
        p->peak = p->used;
        chunk_pool_unmap(p, p->kept - p->used + CHUNK_POOL_SPARE_MIN);
}

struct chunk_pool *chunk_pool_free(struct chunk_pool *p)
{
        if (p)
                chunk_pool_unmap(p, 0);
        free(p);
        return NULL;
}

static uint8_t *chunk_pool_take(struct chunk_pool *p)
{
        struct chunk_link *c = p->free;

        if (p->used == p->max)
                return NULL;
        if (c) {
                p->free = c->next;
                p->spare--;
        } else {
                c = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
                if (c == MAP_FAILED)
                        return NULL;
        }
        if (++p->used > p->peak)
                p->peak = p->used;
        return (uint8_t *)c;
}

static void chunk_pool_give(struct chunk_pool *p, uint8_t *chunk)
{
        struct chunk_link *c = (struct chunk_link *)(void *)chunk;

        c->next = p->free;
        p->free = c;
        p->spare++;
        p->used--;
}

size_t chunk_pool_in_use(const struct chunk_pool *p)
{
        return p->used * CHUNK_BYTES;
}

struct chunk_share *chunk_share_new(struct chunk_pool *p)
{
        struct chunk_share *s = xcalloc(1, sizeof *s);

        s->pool = p;
        return s;
}

static void chunk_share_forget(struct chunk_share *s)
{
        if (s->freed && s->used == 0)
                free(s);
}

struct chunk_share *chunk_share_free(struct chunk_share *s)
{
        if (s) {
                s->freed = true;
                chunk_share_forget(s);
        }
        return NULL;
}

uint8_t *chunk_share_take(struct chunk_share *s)
{
        uint8_t *chunk = NULL;

        if (s->used < CHUNK_SHARE_MIN || s->used < s->pool->max - s->pool->used)
                chunk = chunk_pool_take(s->pool);
        s->used += chunk != NULL;
        return chunk;
}

void chunk_share_give(struct chunk_share *s, uint8_t *chunk)
{
        chunk_pool_give(s->pool, chunk);
        s->used--;
        chunk_share_forget(s);
}

size_t chunk_share_in_use(const struct chunk_share *s)
{
        return s->used * CHUNK_BYTES;
}
