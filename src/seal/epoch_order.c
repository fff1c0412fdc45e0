/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/epoch_order.h"

#include <stdlib.h>

#define NONE SIZE_MAX

struct epoch {
        uint8_t id[16];
        uint64_t lowest;
        uint8_t parent_id[16];
        int64_t time;
        size_t rank;
        size_t child, sibling; /* index by time; NONE */
};

struct epoch_order {
        size_t n, room;
        struct epoch *epochs;
        size_t last; /* seals of one epoch come one after the other */
        bool ranked;
};

struct epoch_order *epoch_order_new(void)
{
        return xcalloc(1, sizeof(struct epoch_order));
}

struct epoch_order *epoch_order_free(struct epoch_order *o)
{
        if (o)
                free(o->epochs);
        free(o);
        return NULL;
}

static size_t epoch_order_find(struct epoch_order *o, const uint8_t id[static 16])
{
        if (o->last < o->n && memcmp(o->epochs[o->last].id, id, 16) == 0)
                return o->last;
        for (size_t i = 0; i < o->n; i++)
                if (memcmp(o->epochs[i].id, id, 16) == 0)
                        return o->last = i;
        return NONE;
}

void epoch_order_add(struct epoch_order *o, const struct seal_link *self,
        const struct seal_link *previous, int64_t time)
{
        size_t at = epoch_order_find(o, self->epoch);

        if (at != NONE && o->epochs[at].lowest <= self->sequence)
                return;
        if (at == NONE) {
                if (o->n == o->room) {
                        o->room = o->room ? 2 * o->room : 8;
                        o->epochs = xrealloc(o->epochs, o->room, sizeof *o->epochs);
                }
                at = o->last = o->n++;
        }
        struct epoch *ep = &o->epochs[at];
        memcpy(ep->id, self->epoch, 16);
        memcpy(ep->parent_id, previous->epoch, 16);
        ep->lowest = self->sequence;
        ep->time = time;
        o->ranked = false;
}

static int by_time(const void *a, const void *b)
{
        const struct epoch *x = a, *y = b;

        return (x->time > y->time) - (x->time < y->time);
}

/* Depth first from `root`, children by time; an explicit stack, for a chain of restarts is deep. */
static size_t rank_from(struct epoch_order *o, size_t root, size_t rank, size_t *stack)
{
        size_t depth = 0;

        stack[depth++] = root;
        while (depth) {
                struct epoch *ep = &o->epochs[stack[--depth]];
                if (ep->rank != NONE)
                        continue;
                ep->rank = rank++;
                /* Children were linked latest first, so the earliest is pushed last and taken
                 * first. */
                for (size_t c = ep->child; c != NONE; c = o->epochs[c].sibling)
                        stack[depth++] = c;
        }
        return rank;
}

static void epoch_order_compute(struct epoch_order *o)
{
        size_t *stack = xcalloc(o->n + 1, sizeof *stack);
        size_t *parents = xcalloc(o->n + 1, sizeof *parents);
        size_t rank = 0;

        o->last = 0;
        qsort(o->epochs, o->n, sizeof *o->epochs, by_time);
        for (size_t i = 0; i < o->n; i++)
                o->epochs[i].rank = o->epochs[i].child = o->epochs[i].sibling = NONE;
        for (size_t i = 0; i < o->n; i++) {
                size_t parent = epoch_order_find(o, o->epochs[i].parent_id);
                parents[i] = parent == i ? NONE : parent;
                if (parents[i] == NONE)
                        continue;
                o->epochs[i].sibling = o->epochs[parent].child;
                o->epochs[parent].child = i;
        }
        for (size_t i = 0; i < o->n; i++)
                if (parents[i] == NONE)
                        rank = rank_from(o, i, rank, stack);
        /* What is left names each other in a ring: no honest sealer does, but each gets a place. */
        for (size_t i = 0; i < o->n; i++)
                rank = rank_from(o, i, rank, stack);
        free(stack);
        free(parents);
        o->ranked = true;
}

size_t epoch_order_rank(struct epoch_order *o, const uint8_t epoch[static 16])
{
        if (!o->ranked)
                epoch_order_compute(o);
        size_t at = epoch_order_find(o, epoch);
        return at == NONE ? NONE : o->epochs[at].rank;
}
