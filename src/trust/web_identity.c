/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/web_identity.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/str.h"
#include "os/file.h"
#include "trust/web_files.h"

#define WEB_IDENTITY_CHAIN_MAX 65536
#define WEB_IDENTITY_FILES_MAX 3

/* What stat(2) says of a file; zeros where there is none. */
struct web_identity_mark {
        uint64_t device, inode, size;
        struct timespec changed, modified;
};

/* Files of one kind, and what was seen of them. */
struct web_identity_files {
        char paths[WEB_IDENTITY_FILES_MAX][WEB_IDENTITY_PATH_ROOM];
        unsigned n; /* 0: not asked for */
        struct web_identity_mark seen[WEB_IDENTITY_FILES_MAX], judged[WEB_IDENTITY_FILES_MAX];
        bool was_judged;
};

struct web_identity_source {
        char dir[WEB_FILES_DIR_ROOM];
        struct web_identity_files own, site;
        enum { WEB_IDENTITY_NONE, WEB_IDENTITY_SITE, WEB_IDENTITY_OWN } in_force;
};

void web_identity_done(struct web_identity *w)
{
        w->key = server_key_free(w->key);
        buf_done(&w->chain_pem);
        buf_done(&w->root_der);
}

unsigned web_identity_missing(
        const struct web_identity *w, const struct web_names *names, char *to, size_t room)
{
        unsigned missing = 0;
        size_t n = 0;

        if (room)
                to[0] = '\0';
        for (unsigned i = 0; i < names->n; i++) {
                if (x509_web_covers(&w->cert, names->names[i].text))
                        continue;
                if (n < room)
                        n += (size_t)snprintf(to + n, room - n, "%s%s", missing ? ", " : "",
                                names->names[i].text);
                missing++;
        }
        return missing;
}

/* --- where --- */

int web_identity_source_new(const char *state, const char *certificate, const char *key,
        struct web_identity_source **ret, struct err *e)
{
        if (!certificate[0] != !key[0])
                return err_fault(e, ERR_INVALID, FAULT_WEB_CERTIFICATE,
                        "web_certificate and web_key name two files that go together: one of the "
                        "settings is missing");
        struct web_identity_source *s = xcalloc(1, sizeof *s);
        web_files_dir(s->dir, state);
        snprintf(s->site.paths[0], sizeof s->site.paths[0], "%.4100s/web.key", s->dir);
        snprintf(s->site.paths[1], sizeof s->site.paths[1], "%.4100s/web.pem", s->dir);
        snprintf(s->site.paths[2], sizeof s->site.paths[2], "%.4100s/root.crt", s->dir);
        s->site.n = 3;
        snprintf(s->own.paths[0], sizeof s->own.paths[0], "%s", key);
        snprintf(s->own.paths[1], sizeof s->own.paths[1], "%s", certificate);
        s->own.n = key[0] ? 2 : 0;
        *ret = s;
        return 0;
}

struct web_identity_source *web_identity_source_free(struct web_identity_source *s)
{
        free(s);
        return NULL;
}

static unsigned web_identity_add_dir(char to[static WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM],
        unsigned n, const char *file)
{
        char dir[WEB_IDENTITY_PATH_ROOM];
        const char *slash = strrchr(file, '/');

        if (!slash)
                return n;
        snprintf(dir, sizeof dir, "%.*s", (int)(slash == file ? 1 : slash - file), file);
        for (unsigned i = 0; i < n; i++) {
                if (strcmp(to[i], dir) == 0)
                        return n;
        }
        if (n == WEB_IDENTITY_PATHS_MAX || !file_exists(dir))
                return n;
        snprintf(to[n], WEB_IDENTITY_PATH_ROOM, "%s", dir);
        return n + 1;
}

unsigned web_identity_paths(const struct web_identity_source *s,
        char to[static WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM])
{
        unsigned n = web_identity_add_dir(to, 0, s->site.paths[0]);
        char real[PATH_MAX];

        for (unsigned i = 0; i < s->own.n; i++) {
                n = web_identity_add_dir(to, n, s->own.paths[i]);
                if (realpath(s->own.paths[i], real))
                        n = web_identity_add_dir(to, n, real);
        }
        return n;
}

/* --- what changed --- */

static void web_identity_mark(const char *path, struct web_identity_mark *ret)
{
        struct stat st;

        *ret = (struct web_identity_mark){ 0 };
        if (stat(path, &st) == 0)
                *ret = (struct web_identity_mark){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
                        st.st_ctim, st.st_mtim };
}

static bool web_identity_same(const struct web_identity_mark *a, const struct web_identity_mark *b)
{
        return a->device == b->device && a->inode == b->inode && a->size == b->size &&
               a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
               a->modified.tv_sec == b->modified.tv_sec &&
               a->modified.tv_nsec == b->modified.tv_nsec;
}

/* They are others than those that were judged last, and stand still (at a start nothing is waited
 * for). Then they count as judged. */
static bool web_identity_is_due(struct web_identity_files *f)
{
        bool still = true, fresh = !f->was_judged;

        for (unsigned i = 0; i < f->n; i++) {
                struct web_identity_mark now;
                web_identity_mark(f->paths[i], &now);
                still = still && web_identity_same(&now, &f->seen[i]);
                fresh = fresh || !web_identity_same(&now, &f->judged[i]);
                f->seen[i] = now;
        }
        if (f->n == 0 || !fresh || (f->was_judged && !still))
                return false;
        memcpy(f->judged, f->seen, sizeof f->judged);
        f->was_judged = true;
        return true;
}

/* --- reading --- */

static void web_identity_wipe(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        buf_done(b);
}

/* Whoever wrote them may use links, which file_read does not follow. */
static int web_identity_real(const char *path, char to[static PATH_MAX], struct err *e)
{
        if (realpath(path, to))
                return 0;
        return err_os(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, errno, "%s", path);
}

static int web_identity_read_key(const char *path, struct server_key **ret, struct err *e)
{
        CLEANUP(web_identity_wipe) struct buf pem;
        char real[PATH_MAX];

        buf_init(&pem, SERVER_KEY_PEM_MAX);
        int r = web_identity_real(path, real, e);
        if (r == 0)
                r = file_read_secret(real, SERVER_KEY_PEM_MAX, &pem, e);
        if (r < 0)
                return r;
        r = server_key_parse(buf_bytes(&pem), ret, e);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

static int web_identity_read_own(
        const struct web_identity_files *f, int64_t now_us, struct web_identity *ret, struct err *e)
{
        struct web_identity w = { .own = true };
        char real[PATH_MAX];

        buf_init(&w.chain_pem, WEB_IDENTITY_CHAIN_MAX);
        buf_init(&w.root_der, 1);
        int r = web_identity_read_key(f->paths[0], &w.key, e);
        if (r == 0)
                r = web_identity_real(f->paths[1], real, e);
        if (r == 0)
                r = file_read(real, WEB_IDENTITY_CHAIN_MAX, &w.chain_pem, e);
        if (r == 0) {
                r = x509_web_read(buf_bytes(&w.chain_pem), w.key, now_us, &w.cert, e);
                if (r < 0)
                        err_wrap(e, r, "%s", f->paths[1]);
        }
        if (r < 0) {
                web_identity_done(&w);
                if (e && e->fault == FAULT_NONE)
                        e->fault = FAULT_WEB_CERTIFICATE;
                return r;
        }
        *ret = w;
        return 0;
}

static int web_identity_read_site(
        const char *dir, int64_t now_us, struct web_identity *ret, struct err *e)
{
        struct web_files f;

        int r = web_files_read(dir, now_us, &f, e);
        if (r < 0)
                return r;
        *ret = (struct web_identity){
                .key = f.key, .chain_pem = f.chain_pem, .root_der = f.root_der, .cert = f.cert
        };
        if (f.root_der.n)
                x509_web_fingerprint(buf_bytes(&f.root_der), ret->root_fingerprint);
        return 0;
}

/* --- a look --- */

/* The user's own. */
static int web_identity_look_own(
        struct web_identity_source *s, int64_t now_us, struct web_identity *ret, struct err *e)
{
        if (!web_identity_is_due(&s->own))
                return 0;
        int r = web_identity_read_own(&s->own, now_us, ret, e);
        if (r < 0)
                return r;
        s->in_force = WEB_IDENTITY_OWN;
        return 1;
}

static int web_identity_look_site(
        struct web_identity_source *s, int64_t now_us, struct web_identity *ret, struct err *e)
{
        if (s->in_force == WEB_IDENTITY_OWN || !web_identity_is_due(&s->site))
                return 0;
        int r = web_identity_read_site(s->dir, now_us, ret, e);
        if (r < 0)
                return r;
        s->in_force = WEB_IDENTITY_SITE;
        return 1;
}

void web_identity_again(struct web_identity_source *s)
{
        if (s->in_force == WEB_IDENTITY_NONE)
                s->own.was_judged = s->site.was_judged = false;
}

int web_identity_look(
        struct web_identity_source *s, int64_t now_us, struct web_identity *ret, struct err *e)
{
        struct err why = { 0 }, site = { 0 };

        *e = (struct err){ 0 };
        int own = web_identity_look_own(s, now_us, ret, &why);
        int r = own > 0 ? own : web_identity_look_site(s, now_us, ret, &site);
        if (own < 0)
                *e = why;
        else if (r < 0)
                *e = site;
        return r > 0 || own == 0 ? r : own;
}
