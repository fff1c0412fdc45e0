/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define PATH_ROOM 4400

/* Names of a directory, ascending; owned. */
struct name_list {
        int n;
        struct dirent **entries;
};

static void name_list_done(struct name_list *l)
{
        for (int i = 0; i < l->n; i++)
                free(l->entries[i]);
        free(l->entries);
}

static int not_hidden(const struct dirent *d)
{
        return d->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* A directory that is gone meanwhile has no names. */
static int name_list_read(const char *path, struct name_list *ret, struct err *e)
{
        struct dirent **entries;
        int n = scandir(path, &entries, not_hidden, by_name);

        if (n < 0 && (errno == ENOENT || errno == ENOTDIR)) {
                *ret = (struct name_list){ 0 };
                return 0;
        }
        if (n < 0)
                return err_os(e, ERR_IO, errno, "read directory %s", path);
        *ret = (struct name_list){ n, entries };
        return 0;
}

int vault_walk_streams(const char *vault,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e)
{
        CLEANUP(name_list_done) struct name_list names = { 0 };
        int r = name_list_read(vault, &names, e);

        for (int i = 0; r == 0 && i < names.n; i++) {
                if (head_is_stream_path(names.entries[i]->d_name))
                        r = on_stream(owner, names.entries[i]->d_name, e);
        }
        return r;
}

/* One walk through the levels stream/date/hour/file. */
struct walk {
        const char *vault, *stream;
        int (*on_segment)(void *owner, const char *object_key, struct err *e);
        void *owner;
};

static int walk_below(const struct walk *w, const char *below, struct err *e)
{
        CLEANUP(name_list_done) struct name_list names = { 0 };
        char path[PATH_ROOM], key[HEAD_KEY_MAX];

        snprintf(path, sizeof path, "%s/%s/%s", w->vault, w->stream, below);
        int r = name_list_read(path, &names, e);
        for (int i = 0; r == 0 && i < names.n; i++) {
                const char *name = names.entries[i]->d_name;
                size_t depth = strlen(below);

                if (strlen(name) > 40)
                        continue;
                if (depth == 0 && strlen(name) == 10)
                        r = walk_below(w, name, e);
                if (depth == 10 && strlen(name) == 2) {
                        snprintf(key, sizeof key, "%s/%.40s", below, name);
                        r = walk_below(w, key, e);
                }
                if (depth != 13)
                        continue;
                snprintf(key, sizeof key, "%s/%s/%.40s", w->stream, below, name);
                if (head_is_object_key(key, w->stream))
                        r = w->on_segment(w->owner, key, e);
        }
        return r;
}

int vault_walk_segments(const char *vault, const char *stream, const char *below,
        int (*on_segment)(void *owner, const char *object_key, struct err *e), void *owner,
        struct err *e)
{
        struct walk w = { vault, stream, on_segment, owner };

        if (!head_is_stream_path(stream))
                return err_set(e, ERR_INVALID, "\"%s\" is not a stream path", stream);
        return walk_below(&w, below ? below : "", e);
}

/* The greatest name of a directory that is below `limit` (NULL: any) and n characters long. */
static int name_before(const char *path, const char *limit, size_t n, char *to, struct err *e)
{
        CLEANUP(name_list_done) struct name_list names = { 0 };
        int r = name_list_read(path, &names, e);

        if (r < 0)
                return r;
        for (int i = names.n - 1; i >= 0; i--) {
                const char *name = names.entries[i]->d_name;
                if (strlen(name) == n && (!limit || strcmp(name, limit) < 0)) {
                        memcpy(to, name, n + 1);
                        return 0;
                }
        }
        return ERR_NOT_FOUND;
}

int vault_walk_hour_before(const char *vault, const char *stream, const char *hour,
        char ret[static VAULT_WALK_HOUR_ROOM], struct err *e)
{
        char path[PATH_ROOM], date[11], found[3];

        if (strlen(hour) != VAULT_WALK_HOUR_ROOM - 1)
                return err_set(e, ERR_INVALID, "\"%s\" is not an hour", hour);
        snprintf(date, sizeof date, "%.10s", hour);
        snprintf(path, sizeof path, "%s/%s/%s", vault, stream, date);
        int r = name_before(path, hour + 11, 2, found, e);
        while (r == ERR_NOT_FOUND) {
                snprintf(path, sizeof path, "%s/%s", vault, stream);
                r = name_before(path, date, 10, date, e);
                if (r < 0)
                        return r == ERR_NOT_FOUND
                                       ? err_set(e, r, "no hour of %s before %s", stream, hour)
                                       : r;
                snprintf(path, sizeof path, "%s/%s/%s", vault, stream, date);
                r = name_before(path, NULL, 2, found, e);
        }
        if (r == 0)
                snprintf(ret, VAULT_WALK_HOUR_ROOM, "%.10s/%.2s", date, found);
        return r;
}

#define KEY_DEPTH 3 /* levels below keys/ */

static int walk_keys(const char *vault, const char *name, unsigned depth,
        int (*on_key)(void *owner, const char *name, struct err *e), void *owner, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", vault, name);
        CLEANUP(name_list_done) struct name_list names = { 0 };
        int r = name_list_read(path, &names, e);

        for (int i = 0; r == 0 && i < names.n; i++) {
                CLEANUP(own_freep) char *below = xasprintf("%s/%s", name, names.entries[i]->d_name);
                r = depth == KEY_DEPTH ? on_key(owner, below, e)
                                       : walk_keys(vault, below, depth + 1, on_key, owner, e);
        }
        return r;
}

int vault_walk_keys(const char *vault, int (*on_key)(void *owner, const char *name, struct err *e),
        void *owner, struct err *e)
{
        return walk_keys(vault, "keys", 1, on_key, owner, e);
}

int vault_walk_locks(const char *vault,
        int (*on_lock)(void *owner, const char *name, struct err *e), void *owner, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/locks", vault);
        CLEANUP(name_list_done) struct name_list names = { 0 };
        int r = name_list_read(path, &names, e);

        for (int i = 0; r == 0 && i < names.n; i++) {
                CLEANUP(own_freep) char *name = xasprintf("locks/%s", names.entries[i]->d_name);
                r = on_lock(owner, name, e);
        }
        return r;
}

int64_t vault_walk_time_of(const char *object_key)
{
        const char *slash = strchr(object_key, '/');
        char text[STR_TIME_ROOM];
        int64_t us;

        /* <stream>/2026-11-22/17/40-01.221Z.0.mp4 */
        if (!slash || strlen(slash) < 25)
                return INT64_MIN;
        snprintf(text, sizeof text, "%.10sT%.2s:%.2s:%.6sZ", slash + 1, slash + 12, slash + 15,
                slash + 18);
        return str_parse_time(text, &us, NULL) < 0 ? INT64_MIN : us;
}
