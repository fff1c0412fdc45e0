/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/vault_inspect.h"

#include "verify/line.h"
#include "verify/segment_inspect.h"
#include "verify/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Files of one stream: paths relative to the vault. */
struct files {
        size_t n, room;
        struct file {
                char *key;
                uint64_t bytes;
        } * files;
};

struct walk {
        const char *vault;
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
        *f = (struct files){ 0 };
}

static void files_add(struct files *f, char *key, uint64_t bytes)
{
        if (f->n == f->room) {
                f->room = f->room ? 2 * f->room : 64;
                f->files = xrealloc(f->files, f->room, sizeof *f->files);
        }
        f->files[f->n++] = (struct file){ key, bytes };
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

/* Days below a stream, hours below a day, files below an hour: `depth` more levels. */
static int collect(struct walk *w, const char *key, unsigned depth, struct files *to, struct err *e)
{
        CLEANUP(own_freep) char *dir = xasprintf("%s/%s", w->vault, key);
        CLEANUP(source_names_done) struct source_names names = { 0 };
        int r = source_list(dir, &names, e);

        for (size_t i = 0; r >= 0 && i < names.n; i++) {
                const struct source_name *n = &names.names[i];
                CLEANUP(own_freep) char *child = xasprintf("%s/%s", key, n->name);
                if (n->is_dir && depth > 0)
                        r = collect(w, child, depth - 1, to, e);
                else if (!n->is_dir && ends_with(n->name, ".mp4"))
                        files_add(to, TAKE(child), n->bytes);
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
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", w->vault, f->key);
        struct source source;
        struct err why;
        int r = source_open(path, &source, &why);

        if (r == ERR_NOT_FOUND)
                return 0;
        piece_init(p, f->key);
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

static int inspect_stream(
        struct walk *w, const char *stream, const struct files *files, struct err *e)
{
        struct piece *pieces = xcalloc(files->n + 1, sizeof *pieces);
        size_t n = 0;

        (void)e;
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
        for (size_t i = 0; i < n; i++)
                piece_done(&pieces[i]);
        free(pieces);
        return 0;
}

/* The streams to look at: all directories of a vault that have such a name. */
static int inspect_streams(struct walk *w, const char *only, struct err *e)
{
        CLEANUP(source_names_done) struct source_names names = { 0 };
        struct files *of = NULL;
        size_t n = 0;
        int r = source_list(w->vault, &names, e);

        if (r < 0)
                return r;
        of = xcalloc(names.n + 1, sizeof *of);
        for (size_t i = 0; r == 0 && i < names.n; i++) {
                const struct source_name *name = &names.names[i];
                if (!name->is_dir || !head_is_stream_path(name->name) ||
                        (only && strcmp(only, name->name) != 0))
                        continue;
                r = collect(w, name->name, 2, &of[i], e);
                for (size_t k = 0; k < of[i].n; k++)
                        w->total += of[i].files[k].bytes;
        }
        for (size_t i = 0; r == 0 && i < names.n; i++) {
                if (of[i].n == 0)
                        continue;
                r = inspect_stream(w, names.names[i].name, &of[i], e);
                n++;
        }
        for (size_t i = 0; i < names.n; i++)
                files_done(&of[i]);
        free(of);
        if (r == 0 && n == 0)
                return err_set(e, ERR_INVALID,
                        "%s holds no segments: give a vault, a stream's directory in one, or a "
                        "file",
                        w->vault);
        return r;
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
        struct walk w = { .vault = root, .o = o, .signers = signers, .v = v };
        return inspect_streams(&w, only, e);
}
