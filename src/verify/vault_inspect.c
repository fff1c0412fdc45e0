/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/vault_inspect.h"

#include "verify/line.h"
#include "verify/segment_inspect.h"
#include "verify/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VAULTS_MAX 32

/* Files of one stream: paths relative to their vaults. */
struct files {
        char *stream;
        size_t n, room;
        struct file {
                unsigned vault; /* index into those that are looked at */
                char *key;
                uint64_t bytes;
        } * files;
};

struct walk {
        const struct verify_vault *vaults;
        unsigned vaults_n;
        char *failed[VAULTS_MAX]; /* why a vault could not be read; owned */
        size_t streams_n, streams_room;
        struct files *streams; /* owned */
        const struct verify_options *o;
        struct signers *signers;
        struct verdict *v;
        uint64_t done, total;
};

static void files_done(struct files *f)
{
        for (size_t i = 0; i < f->n; i++)
                free(f->files[i].key);
        free(f->files);
        free(f->stream);
        *f = (struct files){ 0 };
}

static void files_add(struct files *f, unsigned vault, char *key, uint64_t bytes)
{
        if (f->n == f->room) {
                f->room = f->room ? 2 * f->room : 64;
                f->files = xrealloc(f->files, f->room, sizeof *f->files);
        }
        f->files[f->n++] = (struct file){ vault, key, bytes };
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

/* Days below a stream, hours below a day, files below an hour: `depth` more levels. */
static int collect(struct walk *w, unsigned vault, const char *key, unsigned depth,
        struct files *to, struct err *e)
{
        CLEANUP(own_freep) char *dir = xasprintf("%s/%s", w->vaults[vault].path, key);
        CLEANUP(source_names_done) struct source_names names = { 0 };
        int r = source_list(dir, &names, e);

        for (size_t i = 0; r >= 0 && i < names.n; i++) {
                const struct source_name *n = &names.names[i];
                CLEANUP(own_freep) char *child = xasprintf("%s/%s", key, n->name);
                if (n->is_dir && depth > 0)
                        r = collect(w, vault, child, depth - 1, to, e);
                else if (!n->is_dir && ends_with(n->name, ".mp4"))
                        files_add(to, vault, TAKE(child), n->bytes);
        }
        return r < 0 ? r : 0;
}

static void progress(struct walk *w, uint64_t bytes)
{
        w->done += bytes;
        if (w->done > w->total)
                w->total = w->done;
        if (w->o->on_progress)
                w->o->on_progress(w->o->owner, w->done, w->total);
}

/* Returns 1 and fills p, or 0 where the file has gone meanwhile (retention), or the medium's fault
 * as an item. */
static int inspect_file(struct walk *w, const struct file *f, struct piece *p)
{
        const struct verify_vault *vault = &w->vaults[f->vault];
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", vault->path, f->key);
        CLEANUP(own_freep)
        char *shown = w->vaults_n > 1 ? xasprintf("%s:%s", vault->name, f->key) : xstrdup(f->key);
        struct source source;
        struct err why;
        int r = source_open(path, &source, &why);

        if (r == ERR_NOT_FOUND)
                return 0;
        piece_init(p, shown);
        p->named_us = piece_time_of_key(f->key);
        if (r == 0) {
                r = source_load(&source, 0, source.bytes.n, &why);
                if (r == 0)
                        segment_inspect(source.bytes, w->signers, p);
                source_close(&source);
        }
        if (r < 0) {
                struct piece_fault *fault = piece_add_fault(p, VERDICT_CANNOT_TELL, 0, f->bytes,
                        "the file cannot be read: %.180s", why.text);
                fault->unread = CHAIN_MANY;
        }
        return 1;
}

static bool any_intact(const struct piece *p)
{
        for (size_t i = 0; i < p->seals_n; i++)
                if (p->seals[i].intact)
                        return true;
        return false;
}

/* A segment of another stream lies here: told, and kept out of this stream's chain. */
static void tell_foreign(struct walk *w, const char *stream, const struct piece *p)
{
        struct verdict_item item = {
                .kind = VERDICT_FOREIGN, .from_us = p->named_us, .to_us = p->named_us
        };

        if (p->seals_n) {
                item.from_us = p->seals[0].first_us;
                item.to_us = p->seals[p->seals_n - 1].last_us;
        }
        snprintf(item.stream, sizeof item.stream, "%s", stream);
        snprintf(item.where, sizeof item.where, "%s", p->file);
        snprintf(item.text, sizeof item.text,
                "a segment of another stream, sealed to stand in the vault as %s", p->object_key);
        verdict_add(w->v, &item);
        w->v->segments++;
}

/* What the chain misses may lie on a volume that is not there. */
static void hint_at_away(struct walk *w, size_t from)
{
        for (size_t i = from; i < w->v->items_n; i++) {
                struct verdict_item *item = &w->v->items[i];
                if (item->kind != VERDICT_REMOVED && item->kind != VERDICT_TRUNCATED)
                        continue;
                for (unsigned k = 0; k < w->vaults_n; k++) {
                        size_t n = strlen(item->text);
                        if (w->vaults[k].away || w->failed[k])
                                snprintf(item->text + n, sizeof item->text - n,
                                        "; volume %.60s is not there", w->vaults[k].name);
                }
        }
}

static void inspect_stream(struct walk *w, const struct files *files)
{
        struct piece *pieces = xcalloc(files->n + 1, sizeof *pieces);
        const char *stream = files->stream;
        size_t n = 0, items_before = w->v->items_n;

        w->v->streams++;
        for (size_t i = 0; i < files->n; i++) {
                struct piece *p = &pieces[n];
                int found = inspect_file(w, &files->files[i], p);
                progress(w, files->files[i].bytes);
                w->v->bytes += found ? p->bytes : 0;
                if (!found)
                        continue;
                if (p->stream[0] && strcmp(p->stream, stream) != 0) {
                        tell_foreign(w, stream, p);
                        piece_done(p);
                        continue;
                }
                if (any_intact(p) && strcmp(p->object_key, files->files[i].key) != 0)
                        p->misplaced = VERDICT_REORDERED;
                n++;
        }
        line_judge(LINE_VAULT, stream, pieces, n, w->signers, w->v);
        hint_at_away(w, items_before);
        for (size_t i = 0; i < n; i++)
                piece_done(&pieces[i]);
        free(pieces);
}

/* --- the streams to look at: all directories that have such a name --- */

static struct files *stream_of(struct walk *w, const char *name)
{
        for (size_t i = 0; i < w->streams_n; i++)
                if (strcmp(w->streams[i].stream, name) == 0)
                        return &w->streams[i];
        if (w->streams_n == w->streams_room) {
                w->streams_room = w->streams_room ? 2 * w->streams_room : 16;
                w->streams = xrealloc(w->streams, w->streams_room, sizeof *w->streams);
        }
        w->streams[w->streams_n] = (struct files){ .stream = xstrdup(name) };
        return &w->streams[w->streams_n++];
}

static int collect_vault(struct walk *w, unsigned vault, const char *only, struct err *e)
{
        CLEANUP(source_names_done) struct source_names names = { 0 };
        int r = source_list(w->vaults[vault].path, &names, e);

        for (size_t i = 0; r == 0 && i < names.n; i++) {
                const struct source_name *name = &names.names[i];
                if (name->is_dir && head_is_stream_path(name->name) &&
                        (!only || strcmp(only, name->name) == 0))
                        r = collect(w, vault, name->name, 2, stream_of(w, name->name), e);
        }
        return r;
}

static int by_stream(const void *a, const void *b)
{
        const struct files *x = a, *y = b;

        return strcmp(x->stream, y->stream);
}

/* Of several vaults, one that fails is one that is not there. */
static int collect_all(struct walk *w, const char *only, struct err *e)
{
        for (unsigned i = 0; i < w->vaults_n; i++) {
                struct err why;
                int r = w->vaults[i].away ? 0 : collect_vault(w, i, only, &why);
                if (r < 0 && w->vaults_n == 1)
                        return err_set(e, why.code, "%s", why.text);
                if (r < 0)
                        w->failed[i] = xstrdup(why.text);
        }
        for (size_t i = 0; i < w->streams_n; i++)
                for (size_t k = 0; k < w->streams[i].n; k++)
                        w->total += w->streams[i].files[k].bytes;
        if (w->streams_n)
                qsort(w->streams, w->streams_n, sizeof *w->streams, by_stream);
        return 0;
}

static void tell_away(struct walk *w)
{
        for (unsigned i = 0; i < w->vaults_n; i++) {
                const char *why = w->failed[i] ? w->failed[i] : w->vaults[i].away;
                struct verdict_item item = { .kind = VERDICT_CANNOT_TELL,
                        .from_us = SEAL_UNKNOWN_US,
                        .to_us = SEAL_UNKNOWN_US };
                if (!why)
                        continue;
                snprintf(item.where, sizeof item.where, "%s", w->vaults[i].name);
                snprintf(item.text, sizeof item.text,
                        "volume %.60s cannot be read, and nothing is said of what is on it: %s",
                        w->vaults[i].name, why);
                verdict_add(w->v, &item);
        }
}

static int inspect_streams(struct walk *w, const char *only, struct err *e)
{
        size_t n = 0;
        int r = collect_all(w, only, e);

        for (size_t i = 0; r == 0 && i < w->streams_n; i++) {
                if (w->streams[i].n == 0)
                        continue;
                inspect_stream(w, &w->streams[i]);
                n++;
        }
        if (r == 0)
                tell_away(w);
        if (r == 0 && n == 0 && w->v->kinds[VERDICT_CANNOT_TELL] == 0)
                r = err_set(e, ERR_INVALID,
                        "%s holds no segments: give a vault, a stream's directory in one, or a "
                        "file",
                        w->vaults_n ? w->vaults[0].path : "nothing");
        for (size_t i = 0; i < w->streams_n; i++)
                files_done(&w->streams[i]);
        free(w->streams);
        for (unsigned i = 0; i < w->vaults_n; i++)
                free(w->failed[i]);
        return r;
}

int vault_inspect_all(const struct verify_vault *vaults, unsigned n, const char *stream,
        const struct verify_options *o, struct signers *signers, struct verdict *v, struct err *e)
{
        struct walk w = { .vaults = vaults, .vaults_n = n, .o = o, .signers = signers, .v = v };

        if (n > VAULTS_MAX)
                return err_set(e, ERR_INVALID, "more than %d vaults", VAULTS_MAX);
        return inspect_streams(&w, stream, e);
}

int vault_inspect(const char *path, const struct verify_options *o, struct signers *signers,
        struct verdict *v, struct err *e)
{
        CLEANUP(own_freep) char *vault = xstrdup(path);
        CLEANUP(own_freep) char *only = NULL;
        size_t n = strlen(vault);

        while (n > 1 && vault[n - 1] == '/')
                vault[--n] = '\0';
        char *slash = strrchr(vault, '/');
        const char *name = slash ? slash + 1 : vault;
        if (head_is_stream_path(name)) {
                CLEANUP(source_names_done) struct source_names names = { 0 };
                int r = source_list(vault, &names, e);
                if (r < 0)
                        return r;
                /* A vault may be called so too: a stream's directory holds days. */
                unsigned year, month, day;
                if (names.n && sscanf(names.names[0].name, "%4u-%2u-%2u", &year, &month, &day) == 3)
                        only = xstrdup(name);
        }
        if (only && slash)
                *slash = '\0';
        const char *root = !only ? vault : slash == vault ? "/" : slash ? vault : ".";
        return vault_inspect_all(
                &(struct verify_vault){ .path = root, .name = root }, 1, only, o, signers, v, e);
}
