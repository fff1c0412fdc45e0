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
#include "os/file.h"
#include "vault/key_store.h"
#include "verify/verify.h"

#define FRAGMENT_BYTES_MAX ((size_t)256 << 20)

struct writing {
        const struct cli_export_order *o;
        struct export_plan *plan;
        int fd;
        uint64_t file_bytes;
        uint64_t done; /* of the plan's bytes, over all files */
        struct buf clear;
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

/* --- keys --- */

static int find_key(struct writing *w, struct export_plan_segment *s, struct err *e)
{
        CLEANUP(segment_done) struct segment head = { 0 };
        uint8_t key[16];

        int r = segment_read(s->header, &head, e);
        if (r == 0)
                r = key_store_segment_key(w->o->set, s->at, &head.head, s->fragments[0].first_us,
                        w->o->private_key, key, e);
        if (r < 0)
                return err_wrap(e, r, "key of %s", s->name);
        export_plan_set_key(s, key);
        explicit_bzero(key, sizeof key);
        return 0;
}

static int find_keys(struct writing *w, struct err *e)
{
        int r = 0;

        for (size_t i = 0; i < export_plan_segments(w->plan) && r == 0; i++)
                r = find_key(w, export_plan_segment(w->plan, i), e);
        return r;
}

/* --- the bytes of one file --- */

static int write_fragments(struct writing *w, const struct evidence *ev,
        const struct export_plan_source *source, struct err *e)
{
        const struct export_plan_segment *s = source->planned;
        int r = 0;

        for (unsigned k = 0; r == 0 && k < s->fragments_n; k++) {
                buf_clear(&w->clear);
                r = export_plan_clear(source, k, ev, &w->clear, e);
                if (r == 0)
                        r = write_all(w, buf_bytes(&w->clear), e);
                w->done += s->fragments[k].bytes;
                if (w->o->on_progress)
                        w->o->on_progress(w->o->owner, w->done, export_plan_bytes(w->plan));
        }
        return r;
}

static int write_segment(struct writing *w, const struct evidence *ev,
        const struct export_plan_segment *s, struct err *e)
{
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", w->o->set->members[s->at].path, s->name);
        struct export_plan_source source;
        struct file_map map = { 0 };

        int r = file_map_open(path, &map, e);
        if (r == 0)
                r = export_plan_open(&source, s, map.bytes, e);
        if (r == 0) {
                r = write_fragments(w, ev, &source, e);
                export_plan_close(&source);
        }
        file_map_done(&map);
        return r;
}

static int write_file(
        struct writing *w, const struct evidence *ev, size_t begin, size_t end, struct err *e)
{
        CLEANUP(buf_done) struct buf out;

        buf_init(&out, EVIDENCE_BYTES_MAX);
        int r = evidence_write_front(ev, &out, e);
        if (r == 0)
                r = write_all(w, buf_bytes(&out), e);
        for (size_t i = begin; i < end && r == 0; i++)
                r = write_segment(w, ev, export_plan_segment(w->plan, i), e);
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
static int check_file(const struct writing *w, const char *path,
        const struct export_plan_segment *first, struct verdict *v, struct err *e)
{
        CLEANUP(segment_done) struct segment head = { 0 };
        uint8_t fingerprint[32];
        char where[260];

        verdict_init(v);
        int r = segment_read(first->header, &head, e);
        if (r == 0)
                r = x509_key_id(head.head.root_cert, fingerprint, e);
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
        int r = export_plan_join(w->plan, at, &ev, e);
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
                r = check_file(
                        w, temporary, export_plan_segment(w->plan, begin), &file->verdict, e);
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
        int r = find_keys(w, e);

        for (size_t at = 0; r == 0 && at < export_plan_segments(w->plan);) {
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

int cli_export_write(const struct cli_export_order *o, struct export_plan *plan,
        struct cli_export_files *ret, struct err *e)
{
        struct writing w = { .o = o, .plan = plan, .fd = -1 };
        struct cli_export_files *files = xcalloc(1, sizeof *files);

        buf_init(&w.clear, FRAGMENT_BYTES_MAX);
        int r = write_files(&w, files, e);
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
