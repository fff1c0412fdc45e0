/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/site_ca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_web.h"
#include "os/file.h"
#include "trust/site_ca_parts.h"

#define SITE_CA_YEAR_US (INT64_C(31556952) * 1000000)
#define SITE_CA_ROOT_YEARS 20
#define SITE_CA_ISSUER_YEARS 10
#define SITE_CA_CERT_FILE_MAX 16384

static struct site_ca *site_ca_new(void)
{
        struct site_ca *ca = xcalloc(1, sizeof *ca);

        buf_init(&ca->root, X509_CERT_MAX);
        buf_init(&ca->web_root, X509_CERT_MAX);
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++)
                buf_init(&ca->certs[i], X509_CERT_MAX);
        issued_init(&ca->issued);
        return ca;
}

struct site_ca *site_ca_free(struct site_ca *ca)
{
        if (!ca)
                return NULL;
        buf_done(&ca->root);
        buf_done(&ca->web_root);
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++) {
                buf_done(&ca->certs[i]);
                sign_key_free(ca->keys[i]);
        }
        issued_done(&ca->issued);
        tpm_free(ca->tpm);
        free(ca->dir);
        free(ca);
        return NULL;
}

void site_ca_freep(struct site_ca **ca)
{
        site_ca_free(*ca);
}

static bool site_ca_is_site(const char *site)
{
        return strlen(site) <= SITE_CA_NAME_MAX && str_is_camera(site);
}

bool site_ca_exists(const char *dir)
{
        char *path = xasprintf("%s/root.crt", dir);
        bool exists = file_exists(path);

        own_freep(&path);
        return exists;
}

static int site_ca_write_key(
        const char *dir, const char *name, const struct sign_key *key, struct err *e)
{
        char *path = xasprintf("%s/%s.key", dir, name);
        struct buf pem;

        buf_init(&pem, SIGN_PEM_MAX);
        if (!buf_reserve(&pem,
                    SIGN_PEM_MAX)) /* at once, so that growing leaves no copy of the key behind */
                abort();
        int r = sign_key_format(key, &pem, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&pem), 0600, e);
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        own_freep(&path);
        return r;
}

static int site_ca_write_cert(const char *dir, const char *name, struct bytes der, struct err *e)
{
        char *path = xasprintf("%s/%s.crt", dir, name);
        struct buf pem;

        buf_init(&pem, SITE_CA_CERT_FILE_MAX);
        int r = x509_pem_format(der, &pem, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&pem), 0644, e);
        buf_done(&pem);
        own_freep(&path);
        return r;
}

static int site_ca_make_root(
        struct site_ca *ca, struct sign_key *key, int64_t now_us, struct err *e)
{
        char name[SITE_CA_NAME_MAX + 16];
        struct x509_request request = { .purpose = X509_ROOT,
                .common_name = name,
                .not_before_us = now_us - SITE_CA_HOUR_US,
                .not_after_us = now_us + SITE_CA_ROOT_YEARS * SITE_CA_YEAR_US };

        snprintf(name, sizeof name, "%s root", ca->site);
        return x509_issue(&request, key, BYTES(NULL, 0), key, &ca->root, e);
}

static int site_ca_make_issuer(struct site_ca *ca, enum site_ca_issuer which,
        struct sign_key *root_key, int64_t now_us, struct err *e)
{
        char name[SITE_CA_NAME_MAX + 16];
        struct x509_request request = { .purpose = X509_ISSUER,
                .common_name = name,
                .not_before_us = now_us - SITE_CA_HOUR_US,
                .not_after_us = now_us + SITE_CA_ISSUER_YEARS * SITE_CA_YEAR_US };

        snprintf(name, sizeof name, "%s %s", ca->site,
                issued_issuer_name((enum issued_issuer)which));
        return x509_issue(
                &request, ca->keys[which], buf_bytes(&ca->root), root_key, &ca->certs[which], e);
}

/* --- web pages --- */

/* Its key is given up with the end of this function: what it will ever have signed is the issuer.
 */
static int site_ca_sign_web(struct site_ca *ca, const char *const *dns, const char *const *ip,
        int64_t now_us, struct buf *root, struct buf *issuer, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *root_key = sign_key_generate();
        char name[SITE_CA_NAME_MAX + 16];
        struct x509_request request = { .purpose = X509_WEB_ROOT,
                .common_name = name,
                .dns = dns,
                .ip = ip,
                .not_before_us = now_us - SITE_CA_HOUR_US,
                .not_after_us = now_us + SITE_CA_ISSUER_YEARS * SITE_CA_YEAR_US };

        snprintf(name, sizeof name, "%s web root", ca->site);
        int r = x509_issue(&request, root_key, BYTES(NULL, 0), root_key, root, e);
        if (r < 0)
                return r;
        snprintf(name, sizeof name, "%s web", ca->site);
        request.purpose = X509_WEB_ISSUER;
        return x509_issue(&request, ca->keys[SITE_CA_WEB], buf_bytes(root), root_key, issuer, e);
}

/* Both in one file, so that no power cut parts them. */
static int site_ca_write_web(const char *dir, struct bytes root, struct bytes issuer, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/web.crt", dir);
        CLEANUP(buf_done) struct buf pem;

        buf_init(&pem, SITE_CA_CERT_FILE_MAX);
        int r = x509_pem_format(issuer, &pem, e);
        if (r == 0)
                r = x509_pem_format(root, &pem, e);
        return r < 0 ? r : file_write_atomic(path, buf_bytes(&pem), 0644, e);
}

static int site_ca_put_web(struct site_ca *ca, const char *dir, const char *const *dns,
        const char *const *ip, int64_t now_us, struct err *e)
{
        struct buf root, issuer;

        buf_init(&root, X509_CERT_MAX);
        buf_init(&issuer, X509_CERT_MAX);
        int r = site_ca_sign_web(ca, dns, ip, now_us, &root, &issuer, e);
        if (r == 0)
                r = site_ca_write_web(dir, buf_bytes(&root), buf_bytes(&issuer), e);
        if (r < 0) {
                buf_done(&root);
                buf_done(&issuer);
                return r;
        }
        buf_done(&ca->web_root);
        buf_done(&ca->certs[SITE_CA_WEB]);
        ca->web_root = root;
        ca->certs[SITE_CA_WEB] = issuer;
        return 0;
}

int site_ca_make_web(struct site_ca *ca, const char *const *dns, const char *const *ip,
        int64_t now_us, struct err *e)
{
        int r = site_ca_put_web(ca, ca->dir, dns, ip, now_us, e);

        return r < 0 ? err_wrap(e, r, "making the root for web pages of site %s", ca->site) : 0;
}

struct bytes site_ca_web_root(const struct site_ca *ca)
{
        return buf_bytes(&ca->web_root);
}

int site_ca_web_allows(
        const struct site_ca *ca, const char *const *dns, const char *const *ip, struct err *e)
{
        if (!ca->web_root.n)
                return err_set(e, ERR_STATE,
                        "this site was made before pages had a root of their own: custos run makes "
                        "it at its next start");
        return x509_web_allows(buf_bytes(&ca->certs[SITE_CA_WEB]), dns, ip, e);
}

/* --- the directory --- */

static int site_ca_make_in_tpm(struct site_ca *ca, enum site_ca_issuer which, struct err *e)
{
        CLEANUP(buf_done) struct buf pem, spki;

        buf_init(&pem, TPM_PEM_MAX);
        buf_init(&spki, SIGN_SPKI_MAX);
        int r = tpm_key_make(ca->tpm, &pem, &spki, e);
        return r < 0 ? r
                     : sign_key_of_tpm(ca->tpm, NULL, buf_bytes(&pem), buf_bytes(&spki),
                               &ca->keys[which], e);
}

/* An issuer's key, and its certificate below the root, or below one of its own. */
static int site_ca_fill_issuer(struct site_ca *ca, const char *dir, enum site_ca_issuer which,
        struct sign_key *root_key, int64_t now_us, struct err *e)
{
        const char *name = issued_issuer_name((enum issued_issuer)which);

        int r = 0;
        if (ca->in_tpm)
                r = site_ca_make_in_tpm(ca, which, e);
        else
                ca->keys[which] = sign_key_generate();
        if (r == 0)
                r = site_ca_write_key(dir, name, ca->keys[which], e);
        if (r == 0 && which == SITE_CA_WEB)
                return site_ca_put_web(ca, dir, NULL, NULL, now_us, e);
        if (r == 0)
                r = site_ca_make_issuer(ca, which, root_key, now_us, e);
        return r < 0 ? r : site_ca_write_cert(dir, name, buf_bytes(&ca->certs[which]), e);
}

/* Keys and certificates into dir, which nobody uses yet. */
static int site_ca_fill(struct site_ca *ca, const char *dir, int64_t now_us, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *root_key = sign_key_generate();

        int r = site_ca_make_root(ca, root_key, now_us, e);
        if (r == 0)
                r = site_ca_write_key(dir, "root", root_key, e);
        if (r == 0)
                r = site_ca_write_cert(dir, "root", buf_bytes(&ca->root), e);
        for (unsigned i = 0; r == 0 && i < SITE_CA_ISSUERS; i++)
                r = site_ca_fill_issuer(ca, dir, i, root_key, now_us, e);
        return r == 0 ? file_sync_dir(dir, e) : r;
}

/* Made beside its place and renamed into it: rename(2) replaces nothing but an empty directory, so
 * neither half a CA after a power cut nor two at once can come of it. What an interrupted attempt
 * left is written over. */
static int site_ca_put(struct site_ca *ca, const char *dir, int64_t now_us, struct err *e)
{
        CLEANUP(own_freep) char *made = xasprintf("%s.new", dir);
        CLEANUP(own_freep) char *parent = xasprintf("%s/..", dir);

        int r = file_make_dirs(made, 0700, e);
        if (r == 0)
                r = site_ca_fill(ca, made, now_us, e);
        if (r < 0)
                return r;
        if (rename(made, dir) < 0) {
                if (errno == ENOTEMPTY || errno == EEXIST)
                        return err_set(e, ERR_STATE,
                                "%s is not empty: a site's CA is never written over", dir);
                return err_os(e, ERR_IO, errno, "%s: rename from %s", dir, made);
        }
        return file_sync_dir(parent, e);
}

int site_ca_create(
        const char *dir, const char *site, int64_t now_us, struct site_ca **ret, struct err *e)
{
        return site_ca_create_in(dir, site, SITE_CA_FILES, now_us, ret, e);
}

int site_ca_create_in(const char *dir, const char *site, enum site_ca_store store, int64_t now_us,
        struct site_ca **ret, struct err *e)
{
        CLEANUP(site_ca_freep) struct site_ca *ca = site_ca_new();

        if (!site_ca_is_site(site))
                return err_set(e, ERR_INVALID,
                        "a site's name is [a-z0-9] and then [a-z0-9-], 1 to %d characters, not "
                        "ending in '-'",
                        SITE_CA_NAME_MAX);
        if (site_ca_exists(dir))
                return err_set(e, ERR_STATE,
                        "%s holds a site's CA already: it is never written over", dir);
        memcpy(ca->site, site, strlen(site) + 1);
        ca->in_tpm = store == SITE_CA_TPM;
        int r = ca->in_tpm ? tpm_open(&ca->tpm, e) : 0;
        if (r == 0)
                r = site_ca_put(ca, dir, now_us, e);
        if (r < 0)
                return err_wrap(e, r, "making the CA of site %s", site);
        r = x509_key_id(buf_bytes(&ca->root), ca->fingerprint, e);
        if (r < 0)
                return r;
        ca->dir = xstrdup(dir);
        *ret = TAKE(ca);
        return 0;
}

static int site_ca_read_issued(struct site_ca *ca, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/issued.json", ca->dir);
        struct buf json;

        buf_init(&json, ISSUED_FILE_MAX);
        int r = file_read(path, ISSUED_FILE_MAX, &json, e);
        if (r == ERR_NOT_FOUND) { /* none was issued yet */
                buf_done(&json);
                return 0;
        }
        if (r >= 0)
                r = issued_parse(buf_bytes(&json), &ca->issued, e);
        buf_done(&json);
        return r < 0 ? err_wrap(e, r,
                               "%s (restore it from a backup; deleting it forgets what is revoked)",
                               path)
                     : 0;
}

int site_ca_write_issued(struct site_ca *ca, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/issued.json", ca->dir);
        struct buf json;

        buf_init(&json, ISSUED_FILE_MAX);
        int r = issued_format(&ca->issued, &json, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&json), 0600, e);
        buf_done(&json);
        return r;
}

/* The index-th of the file. */
static int site_ca_read_cert(
        const char *dir, const char *name, unsigned index, struct buf *der, struct err *e)
{
        char *path = xasprintf("%s/%s.crt", dir, name);
        struct buf pem;

        buf_init(&pem, SITE_CA_CERT_FILE_MAX);
        int r = file_read(path, SITE_CA_CERT_FILE_MAX, &pem, e);
        if (r >= 0) {
                r = x509_pem_parse(buf_bytes(&pem), index, der, e);
                if (r < 0 && (r != ERR_NOT_FOUND || index == 0))
                        r = err_wrap(e, ERR_CORRUPT, "%s", path);
        }
        buf_done(&pem);
        own_freep(&path);
        return r < 0 ? r : 0;
}

/* One that a TPM has, by its certificate's public half: whether that TPM is here is another matter.
 */
static int site_ca_take_tpm_key(
        struct site_ca *ca, enum site_ca_issuer which, struct bytes pem, struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *public_half = NULL;
        CLEANUP(buf_done) struct buf spki;

        buf_init(&spki, SIGN_SPKI_MAX);
        int r = verify_key_of_cert(buf_bytes(&ca->certs[which]), &public_half, e);
        if (r == 0)
                r = verify_key_format(public_half, &spki, e);
        if (r < 0)
                return r;
        if (!ca->in_tpm)
                (void)!tpm_open(&ca->tpm, &ca->tpm_why);
        ca->in_tpm = true;
        if (ca->tpm && !ca->tpm_why.code)
                (void)!tpm_key_check(ca->tpm, pem, buf_bytes(&spki), &ca->tpm_why);
        return sign_key_of_tpm(ca->tpm, &ca->tpm_why, pem, buf_bytes(&spki), &ca->keys[which], e);
}

static int site_ca_read_key(
        struct site_ca *ca, const char *dir, enum site_ca_issuer which, struct err *e)
{
        char *path = xasprintf("%s/%s.key", dir, issued_issuer_name((enum issued_issuer)which));
        struct buf pem;

        buf_init(&pem, SIGN_PEM_MAX);
        int r = file_read_secret(path, SIGN_PEM_MAX, &pem, e);
        if (r >= 0) {
                r = tpm_key_is(buf_bytes(&pem))
                            ? site_ca_take_tpm_key(ca, which, buf_bytes(&pem), e)
                            : sign_key_parse(buf_bytes(&pem), &ca->keys[which], e);
                if (r < 0)
                        r = err_wrap(e, ERR_CORRUPT, "%s", path);
        }
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        own_freep(&path);
        return r < 0 ? r : 0;
}

enum site_ca_store site_ca_store_of(const struct site_ca *ca, struct err *ret_why)
{
        *ret_why = ca->tpm_why;
        return ca->in_tpm ? SITE_CA_TPM : SITE_CA_FILES;
}

/* It stands nowhere but in the root's subject, "CN=SITE root". */
int site_ca_site_of(struct bytes root_der, char ret[static SITE_CA_NAME_MAX + 1], struct err *e)
{
        static const char before[] = "CN=", behind[] = " root";
        char subject[256], *site = subject + strlen(before);

        int r = x509_subject(root_der, subject, sizeof subject, e);
        if (r < 0)
                return r;
        size_t n = strlen(subject);
        if (n > strlen(before) + strlen(behind) && memcmp(subject, before, strlen(before)) == 0 &&
                strcmp(subject + n - strlen(behind), behind) == 0) {
                subject[n - strlen(behind)] = '\0';
                if (site_ca_is_site(site)) {
                        memcpy(ret, site, strlen(site) + 1);
                        return 0;
                }
        }
        return err_set(e, ERR_CORRUPT, "the certificate is not the root of a site");
}

static int site_ca_read_name(struct site_ca *ca, const char *dir, struct err *e)
{
        int r = site_ca_site_of(buf_bytes(&ca->root), ca->site, e);

        return r < 0 ? err_set(e, ERR_CORRUPT, "%s/root.crt is not the root of a site", dir) : 0;
}

/* Behind the issuer in its file; an older site has none. */
static int site_ca_read_web_root(struct site_ca *ca, const char *dir, struct err *e)
{
        int r = site_ca_read_cert(dir, "web", 1, &ca->web_root, e);

        if (r == ERR_NOT_FOUND)
                return 0;
        if (r == 0)
                r = x509_web_check_root(
                        buf_bytes(&ca->web_root), buf_bytes(&ca->certs[SITE_CA_WEB]), e);
        return r < 0 ? err_wrap(e, ERR_CORRUPT, "%s/web.crt", dir) : 0;
}

static int site_ca_read_issuer(
        struct site_ca *ca, const char *dir, enum site_ca_issuer which, struct err *e)
{
        const char *name = issued_issuer_name((enum issued_issuer)which);
        uint8_t key_id[32], cert_id[32];

        int r = site_ca_read_cert(dir, name, 0, &ca->certs[which], e);
        if (r == 0)
                r = site_ca_read_key(ca, dir, which, e);
        if (r == 0)
                r = x509_key_id(buf_bytes(&ca->certs[which]), cert_id, e);
        if (r < 0)
                return r;
        sign_key_id(ca->keys[which], key_id);
        if (memcmp(key_id, cert_id, sizeof key_id) != 0)
                return err_set(e, ERR_CORRUPT,
                        "%s/%s.key is not the key of %s.crt; restore both from one backup", dir,
                        name, name);
        if (which == SITE_CA_WEB)
                r = site_ca_read_web_root(ca, dir, e);
        if (r < 0)
                return r;
        if (which == SITE_CA_WEB && ca->web_root.n)
                return 0;
        r = x509_check_issued_by(buf_bytes(&ca->certs[which]), buf_bytes(&ca->root), e);
        return r < 0 ? err_wrap(e, ERR_CORRUPT, "%s/%s.crt is not below root.crt", dir, name) : 0;
}

int site_ca_load(const char *dir, struct site_ca **ret, struct err *e)
{
        CLEANUP(site_ca_freep) struct site_ca *ca = site_ca_new();

        if (!site_ca_exists(dir))
                return err_set(e, ERR_NOT_FOUND, "%s holds no site's CA", dir);
        int r = site_ca_read_cert(dir, "root", 0, &ca->root, e);
        if (r == 0)
                r = x509_key_id(buf_bytes(&ca->root), ca->fingerprint, e);
        if (r == 0)
                r = site_ca_read_name(ca, dir, e);
        for (unsigned i = 0; r == 0 && i < SITE_CA_ISSUERS; i++)
                r = site_ca_read_issuer(ca, dir, i, e);
        ca->dir = xstrdup(dir);
        if (r == 0)
                r = site_ca_read_issued(ca, e);
        if (r < 0)
                return r;
        *ret = TAKE(ca);
        return 0;
}

const char *site_ca_name(const struct site_ca *ca)
{
        return ca->site;
}

void site_ca_fingerprint(const struct site_ca *ca, uint8_t ret[static 32])
{
        memcpy(ret, ca->fingerprint, sizeof ca->fingerprint);
}

struct bytes site_ca_root(const struct site_ca *ca)
{
        return buf_bytes(&ca->root);
}

struct bytes site_ca_issuer_cert(const struct site_ca *ca, enum site_ca_issuer which)
{
        return buf_bytes(&ca->certs[which]);
}

int site_ca_uri(const char *site, const char *role, const char *name,
        char to[static SITE_CA_URI_ROOM], struct err *e)
{
        static const char *const roles[] = { "manager", "recorder", "gateway", "events", "edge" };

        for (unsigned i = 0; i < ARRAY_LEN(roles); i++) {
                if (strcmp(role, roles[i]) != 0)
                        continue;
                if (!site_ca_is_site(site) || !str_is_camera(name))
                        return err_set(e, ERR_INVALID,
                                "a node's name is [a-z0-9] and then [a-z0-9-], at most 63 "
                                "characters");
                snprintf(to, SITE_CA_URI_ROOM, "custos://%s/%s/%s", site, role, name);
                return 0;
        }
        return err_set(e, ERR_INVALID,
                "no such role of a node; there are manager, recorder, gateway, events, edge");
}

const struct issued *site_ca_issued(const struct site_ca *ca)
{
        return &ca->issued;
}

int site_ca_chain_pem(const struct site_ca *ca, enum site_ca_issuer which, struct bytes leaf_der,
        struct buf *out, struct err *e)
{
        int r = x509_pem_format(leaf_der, out, e);

        if (r == 0)
                r = x509_pem_format(buf_bytes(&ca->certs[which]), out, e);
        return r < 0 || which != SITE_CA_WEB ? r
                                             : x509_pem_format(buf_bytes(&ca->web_root), out, e);
}
