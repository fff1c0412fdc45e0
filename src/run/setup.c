/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/setup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/clock.h"
#include "os/file.h"
#include "run/setup_web.h"
#include "trust/recorder_keys.h"
#include "trust/node_identity.h"
#include "vault/recovery_kit.h"

#define SETUP_SEAL_DAYS 3650
#define SETUP_PATH_MAX 4200
#define SETUP_NODE "main" /* of the host where the site was made: manager, recorder, gateway */

static void setup_path(char to[static SETUP_PATH_MAX], const char *state, const char *name)
{
        snprintf(to, SETUP_PATH_MAX, "%.4000s/%s", state, name);
}

static int setup_ca(const struct setup_options *o, struct site_ca **ret, struct err *e)
{
        char dir[SETUP_PATH_MAX];

        setup_path(dir, o->state, "site");
        return site_ca_exists(dir)
                       ? site_ca_load(dir, ret, e)
                       : site_ca_create_in(dir, o->site, o->in_tpm ? SITE_CA_TPM : SITE_CA_FILES,
                                 clock_wall_us(), ret, e);
}

/* leaf, issuer, root: what every segment carries. Appends PEM. */
static int setup_seal_chain(
        struct site_ca *ca, const struct sign_key *key, struct buf *pem, struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int r = site_ca_issue_seal(ca, "main", subject, clock_wall_us(), SETUP_SEAL_DAYS, &leaf, e);
        if (r == 0)
                r = x509_pem_format(buf_bytes(&leaf), pem, e);
        if (r == 0)
                r = x509_pem_format(site_ca_issuer_cert(ca, SITE_CA_SEALS), pem, e);
        return r < 0 ? r : x509_pem_format(site_ca_root(ca), pem, e);
}

static int setup_seal_key(const struct setup_options *o, struct site_ca *ca, struct err *e)
{
        char dir[SETUP_PATH_MAX], path[SETUP_PATH_MAX];

        setup_path(dir, o->state, "recorder");
        setup_path(path, o->state, "recorder/seal.key");
        if (file_exists(path))
                return 0;
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(buf_done) struct buf pem;
        buf_init(&pem, 4 * X509_CERT_MAX);
        int r = setup_seal_chain(ca, key, &pem, e);
        return r < 0 ? r : recorder_keys_write_seal(dir, key, buf_bytes(&pem), e);
}

static int setup_wrap_key(const struct setup_options *o, struct err *e)
{
        char dir[SETUP_PATH_MAX];

        setup_path(dir, o->state, "recorder");
        return recorder_keys_make_wrap(dir, e);
}

/* To the terminal, or to a file that says by its name that it does not belong here. */
static int setup_show_kit(
        const struct setup_options *o, const struct recovery_kit *kit, struct err *e)
{
        char text[RECOVERY_KIT_TEXT_ROOM], path[SETUP_PATH_MAX];
        int r = 0;

        recovery_kit_format(kit, text);
        if (o->recovery_kit)
                snprintf(path, sizeof path, "%s", o->recovery_kit);
        else
                setup_path(path, o->state, "recovery-kit.txt");
        if (!o->recovery_kit && isatty(STDOUT_FILENO)) {
                printf("\n%s\nWrite this down or print it, and keep it away from this machine. It is shown once.\n\n",
                        text);
                fflush(stdout);
        } else if (file_exists(path)) {
                r = err_set(e, ERR_STATE,
                        "%s is there already: the recovery kit would overwrite it. Choose another file with "
                        "--recovery-kit",
                        path);
        } else {
                r = file_write_atomic(path, bytes_str(text), 0600, e);
                if (r == 0)
                        printf("The recovery kit is in %s. Move it away from this machine: it opens all footage.\n",
                                path);
        }
        explicit_bzero(text, sizeof text);
        return r;
}

/* The public half is written last: a kit that nobody was shown is never a recipient. */
static int setup_recovery(const struct setup_options *o, struct err *e)
{
        char dir[SETUP_PATH_MAX], path[SETUP_PATH_MAX];

        setup_path(dir, o->state, "recorder");
        setup_path(path, o->state, "recorder/recovery.pub");
        if (file_exists(path))
                return 0;
        CLEANUP(recovery_kit_freep)
        struct recovery_kit *kit = recovery_kit_new(o->site, clock_wall_us());
        int r = setup_show_kit(o, kit, e);
        return r < 0 ? r
                     : recorder_keys_write_public(dir, "recovery.pub",
                               BYTES(kit->public_key, sizeof kit->public_key), e);
}

/* For recorders on other hosts; of an older state directory, at its next start. */
static int setup_recovery_certificate(
        const struct setup_options *o, struct site_ca *ca, struct err *e)
{
        char key[SETUP_PATH_MAX], path[SETUP_PATH_MAX];
        uint8_t point[HPKE_PUBLIC_BYTES];
        struct buf der, pem;

        setup_path(path, o->state, "site/recovery.pem");
        setup_path(key, o->state, "recorder/recovery.pub");
        if (file_exists(path))
                return 0;
        buf_init(&der, X509_CERT_MAX);
        buf_init(&pem, 2 * X509_CERT_MAX);
        int r = recorder_keys_read_public(key, point, e);
        if (r == 0)
                r = site_ca_issue_recovery(ca, point, clock_wall_us(), SETUP_SEAL_DAYS, &der, e);
        if (r == 0)
                r = x509_pem_format(buf_bytes(&der), &pem, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&pem), 0644, e);
        buf_done(&der);
        buf_done(&pem);
        return r;
}

/* --- nodes --- */

static int setup_node_certificate(const struct setup_options *o, struct site_ca *ca,
        const char *role, const struct sign_key *key, struct buf *chain_pem, struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int r = site_ca_issue_node(
                ca, role, SETUP_NODE, NULL, NULL, subject, clock_wall_us(), o->node_days, &leaf, e);
        return r < 0 ? r : site_ca_chain_pem(ca, SITE_CA_NODES, buf_bytes(&leaf), chain_pem, e);
}

static int setup_node_create(const struct setup_options *o, struct site_ca *ca, const char *role,
        const char *dir, struct err *e)
{
        struct node_identity n = { .key = sign_key_generate() };

        snprintf(n.site, sizeof n.site, "%s", site_ca_name(ca));
        snprintf(n.role, sizeof n.role, "%s", role);
        snprintf(n.name, sizeof n.name, "%s", SETUP_NODE);
        snprintf(n.manager.name, sizeof n.manager.name, "%s", SETUP_NODE);
        buf_init(&n.chain_pem, 4 * X509_CERT_MAX);
        buf_init(&n.root_der, X509_CERT_MAX);
        int r = setup_node_certificate(o, ca, role, n.key, &n.chain_pem, e);
        if (r == 0)
                r = buf_append(&n.root_der, site_ca_root(ca), e);
        if (r == 0)
                r = node_identity_create(dir, &n, e);
        node_identity_done(&n);
        return r;
}

static int setup_node_renew(const struct setup_options *o, struct site_ca *ca, const char *role,
        const char *dir, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(buf_done) struct buf chain;

        buf_init(&chain, 4 * X509_CERT_MAX);
        int r = setup_node_certificate(o, ca, role, key, &chain, e);
        return r < 0 ? r : node_identity_write(dir, key, buf_bytes(&chain), e);
}

/* The site may have taken this node back, or given its name to another host, while this one was
 * off: then it is not ours any more, and comes by a code. */
static bool setup_node_is_ours(
        const struct site_ca *ca, const struct node_identity *n, int64_t now_us)
{
        CLEANUP(verify_key_freep) struct verify_key *public = sign_key_public(n->key);
        const struct issued *issued = site_ca_issued(ca);
        char subject[ISSUED_SUBJECT_ROOM];
        uint8_t key[32];

        verify_key_id(public, key);
        snprintf(subject, sizeof subject, "%s/%s", n->role, n->name);
        for (size_t i = 0; i < issued->n; i++) {
                const struct issued_certificate *c = &issued->certificates[i];
                if (c->issuer != ISSUED_NODES || strcmp(c->subject, subject) != 0)
                        continue;
                bool same = memcmp(c->key, key, sizeof key) == 0;
                if (same ? c->revoked_us != 0 : c->revoked_us == 0 && c->until_us > now_us)
                        return false;
        }
        return strcmp(n->name, SETUP_NODE) == 0;
}

/* One that cannot be read is its porter's to say: recording needs none. */
static int setup_node(
        const struct setup_options *o, struct site_ca *ca, const char *role, struct err *e)
{
        char dir[NODE_IDENTITY_DIR_ROOM];
        struct node_identity n;

        node_identity_dir(dir, o->state, role);
        if (!node_identity_exists(dir))
                return setup_node_create(o, ca, role, dir, e);
        if (node_identity_read(dir, &n, NULL) < 0)
                return 0;
        int64_t now_us = clock_wall_us();
        bool good = n.not_before_us <= now_us && now_us < n.not_after_us;
        bool mend = !good && setup_node_is_ours(ca, &n, now_us);
        node_identity_done(&n);
        return mend ? setup_node_renew(o, ca, role, dir, e) : 0;
}

static int setup_all_nodes(const struct setup_options *o, struct site_ca *ca, struct err *e)
{
        int r = setup_node(o, ca, "manager", e);

        if (r == 0)
                r = setup_node(o, ca, "recorder", e);
        return r < 0 ? r : setup_node(o, ca, "gateway", e);
}

int setup_nodes(const struct setup_options *o, struct err *e)
{
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;
        char dir[SETUP_PATH_MAX];

        setup_path(dir, o->state, "site");
        int r = site_ca_load(dir, &ca, e);
        return r < 0 ? r : setup_all_nodes(o, ca, e);
}

int setup_site(const struct setup_options *o, struct site_ca **ret_ca, struct err *e)
{
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;
        char dir[SETUP_PATH_MAX];

        setup_path(dir, o->state, "recorder");
        int r = file_make_dirs(dir, 0700, e);
        if (r == 0)
                r = setup_ca(o, &ca, e);
        if (r == 0)
                r = setup_seal_key(o, ca, e);
        if (r == 0)
                r = setup_wrap_key(o, e);
        if (r == 0)
                r = setup_all_nodes(o, ca, e);
        if (r == 0)
                r = setup_recovery(o, e);
        if (r == 0)
                r = setup_recovery_certificate(o, ca, e);
        if (r == 0)
                r = setup_web(o->state, ca, SETUP_NODE, o->web_days, e);
        if (r < 0)
                return err_wrap(e, r, "first start in %s", o->state);
        *ret_ca = TAKE(ca);
        return 0;
}
