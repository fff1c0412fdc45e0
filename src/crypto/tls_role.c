/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/tls_role.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/tls_session.h"

#define TLS_ROLE_SCHEME "custos://"
#define TLS_ROLE_SITE_MAX 63
/* Each one asks for an answer, which waits in memory for a peer that may never read it. A node
 * changes its keys every few minutes, and says something every few seconds. */
#define TLS_ROLE_REKEYS_IDLE_MAX 32
#define TLS_ROLE_RECORD_ROOM 256 /* a KeyUpdate, sealed, with much to spare */

struct tls_role_config {
        struct tls_config *shared;
};

static const char tls_role_suites[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
static const char tls_role_groups[] = "X25519:P-256";

/* ---- names ---- */

static bool tls_role_is_word(const char *s, size_t room)
{
        return strlen(s) < room && str_is_camera(s);
}

int tls_role_parse_uri(const char *uri, const char *site, char role[static 16],
        char name[static TLS_ROLE_NAME_ROOM], struct err *e)
{
        size_t scheme = strlen(TLS_ROLE_SCHEME), n = strlen(site);
        char parts[TLS_ROLE_URI_ROOM];

        if (strncmp(uri, TLS_ROLE_SCHEME, scheme) != 0 || strncmp(uri + scheme, site, n) != 0 ||
                uri[scheme + n] != '/' || strlen(uri) >= TLS_ROLE_URI_ROOM)
                return err_set(e, ERR_INVALID, "not a node of the site \"%s\"", site);
        snprintf(parts, sizeof parts, "%s", uri + scheme + n + 1);
        char *slash = strchr(parts, '/');
        if (slash)
                *slash = '\0';
        if (!slash || !tls_role_is_word(parts, 16) ||
                !tls_role_is_word(slash + 1, TLS_ROLE_NAME_ROOM))
                return err_set(e, ERR_INVALID, "a node's URI is custos://%s/ROLE/NAME", site);
        memcpy(role, parts, strlen(parts) + 1);
        memcpy(name, slash + 1, strlen(slash + 1) + 1);
        return 0;
}

/* How many URIs the certificate carries; the first one goes to `to`, "" where it is no text. */
static unsigned tls_role_uris(X509 *leaf, char to[static TLS_ROLE_URI_ROOM])
{
        GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
        unsigned n = 0;

        to[0] = '\0';
        for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
                int type = 0;
                const ASN1_STRING *value =
                        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
                if (type != GEN_URI || n++ > 0)
                        continue;
                size_t bytes = (size_t)ASN1_STRING_length(value);
                const uint8_t *text = ASN1_STRING_get0_data(value);
                if (bytes >= TLS_ROLE_URI_ROOM || memchr(text, '\0', bytes))
                        continue;
                memcpy(to, text, bytes);
                to[bytes] = '\0';
        }
        GENERAL_NAMES_free(names);
        return n;
}

static bool tls_role_is_wanted(const struct tls_role *w, const char *role)
{
        for (unsigned i = 0; i < w->roles_n; i++) {
                if (strcmp(w->roles[i], role) == 0)
                        return true;
        }
        return false;
}

/* "asked for custos://s/recorder/lobby" or "takes gateway, recorder of the site s" */
static void tls_role_show_wanted(struct tls *t, const char *site)
{
        const struct tls_role *w = t->role;
        size_t room = sizeof t->detail, n;

        if (!t->server) {
                snprintf(t->detail, room, "asked for %s%s/%s/%s; ", TLS_ROLE_SCHEME, site,
                        w->roles[0], w->name[0] ? w->name : "*");
                return;
        }
        for (unsigned i = 0; i < w->roles_n; i++) {
                n = strlen(t->detail);
                snprintf(t->detail + n, room - n, "%s%s", i ? ", " : "", w->roles[i]);
        }
        n = strlen(t->detail);
        snprintf(t->detail + n, room - n, " of site %s may connect; ", site);
}

static int tls_role_refuse(
        struct tls *t, const char *site, enum tls_refusal why, unsigned uris, const char *uri)
{
        char shown[100];

        t->refusal = why;
        tls_role_show_wanted(t, site);
        size_t n = strlen(t->detail);
        if (uris == 1)
                snprintf(t->detail + n, sizeof t->detail - n, "it is %s",
                        str_escape(shown, sizeof shown, bytes_str(uri)));
        else
                snprintf(t->detail + n, sizeof t->detail - n, "it carries %u URIs", uris);
        return why == TLS_WRONG_ROLE ? X509_V_ERR_CERT_REJECTED : X509_V_ERR_HOSTNAME_MISMATCH;
}

int tls_role_judge(struct tls *t, const struct tls_config *by, X509 *leaf)
{
        struct tls_role *w = t->role;
        struct tls_role_peer peer;
        const char *site = by->site ? by->site : "";
        unsigned uris = tls_role_uris(leaf, peer.uri);

        /* Without a list of uses a certificate would be one for everything. */
        if (!(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE)) {
                t->refusal = TLS_WRONG_PURPOSE;
                snprintf(t->detail, sizeof t->detail, "it names no extended key usage");
                return X509_V_ERR_INVALID_PURPOSE;
        }
        if (uris != 1 || tls_role_parse_uri(peer.uri, site, peer.role, peer.name, NULL) < 0)
                return tls_role_refuse(t, site, TLS_WRONG_NAME, uris, peer.uri);
        if (!tls_role_is_wanted(w, peer.role))
                return tls_role_refuse(t, site, TLS_WRONG_ROLE, uris, peer.uri);
        if (w->name[0] && strcmp(w->name, peer.name) != 0)
                return tls_role_refuse(t, site, TLS_WRONG_NAME, uris, peer.uri);
        memcpy(peer.key, t->key, sizeof peer.key);
        ossl_must(ossl_time_us(X509_get0_notAfter(leaf), &peer.not_after_us),
                "reading the date of a certificate that was verified");
        w->peer = peer;
        return X509_V_OK;
}

/* ---- what a node is and trusts ---- */

/* KeyUpdates are counted as they pass; OpenSSL handles them by itself and says nothing else. What a
 * record holds is told before its content is. */
static void tls_role_on_message(
        int sent, int version, int type, const void *message, size_t n, SSL *ssl, void *unused)
{
        struct tls *t = SSL_get_app_data(ssl);

        (void)version;
        (void)unused;
        if (n == 0 || !t || !t->role)
                return;
        uint8_t first = *(const uint8_t *)message;
        if (type == SSL3_RT_INNER_CONTENT_TYPE && first == SSL3_RT_APPLICATION_DATA && !sent)
                t->role->rekeys_idle = 0;
        if (type != SSL3_RT_HANDSHAKE || first != SSL3_MT_KEY_UPDATE)
                return;
        if (sent) {
                t->role->rekeys_sent++;
        } else {
                t->role->rekeys_received++;
                t->role->rekeys_idle++;
        }
}

int tls_role_idle(struct tls *t, struct err *e)
{
        if (t->role->rekeys_idle <= TLS_ROLE_REKEYS_IDLE_MAX)
                return 1;
        t->refusal = TLS_PROTOCOL;
        snprintf(t->detail, sizeof t->detail, "%u KeyUpdates and nothing else",
                t->role->rekeys_idle);
        return tls_fail(t, e);
}

/* A client that shows no certificate passes SSL_VERIFY_PEER; one that shows any is judged by
 * tls_verify_peer, whose answer counts, and nothing else's. */
static void tls_role_set_context(SSL_CTX *ctx)
{
        ossl_must(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                          SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                          SSL_CTX_set_ciphersuites(ctx, tls_role_suites) == 1 &&
                          SSL_CTX_set1_groups_list(ctx, tls_role_groups) == 1 &&
                          SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
                          SSL_CTX_set_max_early_data(ctx, 0) == 1,
                "a TLS context");
        SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT); /* what was read is wiped behind it */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, tls_verify_peer, NULL);
        SSL_CTX_set_msg_callback(ctx, tls_role_on_message);
}

static int tls_role_fill(struct tls_config *c, const struct tls_role_identity *id, struct err *e)
{
        CLEANUP(ossl_certp) X509 *root = NULL;

        if (!str_is_camera(id->site) || strlen(id->site) > TLS_ROLE_SITE_MAX)
                return err_set(e, ERR_INVALID,
                        "a site's name is [a-z0-9] and then [a-z0-9-], at most %d characters",
                        TLS_ROLE_SITE_MAX);
        root = ossl_cert(id->root_der, e);
        if (!root)
                return err_wrap(e, ERR_INVALID, "the site's root");
        c->only_issuer = ossl_cert(id->issuer_der, e);
        if (!c->only_issuer)
                return err_wrap(e, ERR_INVALID, "the issuer of nodes");
        c->site = strdup(id->site);
        ossl_must(c->site && X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), root) == 1,
                "adding a root");
        return id->key ? tls_config_present(
                                 c, "node certificate", id->chain_pem, sign_key_evp(id->key), e)
                       : 0;
}

int tls_role_config_new(
        const struct tls_role_identity *id, struct tls_role_config **ret, struct err *e)
{
        struct tls_config *shared = tls_config_new(TLS_method());

        tls_role_set_context(shared->ctx);
        int r = tls_role_fill(shared, id, e);
        if (r < 0) {
                tls_config_unref(shared);
                return r;
        }
        struct tls_role_config *c = xcalloc(1, sizeof *c);
        c->shared = shared;
        *ret = c;
        return 0;
}

struct tls_role_config *tls_role_config_free(struct tls_role_config *c)
{
        if (!c)
                return NULL;
        tls_config_unref(c->shared);
        free(c);
        return NULL;
}

void tls_role_config_freep(struct tls_role_config **c)
{
        tls_role_config_free(*c);
}

int tls_role_config_crls(struct tls_role_config *c, struct bytes crls_pem, struct err *e)
{
        return tls_crls_set(c->shared, crls_pem, e);
}

/* ---- sessions ---- */

static int tls_role_want(
        struct tls_role *w, const char *const *roles, const char *name, struct err *e)
{
        for (; roles[w->roles_n]; w->roles_n++) {
                const char *role = roles[w->roles_n];
                if (w->roles_n == TLS_ROLE_LIST_MAX || !tls_role_is_word(role, 16))
                        return err_set(e, ERR_INVALID,
                                "a role to talk to is not one, or there are more than %d",
                                TLS_ROLE_LIST_MAX);
                snprintf(w->roles[w->roles_n], sizeof w->roles[0], "%s", role);
        }
        if (w->roles_n == 0 || (name && !tls_role_is_word(name, TLS_ROLE_NAME_ROOM)))
                return err_set(e, ERR_INVALID,
                        "a role, and of the wanted node a name of [a-z0-9-], is needed");
        snprintf(w->name, sizeof w->name, "%s", name ? name : "");
        return 0;
}

static int tls_role_new(struct tls_role_config *c, bool server, const char *const *roles,
        const char *name, int64_t now_us, struct tls **ret, struct err *e)
{
        CLEANUP(tls_freep) struct tls *t = tls_new(c->shared);
        int peer_is = server ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;

        t->role = xcalloc(1, sizeof *t->role);
        int r = tls_role_want(t->role, roles, name, e);
        if (r < 0)
                return r;
        t->server = server;
        t->now_us = now_us;
        ossl_must(X509_VERIFY_PARAM_set_purpose(SSL_get0_param(t->ssl), peer_is) == 1,
                "a TLS session");
        if (server)
                SSL_set_accept_state(t->ssl);
        else
                SSL_set_connect_state(t->ssl);
        *ret = TAKE(t);
        return 0;
}

int tls_role_client_new(struct tls_role_config *c, const char *role, const char *name,
        int64_t now_us, struct tls **ret, struct err *e)
{
        const char *const roles[] = { role, NULL };

        return tls_role_new(c, false, roles, name, now_us, ret, e);
}

int tls_role_server_new(struct tls_role_config *c, const char *const *roles, int64_t now_us,
        struct tls **ret, struct err *e)
{
        if (!SSL_CTX_get0_privatekey(c->shared->ctx))
                return err_set(e, ERR_STATE, "who is no node takes no connections");
        return tls_role_new(c, true, roles, NULL, now_us, ret, e);
}

bool tls_role_peer(const struct tls *t, struct tls_role_peer *ret)
{
        if (!t->role || !t->established || !t->chain_verified)
                return false;
        *ret = t->role->peer;
        return true;
}

int tls_role_recheck(struct tls *t, struct tls_role_config *c, int64_t now_us, struct err *e)
{
        if (!t->role || t->over || !t->established)
                return err_set(e, ERR_STATE, "this TLS session has no node to check again");
        if (t->server && !SSL_get0_peer_certificate(t->ssl))
                return 0;
        return tls_judge_again(t, c->shared, now_us, e);
}

int tls_rekey(struct tls *t, struct err *e)
{
        if (!t->role || t->over || t->closed || !t->established)
                return err_set(e, ERR_STATE, "this TLS session is not one to change the keys of");
        if (t->out.n > TLS_OUTPUT_MAX - TLS_ROLE_RECORD_ROOM)
                return err_set(e, ERR_EXHAUSTED,
                        "%zu bytes wait for the peer already, it does not read", t->out.n);
        ERR_clear_error();
        /* The "handshake" is the KeyUpdate alone: nothing is read for it. */
        if (SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(t->ssl) == 1)
                return 0;
        t->over = true;
        return tls_fail(t, e);
}

void tls_rekeys(const struct tls *t, uint64_t *ret_sent, uint64_t *ret_received)
{
        *ret_sent = t->role ? t->role->rekeys_sent : 0;
        *ret_received = t->role ? t->role->rekeys_received : 0;
}
