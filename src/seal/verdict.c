/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void verdict_init(struct verdict *v)
{
        *v = (struct verdict){ 0 };
}

void verdict_done(struct verdict *v)
{
        free(v->items);
        verdict_init(v);
}

static int64_t earlier(int64_t a, int64_t b)
{
        if (a == SEAL_UNKNOWN_US || b == SEAL_UNKNOWN_US)
                return a == SEAL_UNKNOWN_US ? b : a;
        return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
        return a > b ? a : b; /* SEAL_UNKNOWN_US is the smallest */
}

/* One statement instead of two: neighbours that say the same about the same. Unchanged runs go on
 * over files. */
static bool verdict_merge(struct verdict_item *to, const struct verdict_item *item)
{
        if (to->kind != item->kind || strcmp(to->stream, item->stream) != 0 ||
                strcmp(to->text, item->text) != 0)
                return false;
        bool same_file = strcmp(to->where, item->where) == 0;
        bool goes_on = item->kind == VERDICT_AUTHENTIC || item->kind == VERDICT_CANNOT_TELL ||
                       item->kind == VERDICT_KEY_NOT_TRUSTED;
        if (!same_file && !goes_on)
                return false;
        if (!same_file)
                to->offset = to->end = 0; /* bytes of several files have no one range */
        else if (item->offset > to->end || item->end < to->offset)
                return false;
        if (same_file) {
                to->offset = item->offset < to->offset ? item->offset : to->offset;
                to->end = item->end > to->end ? item->end : to->end;
        }
        to->from_us = earlier(to->from_us, item->from_us);
        to->to_us = later(to->to_us, item->to_us);
        return true;
}

void verdict_add(struct verdict *v, const struct verdict_item *item)
{
        v->kinds[item->kind]++;
        if (v->items_n && verdict_merge(&v->items[v->items_n - 1], item))
                return;
        if (v->items_n == v->items_room) {
                v->items_room = v->items_room ? 2 * v->items_room : 16;
                v->items = xrealloc(v->items, v->items_room, sizeof *v->items);
        }
        v->items[v->items_n++] = *item;
}

const char *verdict_where(const struct verdict_item *item, char *to, size_t room)
{
        if (item->end > item->offset)
                snprintf(to, room, "%s, bytes %" PRIu64 " to %" PRIu64, item->where, item->offset,
                        item->end - 1);
        else
                snprintf(to, room, "%s", item->where);
        return to;
}

int verdict_overall(const struct verdict *v)
{
        static const enum verdict_kind faults[] = { VERDICT_EDITED, VERDICT_REMOVED,
                VERDICT_REORDERED, VERDICT_DUPLICATED, VERDICT_TRUNCATED, VERDICT_FOREIGN,
                VERDICT_KEY_NOT_TRUSTED };

        for (size_t i = 0; i < ARRAY_LEN(faults); i++)
                if (v->kinds[faults[i]])
                        return 1;
        if (v->kinds[VERDICT_CANNOT_TELL] || !v->kinds[VERDICT_AUTHENTIC] || !v->trust_given ||
                !v->trusted)
                return 2;
        return 0;
}
