/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_export_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "seal/evidence.h"
#include "vault/key_store.h"
#include "verify/verify.h"

#define FRAGMENT_BYTES_MAX ((size_t)256 << 20)

struct writing {
        const struct cli_export_order *o;
        const struct cli_export_found *found;
        int fd;
        uint64_t file_bytes;
        uint64_t done; /* of found->bytes, over all files */
        struct buf clear;
        uint8_t (*keys)[16]; /* of each found segment */
};

/* FILE for the first, then FILE.2.mp4 (where FILE ends in .mp4: without that ending). */
static char *file_name(const char *output, unsigned number)
{
        size_t n = strlen(output);

        if (number == 1)
                return xstrdup(output);
        if (n > 4 && strcmp(output + n - 4, ".mp4") == 0)
                n -= 4;
        return xasprintf("%.*s.%u.mp4", (int)n, output, number);
}

static int write_all(struct writing *w, struct bytes data, struct err *e)
{
        while (data.n) {
                ssize_t n = write(w->fd, data.p, data.n);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_os(e, errno == ENOSPC ? ERR_EXHAUSTED : ERR_IO, errno,
                                "writing the export");
                w->file_bytes += (uint64_t)n;
                data = bytes_sub(data, (size_t)n, data.n);
        }
        return 0;
}

/* --- the plan of one file --- */

static int plan_keys(struct writing *w, struct err *e)
{
        w->keys = xcalloc(w->found->n + 1, sizeof *w->keys);
        for (size_t i = 0; i < w->found->n; i++) {
                const struct cli_export_segment *s = &w->found->segments[i];
                const struct seal *first = &s->segment.fragments[s->fragments[0]].seal;
                int r = key_store_segment_key(w->o->set, s->at, &s->segment.head,
                        first->first_arrival_us, w->o->private_key, w->keys[i], e);
                if (r < 0)
                        return err_wrap(e, r, "key of %s", s->object_key);
        }
        return 0;
}

static bool has_tracks(const struct evidence *ev)
{
        const struct fmp4_header *h = &ev->segments[0].header;
        bool any = false;

        for (unsigned i = 0; i < h->tracks_n; i++)
                any = any || evidence_has_track(ev, h->tracks[i].id);
        return any;
}

/* Adds segments from *at on until one cannot be joined; *at moves behind them. */
static int plan_file(const struct writing *w, size_t *at, struct evidence *ev, struct err *e)
{
        size_t begin = *at;

        ev->from_us = w->o->from_us;
        ev->to_us = w->o->to_us;
        ev->without_audio = w->o->without_audio;
        for (; *at < w->found->n; ++*at) {
                const struct cli_export_segment *s = &w->found->segments[*at];
                int r = evidence_add_segment(ev, s->segment.header_bytes, w->keys[*at], e);
                if (r == ERR_STATE && *at > begin)
                        return 0;
                for (unsigned k = 0; r == 0 && k < s->fragments_n; k++) {
                        const struct segment_fragment *f = &s->segment.fragments[s->fragments[k]];
                        r = evidence_add_fragment(ev, f->moof, f->seal_payload, e);
                }
                if (r == 0 && *at == begin && !has_tracks(ev))
                        r = err_set(e, ERR_INVALID,
                                "there is nothing but sound; leave --without-audio out");
                if (r < 0)
                        return err_wrap(e, r, "%s", s->object_key);
        }
        return 0;
}

/* --- the bytes of one file --- */

static int write_fragment(struct writing *w, const struct evidence *ev,
        const struct cli_export_segment *s, const uint8_t key[static 16], unsigned fragment,
        struct err *e)
{
        const struct segment_fragment *f = &s->segment.fragments[fragment];
        int r = 0;

        buf_clear(&w->clear);
        for (unsigned t = 0; r == 0 && t < f->seal.tracks_n; t++)
                if (evidence_has_track(ev, f->seal.tracks[t].id))
                        r = segment_decrypt(
                                &s->segment, fragment, f->seal.tracks[t].id, key, &w->clear, e);
        if (r == 0)
                r = write_all(w, buf_bytes(&w->clear), e);
        if (r < 0)
                return err_wrap(e, r, "%s", s->object_key);
        w->done += f->mdat.n;
        if (w->o->on_progress)
                w->o->on_progress(w->o->owner, w->done, w->found->bytes);
        return 0;
}

static int write_file(
        struct writing *w, const struct evidence *ev, size_t begin, size_t end, struct err *e)
{
        CLEANUP(buf_done) struct buf out;

        buf_init(&out, EVIDENCE_BYTES_MAX);
        int r = evidence_write_front(ev, &out, e);
        if (r == 0)
                r = write_all(w, buf_bytes(&out), e);
        for (size_t i = begin; i < end; i++) {
                const struct cli_export_segment *s = &w->found->segments[i];
                for (unsigned k = 0; r == 0 && k < s->fragments_n; k++)
                        r = write_fragment(w, ev, s, w->keys[i], s->fragments[k], e);
        }
        buf_clear(&out);
        if (r == 0)
                r = evidence_write_back(ev, &out, e);
        if (r == 0)
                r = write_all(w, buf_bytes(&out), e);
        if (r == 0 && fsync(w->fd) < 0)
                r = err_os(e, ERR_IO, errno, "writing the export to the disk");
        return r;
}

/* --- under its name --- */

/* The finished file is read again as anybody would: a fault of the disk, or of this program, ends
 * here. The root is the one that its first segment names: whether that is the right site is for the
 * receiver to ask. */
static int check_file(const struct writing *w, const char *path, struct bytes root,
        struct verdict *v, struct err *e)
{
        uint8_t fingerprint[32];
        char where[260];

        verdict_init(v);
        int r = x509_key_id(root, fingerprint, e);
        if (r == 0)
                r = verify_path(path, &(struct verify_options){ .trust = fingerprint }, v, e);
        if (r < 0)
                return r;
        if (verdict_overall(v) != 1)
                return 0;
        for (size_t i = 0; i < v->items_n && !w->o->skip_damaged; i++) {
                const struct verdict_item *item = &v->items[i];
                if (item->kind < VERDICT_EDITED || item->kind > VERDICT_KEY_NOT_TRUSTED)
                        continue;
                return err_set(e, ERR_CORRUPT, "the footage is not whole: %s: %s (%s)",
                        verdict_name(item->kind), item->text,
                        verdict_where(item, where, sizeof where));
        }
        return 0;
}

/* Never over a file that is there. Some file systems cannot do that in one step. */
static int put_in_place(const char *temporary, const char *path, struct err *e)
{
        if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno == EINVAL && !file_exists(path) && rename(temporary, path) == 0)
                return 0;
        if (errno == EEXIST || file_exists(path))
                return err_set(e, ERR_STATE, "%s exists already and is not overwritten", path);
        return err_os(e, ERR_IO, errno, "%s", path);
}

static int sync_dir_of(const char *path, struct err *e)
{
        CLEANUP(own_freep) char *dir = xstrdup(path);
        char *slash = strrchr(dir, '/');

        if (slash == dir)
                slash++;
        if (slash)
                *slash = '\0';
        return file_sync_dir(slash ? dir : ".", e);
}

static int make_file(struct writing *w, size_t *at, struct cli_export_file *file, struct err *e)
{
        CLEANUP(evidence_done) struct evidence ev;
        CLEANUP(own_freep) char *temporary = xasprintf("%s.part-XXXXXX", file->path);
        size_t begin = *at;

        evidence_init(&ev);
        int r = plan_file(w, at, &ev, e);
        if (r < 0)
                return r;
        w->fd = mkostemp(temporary, O_CLOEXEC);
        if (w->fd < 0)
                return err_os(e, ERR_IO, errno, "%s", file->path);
        w->file_bytes = 0;
        r = write_file(w, &ev, begin, *at, e);
        if (close(w->fd) < 0 && r == 0)
                r = err_os(e, ERR_IO, errno, "%s", file->path);
        if (r == 0)
                r = check_file(w, temporary, w->found->segments[begin].segment.head.root_cert,
                        &file->verdict, e);
        if (r == 0)
                r = put_in_place(temporary, file->path, e);
        if (r < 0)
                unlink(temporary);
        else
                r = sync_dir_of(file->path, e);
        for (size_t i = 0; i < file->verdict.items_n; i++)
                str_escape(file->verdict.items[i].where, sizeof file->verdict.items[i].where,
                        bytes_str(file->path));
        file->bytes = w->file_bytes;
        return r;
}

static int write_files(struct writing *w, struct cli_export_files *files, struct err *e)
{
        int r = plan_keys(w, e);

        for (size_t at = 0; r == 0 && at < w->found->n;) {
                if (files->n == CLI_EXPORT_FILES_MAX)
                        return err_set(e, ERR_EXHAUSTED,
                                "more than %d files: export a shorter range", CLI_EXPORT_FILES_MAX);
                struct cli_export_file *file = &files->files[files->n++];
                file->path = file_name(w->o->output, files->n);
                if (file_exists(file->path))
                        return err_set(e, ERR_STATE, "%s exists already and is not overwritten",
                                file->path);
                r = make_file(w, &at, file, e);
        }
        return r;
}

int cli_export_write(const struct cli_export_order *o, const struct cli_export_found *found,
        struct cli_export_files *ret, struct err *e)
{
        struct writing w = { .o = o, .found = found, .fd = -1 };
        struct cli_export_files *files = xcalloc(1, sizeof *files);

        buf_init(&w.clear, FRAGMENT_BYTES_MAX);
        int r = write_files(&w, files, e);
        if (w.keys)
                explicit_bzero(w.keys, found->n * sizeof *w.keys);
        free(w.keys);
        buf_done(&w.clear);
        if (r < 0)
                cli_export_files_done(files);
        else
                *ret = *files;
        free(files);
        return r < 0 ? r : 0;
}

void cli_export_files_done(struct cli_export_files *f)
{
        for (unsigned i = 0; i < f->n; i++) {
                free(f->files[i].path);
                verdict_done(&f->files[i].verdict);
        }
        f->n = 0;
}
