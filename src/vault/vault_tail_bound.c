/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_tail_bound.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "seal/segment.h"
#include "vault/segment_mend.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define HOURS_MAX 4 /* the newest one and that of the object key, and the one before each */

/* A segment as far as the search for the bound needs it. */
struct piece {
        char object_key[HEAD_KEY_MAX];
        struct seal_link first_previous, last;
        unsigned keep; /* fragments up to the bound; 0 where it is not in here */
        unsigned fragments;
        struct piece *before; /* in the chain of those that are behind the bound */
        bool behind;
};

struct pieces {
        const char *vault;
        const struct seal_link *bound;
        struct piece *list; /* owned */
        unsigned n;
};

/* Of one that cannot be read nothing is cut off. */
static int add_piece(void *owner, const char *object_key, struct err *e)
{
        struct pieces *all = owner;
        struct piece piece = { 0 };
        struct file_map map;
        struct segment s;
        char path[PATH_ROOM];

        snprintf(path, sizeof path, "%s/%s", all->vault, object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r == ERR_NOT_FOUND ? 0 : r;
        if (map.bytes.n && segment_read(map.bytes, &s, NULL) == 0) {
                snprintf(piece.object_key, sizeof piece.object_key, "%s", object_key);
                piece.fragments = s.fragments_n;
                for (unsigned i = 0; i < s.fragments_n; i++) {
                        piece.last =
                                seal_link_of(&s.fragments[i].seal, s.fragments[i].seal_payload);
                        if (seal_link_equal(&piece.last, all->bound))
                                piece.keep = i + 1;
                }
                if (s.fragments_n) {
                        piece.first_previous = s.fragments[0].seal.previous;
                        all->list = xrealloc(all->list, all->n + 1, sizeof *all->list);
                        all->list[all->n++] = piece;
                }
                segment_done(&s);
        }
        file_map_done(&map);
        return 0;
}

static int shorten(
        const struct pieces *all, const struct piece *piece, struct vault_tail *tail, struct err *e)
{
        struct segment_mended cut = { 0 };
        struct file_map map;
        struct segment s;
        char path[PATH_ROOM];

        snprintf(path, sizeof path, "%s/%s", all->vault, piece->object_key);
        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        if (piece->keep == 0) { /* all of it is behind the bound */
                /* Durable before what it continues is shortened: then nothing would lead to it any
                 * more. */
                r = segment_mend_delete(path, e);
                cut.cut_bytes = map.bytes.n;
                tail->deleted++;
        } else {
                r = segment_read(map.bytes, &s, e);
                if (r == 0) {
                        r = segment_mend(path, &s, piece->keep, &cut, e);
                        segment_done(&s);
                }
        }
        tail->cut_bytes += cut.cut_bytes;
        file_map_done(&map);
        return r;
}

/* The segment that holds the bound, and those whose chain leads back to it; the last one first, so
 * that whoever is interrupted finds the rest again. */
static int cut_pieces(struct pieces *all, struct vault_tail *tail, struct err *e)
{
        struct seal_link end = *all->bound;
        struct piece *last = NULL;
        int r = 0;

        for (unsigned i = 0; i < all->n; i++) {
                struct piece *p = &all->list[i];
                bool behind = p->keep ? p->keep < p->fragments
                                      : seal_link_equal(&p->first_previous, &end);
                if (p->behind || !behind)
                        continue;
                p->behind = true;
                p->before = last;
                last = p;
                end = p->last;
                i = UINT_MAX; /* names need not be in the order of the chain */
        }
        for (; last && r == 0; last = last->before)
                r = shorten(all, last, tail, e);
        return r;
}

/* Hours, each once. */
struct hours {
        char names[HOURS_MAX][VAULT_WALK_HOUR_ROOM];
        unsigned n;
};

static void add_hour(struct hours *h, const char *hour)
{
        for (unsigned i = 0; i < h->n; i++) {
                if (strcmp(h->names[i], hour) == 0)
                        return;
        }
        snprintf(h->names[h->n++], VAULT_WALK_HOUR_ROOM, "%s", hour);
}

static int hour_before(const char *vault, const char *stream, char hour[VAULT_WALK_HOUR_ROOM],
        struct hours *h, struct err *e)
{
        int r = vault_walk_hour_before(vault, stream, hour, hour, e);

        if (r == 0)
                add_hour(h, hour);
        return r;
}

int vault_tail_bound_cut(const char *vault, const char *stream, const char *object_key,
        const struct seal_link *bound, struct vault_tail *tail, struct err *e)
{
        static const struct seal_link none;
        struct pieces all = { .vault = vault, .bound = bound };
        char hour[VAULT_WALK_HOUR_ROOM] = "9999-99-99/99";
        struct hours hours = { 0 };

        if (seal_link_equal(bound, &none))
                return 0;
        int r = hour_before(vault, stream, hour, &hours, e);
        if (r == 0)
                r = hour_before(vault, stream, hour, &hours, e);
        if (*object_key && (r == 0 || r == ERR_NOT_FOUND)) {
                snprintf(hour, sizeof hour, "%.13s", object_key + strlen(stream) + 1);
                add_hour(&hours, hour);
                r = hour_before(vault, stream, hour, &hours, e);
        }
        for (unsigned i = 0; i < hours.n && (r == 0 || r == ERR_NOT_FOUND); i++)
                r = vault_walk_segments(vault, stream, hours.names[i], add_piece, &all, e);
        if (r == 0 || r == ERR_NOT_FOUND)
                r = cut_pieces(&all, tail, e);
        free(all.list);
        return r;
}
