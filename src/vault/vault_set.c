/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_set.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/str.h"
#include "os/file.h"
#include "vault/index_scrub.h"
#include "vault/vault_walk.h"

/* Why the volume is not read, or NULL. */
static char *reason(const struct volume_list *volumes, const struct volume_entry *entry)
{
        static const uint8_t unclaimed[sizeof entry->id];
        struct volume_identity found;
        struct err why;

        if (!file_exists(entry->path))
                return xasprintf("there is no directory %s", entry->path);
        if (memcmp(entry->id, unclaimed, sizeof unclaimed) == 0) /* the recorder never ran */
                return NULL;
        if (volume_read(entry->path, &found, &why) < 0)
                return xstrdup(why.text);
        enum fault fault = volume_judge(volumes, entry, &found);
        return fault == FAULT_NONE ? NULL : xasprintf("%s: %s", entry->path, fault_text(fault));
}

void vault_set_of_list(const struct volume_list *volumes, struct vault_set *ret)
{
        *ret = (struct vault_set){ .n = volumes->n };
        for (unsigned i = 0; i < volumes->n; i++) {
                const struct volume_entry *entry = &volumes->entries[i];
                ret->members[i] = (struct vault_set_member){ .number = entry->number,
                        .name = xstrdup(entry->name),
                        .path = xstrdup(entry->path),
                        .away = reason(volumes, entry) };
        }
}

int vault_set_add(struct vault_set *s, const char *path, struct err *e)
{
        if (s->n == VOLUME_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "more than %d vaults cannot be read as one", VOLUME_MAX);
        if (!file_exists(path))
                return err_set(e, ERR_NOT_FOUND, "there is no vault at %s", path);
        s->members[s->n] = (struct vault_set_member){
                .number = s->n, .name = xstrdup(path), .path = xstrdup(path)
        };
        s->n++;
        return 0;
}

void vault_set_note_seen(struct vault_set *s, struct index *ix)
{
        for (unsigned i = 0; i < s->n; i++) {
                struct vault_set_member *m = &s->members[i];
                char time[STR_TIME_ROOM];
                int64_t last_us = 0;
                if (!m->away || index_scrub_newest(ix, m->number, &last_us, NULL) < 0)
                        continue;
                char *text = xasprintf("%s; its newest footage was recorded until %s", m->away,
                        str_time(time, last_us));
                free(m->away);
                m->away = text;
        }
}

void vault_set_done(struct vault_set *s)
{
        for (unsigned i = 0; i < s->n; i++) {
                free(s->members[i].name);
                free(s->members[i].path);
                free(s->members[i].away);
        }
        *s = (struct vault_set){ 0 };
}

unsigned vault_set_away_n(const struct vault_set *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->n; i++)
                n += s->members[i].away != NULL;
        return n;
}

/* --- walking --- */

struct stream_names {
        char (*names)[HEAD_PATH_MAX];
        size_t n, room;
};

static int keep_stream(void *owner, const char *stream, struct err *e)
{
        struct stream_names *s = owner;

        (void)e;
        if (s->n == s->room) {
                s->room = s->room ? 2 * s->room : 64;
                s->names = xrealloc(s->names, s->room, sizeof *s->names);
        }
        snprintf(s->names[s->n++], HEAD_PATH_MAX, "%s", stream);
        return 0;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(a, b);
}

int vault_set_streams(const struct vault_set *s,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e)
{
        struct stream_names all = { 0 };
        int r = 0;

        for (unsigned i = 0; r == 0 && i < s->n; i++)
                if (!s->members[i].away)
                        r = vault_walk_streams(s->members[i].path, keep_stream, &all, e);
        if (all.n)
                qsort(all.names, all.n, sizeof *all.names, by_name);
        for (size_t i = 0; r == 0 && i < all.n; i++)
                if (i == 0 || strcmp(all.names[i - 1], all.names[i]) != 0)
                        r = on_stream(owner, all.names[i], e);
        free(all.names);
        return r;
}

struct segment_walk {
        int (*on_segment)(void *owner, unsigned at, const char *object_key, struct err *e);
        void *owner;
        unsigned at;
};

static int on_walked(void *owner, const char *object_key, struct err *e)
{
        const struct segment_walk *w = owner;

        return w->on_segment(w->owner, w->at, object_key, e);
}

int vault_set_segments(const struct vault_set *s, const char *stream, const char *below,
        int (*on_segment)(void *owner, unsigned at, const char *object_key, struct err *e),
        void *owner, struct err *e)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < s->n; i++) {
                struct segment_walk w = { on_segment, owner, i };
                if (!s->members[i].away)
                        r = vault_walk_segments(
                                s->members[i].path, stream, below, on_walked, &w, e);
        }
        return r;
}
