/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Of a gateway: the certificate of its page (docs/design/web.md), asked for as the node's own is,
 * under the label web, and written where the gateway reads it. By the link to the manager, which
 * was checked, come its issuer and the root that people install: nothing else is here to judge
 * those by.
 */
#include <stdio.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/clock.h"
#include "os/file.h"
#include "porter/porter_parts.h"
#include "trust/web_files.h"

static void porter_web_dir(const struct porter *p, char to[static PORTER_DIR_ROOM])
{
        web_files_dir(to, p->state);
}

static void porter_web_life(const struct porter *p, int64_t *ret_from_us, int64_t *ret_until_us)
{
        *ret_from_us = p->page.known ? p->page.cert.not_before_us : 0;
        *ret_until_us = p->page.known ? p->page.cert.not_after_us : 0;
}

/* One that has expired, or that cannot be read, is as none. */
static int porter_web_read(const char *dir, struct porter_web *ret, struct err *e)
{
        struct porter_web page = { .known = true };
        struct web_files f;

        int r = web_files_read(dir, clock_wall_us(), &f, e);
        if (r < 0)
                return r;
        page.cert = f.cert;
        if (f.root_der.n)
                x509_web_fingerprint(buf_bytes(&f.root_der), page.root);
        web_files_done(&f);
        *ret = page;
        return 0;
}

int porter_web_open(struct porter *p, char ret_dir[static PORTER_DIR_ROOM], struct err *e)
{
        porter_web_dir(p, ret_dir);
        int r = file_make_dirs(ret_dir, 0700, e);
        if (r == 0)
                (void)porter_web_read(ret_dir, &p->page, NULL);
        return r;
}

/* web_files_write judges it, in the pool. */
static int porter_web_check(const struct porter *p, const struct sign_key *key,
        const struct bytes *certs, unsigned n, struct err *e)
{
        (void)p;
        (void)key;
        (void)certs;
        return n > 0 ? 0 : err_set(e, ERR_INVALID, "the answer holds no certificate");
}

static int porter_web_write(struct porter_renew_store *s, struct err *e)
{
        struct bytes certs[X509_PKCS7_CERTS_MAX];

        for (unsigned i = 0; i < s->certs_n; i++)
                certs[i] = buf_bytes(&s->certs[i]);
        int r = web_files_write(s->dir, s->key, certs, s->certs_n, clock_wall_us(), e);
        return r < 0 ? r : porter_web_read(s->dir, &s->page, e);
}

static int porter_web_written(struct porter_renew_store *s, struct porter *p, struct err *e)
{
        (void)e;
        if (p)
                p->page = s->page;
        return 0;
}

const struct porter_renew_kind porter_renew_web = { "page", "web/simplereenroll", porter_web_life,
        porter_web_dir, porter_web_check, porter_web_write, porter_web_written };

/* --- what it has to be --- */

static bool porter_web_has(const struct x509_web *cert, const char *name)
{
        for (unsigned i = 0; i < cert->dns_n; i++) {
                if (strcmp(cert->dns[i], name) == 0)
                        return true;
        }
        for (unsigned i = 0; i < cert->ip_n; i++) {
                if (strcmp(cert->ip[i], name) == 0)
                        return true;
        }
        return false;
}

/* The names are a set: each once, on both sides. */
static bool porter_web_is_named(const struct porter *p, const json_t *names)
{
        json_t *name;
        size_t i;

        json_array_foreach(names, i, name)
        {
                if (!json_is_string(name) ||
                        !porter_web_has(&p->page.cert, json_string_value(name)))
                        return false;
        }
        return json_array_size(names) == p->page.cert.dns_n + p->page.cert.ip_n;
}

static bool porter_web_is_below(const struct porter *p, const char *root)
{
        char hex[65];

        return strcmp(str_hex(hex, BYTES(p->page.root, sizeof p->page.root)), root) == 0;
}

int porter_web_wanted(struct porter *p, const json_t *body, struct err *e)
{
        json_t *names = NULL, *root = NULL;
        json_error_t why;
        int again = 0;

        if (json_unpack_ex((json_t *)(uintptr_t)body, &why, JSON_STRICT, "{s:o, s:o, s:b}", "names",
                    &names, "root", &root, "again", &again) < 0)
                return err_set(e, ERR_INVALID, "porter.web: %s", why.text);
        if (!json_is_array(names) || (!json_is_string(root) && !json_is_null(root)))
                return err_set(e, ERR_INVALID, "porter.web: names is a list, root a text or null");
        /* An older site makes none, and none is made for no name: asking would be refused. */
        if (json_is_null(root) || json_array_size(names) == 0)
                return 0;
        bool right = p->page.known && porter_web_is_named(p, names) &&
                     porter_web_is_below(p, json_string_value(root));
        porter_renew_want(p->web, again || !right);
        return 0;
}
