/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a killed recorder, or one without power, left in the index. */
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "seal/seal.h"
#include "vault/rebuild.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define NAMES_MAX (64u << 20)

/* Names of segments. */
struct mend_names {
        char (*keys)[HEAD_KEY_MAX];
        size_t n, room;
};

static void mend_names_done(struct mend_names *names)
{
        free(names->keys);
}

static int mend_names_add(struct mend_names *names, const char *object_key, struct err *e)
{
        if (names->n == names->room) {
                if (names->room >= NAMES_MAX)
                        return err_set(e, ERR_EXHAUSTED,
                                "more than %u segments that the index does not know", NAMES_MAX);
                names->room = names->room ? 2 * names->room : 64;
                names->keys = xrealloc(names->keys, names->room, sizeof *names->keys);
        }
        snprintf(names->keys[names->n++], HEAD_KEY_MAX, "%s", object_key);
        return 0;
}

struct mend {
        const char *vault;
        uint32_t volume;
        struct index *index;
        struct mend_names names;
        char newest[HEAD_KEY_MAX]; /* of the stream looked at; empty: none is known */
};

static int put(const struct mend *m, const char *object_key, struct err *e)
{
        struct index_segment row;

        int r = rebuild_read_segment(m->vault, object_key, &row, NULL, NULL, e);
        if (r < 0)
                return r;
        row.volume = m->volume;
        return index_put(m->index, &row, e);
}

/* --- rows that have not ended --- */

static int on_unclosed(void *owner, const struct index_segment *s, struct err *e)
{
        struct mend *m = owner;

        return s->volume == m->volume ? mend_names_add(&m->names, s->object_key, e) : 0;
}

/* A file that cannot be read keeps what its row says: it will not be more. */
static int mend_one(const struct mend *m, const char *object_key, struct err *e)
{
        char path[PATH_ROOM];

        if (put(m, object_key, NULL) == 0)
                return 0;
        snprintf(path, sizeof path, "%s/%s", m->vault, object_key);
        return file_exists(path) ? index_ended(m->index, object_key, e)
                                 : index_remove(m->index, object_key, e);
}

/* --- files without a row --- */

static int on_newer(void *owner, const char *object_key, struct err *e)
{
        struct mend *m = owner;

        return strcmp(object_key, m->newest) > 0 ? mend_names_add(&m->names, object_key, e) : 0;
}

/* The hours of a stream from its newest backwards, until one that the index reaches. Names tell
 * the order here, as a row that is there already is only written again. */
static int find_newer(struct mend *m, const char *stream, struct err *e)
{
        char hour[VAULT_WALK_HOUR_ROOM] = "9999-99-99/99";
        struct index_segment row;
        int r = index_newest(m->index, stream, &row, e);

        if (r < 0 && r != ERR_NOT_FOUND)
                return r;
        snprintf(m->newest, sizeof m->newest, "%s", r == 0 ? row.object_key : "");
        size_t at = strlen(stream) + 1;
        do {
                r = vault_walk_hour_before(m->vault, stream, hour, hour, e);
                if (r == ERR_NOT_FOUND)
                        return 0;
                if (r < 0 || (*m->newest && strncmp(hour, m->newest + at, sizeof hour - 1) < 0))
                        return r;
                r = vault_walk_segments(m->vault, stream, hour, on_newer, m, e);
        } while (r == 0);
        return r;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(a, b);
}

static int on_stream(void *owner, const char *stream, struct err *e)
{
        struct mend *m = owner;

        m->names.n = 0;
        int r = find_newer(m, stream, e);
        if (m->names.n)
                qsort(m->names.keys, m->names.n, sizeof *m->names.keys, by_name);
        for (size_t i = 0; r == 0 && i < m->names.n; i++) {
                r = put(m, m->names.keys[i], e);
                if (r == ERR_CORRUPT || r == ERR_NOT_FOUND) /* for custos vault check to tell */
                        r = 0;
        }
        return r;
}

static int mend_all(struct mend *m, struct err *e)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < m->names.n; i++)
                r = mend_one(m, m->names.keys[i], e);
        return r < 0 ? r : vault_walk_streams(m->vault, on_stream, m, e);
}

int rebuild_mend(const char *vault, uint32_t volume, struct index *ix, struct err *e)
{
        struct mend m = { .vault = vault, .volume = volume, .index = ix };

        int r = index_unclosed(ix, on_unclosed, &m, e);
        if (r == 0)
                r = index_begin(ix, e);
        if (r == 0) {
                r = mend_all(&m, e);
                if (r == 0)
                        r = index_commit(ix, e);
                else
                        index_rollback(ix);
        }
        mend_names_done(&m.names);
        return r;
}
