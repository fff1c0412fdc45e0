/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/table.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/own.h"

/* FNV-1a, 64 bits. */
static size_t table_hash(const char *name)
{
        uint64_t h = UINT64_C(14695981039346656037);

        for (; *name; name++)
                h = (h ^ (uint8_t)*name) * UINT64_C(1099511628211);
        return (size_t)(h ^ h >> 32);
}

/* The slot that has name, or the free one where it would go. The table is never full. */
static size_t table_slot(const struct table *t, const char *name)
{
        size_t i = table_hash(name) & (t->room - 1);

        while (t->slots[i].name && strcmp(t->slots[i].name, name) != 0)
                i = (i + 1) & (t->room - 1);
        return i;
}

static void table_grow(struct table *t)
{
        struct table old = *t;

        t->room = old.room ? old.room * 2 : 16;
        t->slots = xcalloc(t->room, sizeof *t->slots);
        for (size_t i = 0; i < old.room; i++) {
                if (old.slots[i].name)
                        t->slots[table_slot(t, old.slots[i].name)] = old.slots[i];
        }
        free(old.slots);
}

void table_done(struct table *t)
{
        for (size_t i = 0; i < t->room; i++)
                free(t->slots[i].name);
        free(t->slots);
        *t = (struct table){ 0 };
}

void *table_get(const struct table *t, const char *name)
{
        return t->room ? t->slots[table_slot(t, name)].value : NULL;
}

void table_put(struct table *t, const char *name, void *value)
{
        if ((t->n + 1) * 4 > t->room * 3)
                table_grow(t);
        struct table_slot *slot = &t->slots[table_slot(t, name)];
        if (!slot->name) {
                slot->name = xstrdup(name);
                t->n++;
        }
        slot->value = value;
}

void *table_take(struct table *t, const char *name)
{
        if (!t->room)
                return NULL;
        size_t hole = table_slot(t, name);
        if (!t->slots[hole].name)
                return NULL;
        void *value = t->slots[hole].value;
        free(t->slots[hole].name);
        t->slots[hole] = (struct table_slot){ 0 };
        t->n--;
        /* Those behind may have been pushed on by the one that is gone: put the run in again. */
        for (size_t i = (hole + 1) & (t->room - 1); t->slots[i].name; i = (i + 1) & (t->room - 1)) {
                struct table_slot moved = t->slots[i];
                t->slots[i] = (struct table_slot){ 0 };
                t->slots[table_slot(t, moved.name)] = moved;
        }
        return value;
}

void *table_next(const struct table *t, size_t *at)
{
        while (*at < t->room) {
                const struct table_slot *slot = &t->slots[(*at)++];
                if (slot->name)
                        return slot->value;
        }
        return NULL;
}
