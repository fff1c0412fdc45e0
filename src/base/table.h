/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A map from names to pointers: open hashing, grows, walks in no order. Owns its copies of the
 * names, not what they point to. For names of our own (stream paths): the hash is not made against
 * hostile keys.
 */
#ifndef CUSTOS_BASE_TABLE_H
#define CUSTOS_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
        size_t n, room;
        struct table_slot {
                char *name; /* NULL: free */
                void *value;
        } * slots;
};

void table_done(struct table *t);
void *table_get(const struct table *t, const char *name);       /* NULL when absent */
void table_put(struct table *t, const char *name, void *value); /* value not NULL; replaces */
void *table_take(struct table *t, const char *name);            /* removes and returns, or NULL */
/* Each value once: start with *at = 0; NULL at the end. The table must not change meanwhile. */
void *table_next(const struct table *t, size_t *at);

#endif
