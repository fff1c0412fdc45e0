/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tamper.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

static const char tamper_kinds[] = {
        [VERDICT_AUTHENTIC] = 'a',
        [VERDICT_EDITED] = 'e',
        [VERDICT_REMOVED] = 'm',
        [VERDICT_REORDERED] = 'r',
        [VERDICT_DUPLICATED] = 'd',
        [VERDICT_TRUNCATED] = 't',
        [VERDICT_FOREIGN] = 'f',
        [VERDICT_KEY_NOT_TRUSTED] = 'k',
        [VERDICT_CANNOT_TELL] = 'c',
        [VERDICT_GAP] = '.',
        [VERDICT_NOTE] = '.',
};

static char tamper_letter(const struct seal *s, const struct verdict *v)
{
        static const char order[] = ".ackmtrdfe"; /* from the mildest */
        const char *worst = order;

        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                if (item->from_us >= s->last_arrival_us || item->to_us <= s->first_arrival_us)
                        continue;
                const char *at = strchr(order, tamper_kinds[item->kind]);
                worst = at > worst ? at : worst;
        }
        return *worst;
}

void tamper_letters(
        const struct segment_builder *b, const struct verdict *v, char to[static TAMPER_ROOM])
{
        size_t n = 0;

        for (unsigned i = 0; i < b->segments_n; i++) {
                if (i)
                        to[n++] = '|';
                for (unsigned j = 0; j < b->segments[i].fragments_n && n + 2 < TAMPER_ROOM; j++)
                        to[n++] = tamper_letter(&b->segments[i].seals[j], v);
        }
        to[n] = '\0';
}

bool tamper_is_located(const struct verdict *v)
{
        unsigned faults = 0;

        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                if (item->kind == VERDICT_AUTHENTIC || item->kind == VERDICT_GAP ||
                        item->kind == VERDICT_NOTE)
                        continue;
                faults++;
                if (!item->where[0] || !item->text[0] || item->from_us == SEAL_UNKNOWN_US ||
                        item->to_us == SEAL_UNKNOWN_US || item->to_us < item->from_us)
                        return false;
        }
        return faults > 0;
}

void tamper_print(const struct verdict *v)
{
        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                char from[STR_TIME_ROOM] = "?", to[STR_TIME_ROOM] = "?", where[260];
                if (item->from_us >= 0)
                        str_time(from, item->from_us);
                if (item->to_us >= 0)
                        str_time(to, item->to_us);
                printf("  %-15s %s %s  %s: %s\n", verdict_name(item->kind), from, to,
                        verdict_where(item, where, sizeof where), item->text);
        }
        printf("  overall %d\n", verdict_overall(v));
}

bool tamper_says(const struct verdict *v, enum verdict_kind kind, const char *part)
{
        for (size_t i = 0; i < v->items_n; i++)
                if (v->items[i].kind == kind && strstr(v->items[i].text, part))
                        return true;
        return false;
}

void tamper_cut(struct buf *file, uint64_t from, uint64_t to)
{
        memmove(file->p + from, file->p + to, file->n - to);
        file->n -= to - from;
}

void tamper_insert(struct buf *file, uint64_t at, struct bytes what)
{
        if (!buf_reserve(file, what.n))
                abort();
        memmove(file->p + at + what.n, file->p + at, file->n - at);
        memcpy(file->p + at, what.p, what.n);
        file->n += what.n;
}

void tamper_flip(struct buf *file, uint64_t bit)
{
        file->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

struct buf tamper_copy(const struct buf *file)
{
        struct buf copy;

        buf_init(&copy, 512u << 20);
        if (buf_append(&copy, buf_bytes(file), NULL) < 0)
                abort();
        return copy;
}

static uint64_t tamper_end(const struct segment_builder_segment *s, unsigned fragment)
{
        if (fragment + 1 < s->fragments_n)
                return s->fragments[fragment + 1].offset;
        /* The last one ends where mfra begins, or the file. */
        uint64_t end = s->file.n;
        const uint8_t *mfra = s->closed ? memmem(s->file.p + s->fragments[fragment].offset,
                                                  end - s->fragments[fragment].offset, "mfra", 4)
                                        : NULL;
        return mfra ? (uint64_t)(mfra - 4 - s->file.p) : end;
}

struct bytes tamper_fragment(const struct segment_builder_segment *s, unsigned fragment)
{
        uint64_t from = s->fragments[fragment].offset;

        return bytes_sub(buf_bytes(&s->file), from, tamper_end(s, fragment) - from);
}

void tamper_drop(const struct segment_builder_segment *s, struct buf *file, unsigned fragment)
{
        tamper_cut(file, s->fragments[fragment].offset, tamper_end(s, fragment));
}

void tamper_swap(const struct segment_builder_segment *s, struct buf *file, unsigned a, unsigned b)
{
        struct bytes first = tamper_fragment(s, a), second = tamper_fragment(s, b);
        uint64_t at = s->fragments[b].offset;

        tamper_cut(file, at, at + second.n);
        tamper_insert(file, at, first);
        at = s->fragments[a].offset;
        tamper_cut(file, at, at + first.n);
        tamper_insert(file, at, second);
}
