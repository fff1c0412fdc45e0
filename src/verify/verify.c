/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/verify.h"

#include "media/box.h"
#include "verify/export_inspect.h"
#include "verify/line.h"
#include "verify/segment_inspect.h"
#include "verify/source.h"
#include "verify/vault_inspect.h"

#include <stdio.h>

struct file_progress {
        const struct verify_options *o;
        const struct source *source; /* NULL: bytes in memory */
        uint64_t done;
};

static int on_read(void *owner, uint64_t offset, uint64_t n, struct err *e)
{
        struct file_progress *fp = owner;
        int r = fp->source ? source_load(fp->source, offset, n, e) : 0;

        fp->done += n;
        if (fp->o->on_progress && fp->source)
                fp->o->on_progress(fp->o->owner, fp->done, fp->source->bytes.n);
        return r;
}

static bool is_segment(struct bytes file)
{
        static const uint8_t ftyp[8] = { 'f', 't', 'y', 'p', 'i', 's', 'o', '6' };

        return bytes_equal(bytes_sub(file, 4, sizeof ftyp), BYTES(ftyp, sizeof ftyp));
}

/* What is left of a segment whose first bytes are not those of one. */
static bool was_segment(struct bytes file)
{
        return file.n && (memmem(file.p, file.n, head_user_type, 16) ||
                                 memmem(file.p, file.n, seal_user_type, 16));
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static void look_at_segment(
        struct bytes file, const char *name, struct signers *signers, struct verdict *v)
{
        struct piece p;

        piece_init(&p, name);
        segment_inspect(file, signers, &p);
        v->bytes += file.n;
        v->streams++;
        if (p.seals_n && strcmp(base_name(name), base_name(p.object_key)) != 0) {
                struct verdict_item item = { .kind = VERDICT_NOTE,
                        .from_us = p.seals[0].first_us,
                        .to_us = p.seals[p.seals_n - 1].last_us };
                snprintf(item.stream, sizeof item.stream, "%s", p.stream);
                snprintf(item.where, sizeof item.where, "%s", p.file);
                snprintf(item.text, sizeof item.text, "in the vault this file is %s", p.object_key);
                verdict_add(v, &item);
        }
        char stream[HEAD_PATH_MAX];
        memcpy(stream, p.stream, sizeof stream);
        line_judge(LINE_FILE, stream, &p, 1, signers, v);
        piece_done(&p);
}

static int look_at_file(struct bytes file, const char *name, const struct verify_options *o,
        const struct source *source, struct signers *signers, struct verdict *v, struct err *e)
{
        struct file_progress fp = { .o = o, .source = source };
        struct export_inspect_options eo = { .on_read = on_read, .owner = &fp };

        if (!is_segment(file) && export_inspect_is(file))
                return export_inspect(file, name, signers, &eo, v, e);
        if (!is_segment(file) && !was_segment(file))
                return err_set(e, ERR_INVALID,
                        "%s: not a segment or an export of Custos (of any version that this "
                        "program reads)",
                        name);
        int r = on_read(&fp, 0, file.n, e);
        if (r == 0)
                look_at_segment(file, name, signers, v);
        return r;
}

static void conclude(const struct verify_options *o, struct signers *signers, struct verdict *v)
{
        v->trust_given = o->trust != NULL;
        v->trusted = o->trust && v->kinds[VERDICT_AUTHENTIC] && !v->kinds[VERDICT_KEY_NOT_TRUSTED];
        signers_fingerprint(signers, v->fingerprint);
}

int verify_bytes(struct bytes file, const char *name, const struct verify_options *o,
        struct verdict *ret, struct err *e)
{
        struct signers *signers = signers_new(o->trust);
        int r = look_at_file(file, name, o, NULL, signers, ret, e);

        conclude(o, signers, ret);
        signers_free(signers);
        return r;
}

int verify_path(
        const char *path, const struct verify_options *o, struct verdict *ret, struct err *e)
{
        struct signers *signers;
        struct source source;
        int r = source_is_dir(path, e);

        if (r < 0)
                return r;
        signers = signers_new(o->trust);
        if (r == 1) {
                r = vault_inspect(path, o, signers, ret, e);
        } else {
                r = source_open(path, &source, e);
                if (r == 0) {
                        r = look_at_file(source.bytes, path, o, &source, signers, ret, e);
                        source_close(&source);
                }
        }
        conclude(o, signers, ret);
        signers_free(signers);
        return r;
}

int verify_vaults(const struct verify_vault *vaults, unsigned n, const char *stream,
        const struct verify_options *o, struct verdict *ret, struct err *e)
{
        struct signers *signers = signers_new(o->trust);
        int r = vault_inspect_all(vaults, n, stream, o, signers, ret, e);

        conclude(o, signers, ret);
        signers_free(signers);
        return r;
}
