/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates for nodes, as the porter asks for them (EST, RFC 7030; docs/spec/link.md section 7).
 * Of a request to sign only the key counts: role and name are the code's, or those of the
 * certificate that asks.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_csr.h"
#include "manager/requests_parts.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/enrol_code.h"
#include "trust/late_renewal.h"

#define REQUESTS_ENROL_SEAL_DAYS 3650
#define REQUESTS_ENROL_LINES 20 /* of refused attempts, in a minute: the asker is anybody */
#define REQUESTS_ENROL_MINUTE_US INT64_C(60000000)

/* What was refused into the audit log. Beyond so many a minute the next line counts them, or the
 * log would be whose who asks without end. */
void requests_enrol_note(struct requests *r, const char *event, const char *role, const char *name,
        const struct err *why)
{
        struct requests_attempts *a = &r->attempts;
        int64_t now_us = clock_boot_us();
        bool named = nodes_check(role, name, NULL) == 0;
        struct err e;

        log_warn(NULL, event, "role=%s name=%s err=\"%s\"", named ? role : "?", named ? name : "?",
                why->text);
        if (a->from_us == 0 || now_us - a->from_us >= REQUESTS_ENROL_MINUTE_US) {
                a->from_us = now_us;
                a->n = 0;
        }
        if (a->n >= REQUESTS_ENROL_LINES) {
                a->left_out++;
                return;
        }
        a->n++;
        json_t *fields = json_pack("{s:s, s:s, s:o, s:i}", "role", named ? role : "", "node",
                named ? name : "", "text", requests_text(why->text), "left_out", (int)a->left_out);
        if (requests_route_audit(r, event, NULL, NULL, fields, &e) == 0)
                a->left_out = 0;
}

/* The place of the node's newest certificate with this key among all that were made; 0: none. */
static size_t requests_enrol_place(
        struct requests *r, const struct nodes_node *n, const uint8_t key[static NODES_KEY_BYTES])
{
        const struct issued *issued = site_ca_issued(r->ca);
        char subject[ISSUED_SUBJECT_ROOM];

        snprintf(subject, sizeof subject, "%s/%s", n->role, n->name);
        for (size_t i = issued->n; i > 0; i--) {
                const struct issued_certificate *c = &issued->certificates[i - 1];
                if (c->issuer == ISSUED_NODES && strcmp(c->subject, subject) == 0 &&
                        memcmp(c->key, key, NODES_KEY_BYTES) == 0)
                        return i;
        }
        return 0;
}

int requests_enrol_check_key(struct requests *r, const struct nodes_node *n,
        const uint8_t key[static NODES_KEY_BYTES], struct err *e)
{
        size_t place = requests_enrol_place(r, n, key);

        if (place && site_ca_issued(r->ca)->certificates[place - 1].revoked_us)
                return err_fault(e, ERR_DENIED, FAULT_REVOKED, "that certificate was revoked");
        if (place == 0)
                return err_set(e, ERR_DENIED, "this site made no certificate for it with this key");
        /* Not simply the newest: the answer that brought that may have been lost. */
        if (place < requests_enrol_place(r, n, n->key))
                return err_set(e, ERR_DENIED,
                        "it showed the key of a newer certificate before: this is an older copy of "
                        "it, or was restored. Enrol it again: custos node add --again");
        return 0;
}

/* Whether a node may come without a certificate that is valid: by the key of its newest, or, where
 * the answer that brought that was lost, the one that it showed last. Of an older key nobody knows
 * any more where it is. */
static int requests_enrol_check_late(struct requests *r, const struct nodes_node *n,
        const struct late_renewal *l, const char *csr, struct err *e)
{
        const struct issued *issued = site_ca_issued(r->ca);
        uint8_t key[NODES_KEY_BYTES], der[X509_CSR_MAX];
        char subject[ISSUED_SUBJECT_ROOM];

        snprintf(subject, sizeof subject, "%s/%s", n->role, n->name);
        const struct issued_certificate *newest = issued_newest(issued, ISSUED_NODES, subject);
        int csr_n = str_unbase64(der, sizeof der, bytes_str(csr), e);
        if (csr_n < 0)
                return err_wrap(e, csr_n, "the signing request");
        if (!late_renewal_check(l, BYTES(der, (size_t)csr_n)))
                return err_set(e, ERR_DENIED, "the old key did not sign this");
        verify_key_id(l->key, key);
        if (n->revoked_us || issued_key_is_revoked(issued, key))
                return err_fault(e, ERR_DENIED, FAULT_REVOKED, "that certificate was revoked");
        if (memcmp(n->key, key, sizeof key) != 0 &&
                (!newest || memcmp(newest->key, key, sizeof key) != 0))
                return err_set(e, ERR_DENIED,
                        "that is not the key of its newest certificate. Enrol it again: custos "
                        "node add --again");
        /* Of this host's nodes the next start would make it anew however late (run/setup). */
        if (n->enrolled_us && clock_wall_us() - n->until_us > ISSUED_LATE_US)
                return err_set(e, ERR_DENIED,
                        "its last certificate ran out more than 90 days ago. Enrol it again: "
                        "custos node add --again");
        return 0;
}

/* base64 of DER */
static int requests_enrol_key(const char *csr, struct verify_key **ret, struct err *e)
{
        uint8_t der[X509_CSR_MAX];

        int n = str_unbase64(der, sizeof der, bytes_str(csr), e);
        return n < 0 ? err_wrap(e, n, "the signing request")
                     : x509_csr_key(BYTES(der, (size_t)n), ret, e);
}

static json_t *requests_enrol_certificates(const struct buf *pem)
{
        return json_pack("{s:o}", "certificates", json_stringn((const char *)pem->p, pem->n));
}

/* What is asked for by a certificate: the label of docs/spec/link.md section 7. */
enum requests_enrol_kind { ENROL_NODE, ENROL_SEAL, ENROL_WEB };

static const struct {
        const char *label;
        enum site_ca_issuer issuer;
        const char *event; /* of the audit log */
} requests_enrol_kinds[] = {
        [ENROL_NODE] = { "", SITE_CA_NODES, "node.renewed" },
        [ENROL_SEAL] = { "seals", SITE_CA_SEALS, "seal.certified" },
        [ENROL_WEB] = { "web", SITE_CA_WEB, "page.certified" },
};

struct requests_enrol_subject {
        const char *role, *name;
        struct verify_key *key; /* owned */
        uint8_t key_id[NODES_KEY_BYTES];
        int64_t until_us;
        struct buf leaf, pem; /* pem: with its issuer */
};

static void requests_enrol_done(struct requests_enrol_subject *s)
{
        verify_key_free(s->key);
        buf_done(&s->leaf);
        buf_done(&s->pem);
}

static int requests_enrol_init(struct requests_enrol_subject *s, const char *role, const char *name,
        const char *csr, struct err *e)
{
        *s = (struct requests_enrol_subject){ .role = role, .name = name };
        buf_init(&s->leaf, X509_CERT_MAX);
        buf_init(&s->pem, 4 * X509_CERT_MAX);
        int done = requests_enrol_key(csr, &s->key, e);
        if (done == 0)
                verify_key_id(s->key, s->key_id);
        return done;
}

/* n: the node; for a page. */
static int requests_enrol_sign(struct requests *r, struct requests_enrol_subject *s,
        enum requests_enrol_kind kind, const struct nodes_node *n, struct err *e)
{
        int64_t now_us = clock_wall_us();
        int done;

        if (kind == ENROL_SEAL)
                done = site_ca_issue_seal(
                        r->ca, s->name, s->key, now_us, REQUESTS_ENROL_SEAL_DAYS, &s->leaf, e);
        else if (kind == ENROL_WEB)
                done = requests_web_sign(r, n, s->key, &s->leaf, e);
        else
                done = site_ca_issue_node(r->ca, s->role, s->name, NULL, NULL, s->key, now_us,
                        r->node_days, &s->leaf, e);
        if (done == 0)
                done = x509_not_after(buf_bytes(&s->leaf), &s->until_us, e);
        if (done == 0)
                done = site_ca_chain_pem(
                        r->ca, requests_enrol_kinds[kind].issuer, buf_bytes(&s->leaf), &s->pem, e);
        return done;
}

/* A line before the certificate goes out. */
static int requests_enrol_audit(struct requests *r, const char *event,
        const struct requests_enrol_subject *s, struct err *e)
{
        char key[65], until[STR_TIME_ROOM];

        log_info(NULL, event, "role=%s name=%s", s->role, s->name);
        return requests_route_audit(r, event, NULL, NULL,
                json_pack("{s:s, s:s, s:s, s:s}", "role", s->role, "node", s->name, "key",
                        str_hex(key, BYTES(s->key_id, sizeof s->key_id)), "until",
                        str_time(until, s->until_us)),
                e);
}

static int requests_enrol_cacerts(
        struct requests *r, json_t *body, json_t **ret_body, const char **ret_remedy, struct err *e)
{
        struct buf both;

        (void)body;
        (void)ret_remedy;
        buf_init(&both, 4 * X509_CERT_MAX);
        int done = buf_append(&both, buf_bytes(&r->root_pem), e);
        if (done == 0)
                done = buf_append(&both, buf_bytes(&r->node_issuer_pem), e);
        if (done == 0)
                *ret_body = requests_enrol_certificates(&both);
        buf_done(&both);
        return done;
}

/* By its code */

static int requests_enrol_check_code(
        struct requests *r, const char *role, const char *name, const char *secret, struct err *e)
{
        uint8_t bytes[ENROL_CODE_SECRET_BYTES], hash[NODES_HASH_BYTES];

        if (str_unhex(bytes, sizeof bytes, secret, NULL) < 0)
                return err_set(e, ERR_AUTH, "the secret is no such text");
        enrol_code_hash(bytes, hash);
        explicit_bzero(bytes, sizeof bytes);
        return nodes_check_code(inventory_db(r->inventory), role, name, hash, clock_wall_us(), e);
}

static int requests_enrol_issue(struct requests *r, struct requests_enrol_subject *s, struct err *e)
{
        int done = requests_enrol_sign(r, s, ENROL_NODE, NULL, e);

        if (done == 0)
                done = nodes_enrol(inventory_db(r->inventory), s->role, s->name, s->until_us,
                        clock_wall_us(), e);
        return done < 0 ? done : requests_enrol_audit(r, "node.enrolled", s, e);
}

static int requests_enrol_new(
        struct requests *r, json_t *body, json_t **ret_body, const char **ret_remedy, struct err *e)
{
        const char *role, *name, *secret, *csr;
        struct requests_enrol_subject s;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s:s}", "role", &role, "name",
                    &name, "secret", &secret, "csr", &csr) < 0)
                return err_set(e, ERR_INVALID, "est.enroll: %s", why.text);
        int done = requests_enrol_check_code(r, role, name, secret, e);
        if (done < 0) {
                requests_enrol_note(r, "node.enrol_refused", role, name, e);
                if (done == ERR_AUTH) /* which of these it is, a guesser would like to know */
                        err_set(e, ERR_AUTH,
                                "the enrolment code is wrong, was used, or is too old");
                *ret_remedy = "On the manager: custos node add ROLE NAME makes another code.";
                return done;
        }
        done = requests_enrol_init(&s, role, name, csr, e);
        if (done == 0)
                done = requests_enrol_issue(r, &s, e);
        if (done == 0)
                *ret_body = requests_enrol_certificates(&s.pem);
        else
                requests_enrol_note(r, "node.enrol_refused", role, name, e);
        requests_enrol_done(&s);
        requests_node_listen(r, 0, NULL);
        return done;
}

/* By its certificate */

/* "custos://SITE/ROLE/NAME" of this site. */
static int requests_enrol_uri(struct requests *r, const char *uri,
        char role[static NODES_ROLE_ROOM], char name[static NODES_NAME_ROOM], struct err *e)
{
        char front[80];

        int n = snprintf(front, sizeof front, "custos://%s/", r->site);
        const char *slash = strncmp(uri, front, (size_t)n) == 0 ? strchr(uri + n, '/') : NULL;
        size_t role_n = slash ? (size_t)(slash - uri) - (size_t)n : 0;

        if (!slash || role_n >= NODES_ROLE_ROOM || strlen(slash + 1) >= NODES_NAME_ROOM)
                return err_set(e, ERR_DENIED, "not the URI of a node of this site");
        snprintf(role, NODES_ROLE_ROOM, "%.*s", (int)role_n, uri + n);
        snprintf(name, NODES_NAME_ROOM, "%s", slash + 1);
        return nodes_check(role, name, e);
}

/* Behind a seal certificate: whom else hour keys are wrapped for. */
static int requests_enrol_add_recovery(
        struct requests *r, struct requests_enrol_subject *s, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%.4000s/site/recovery.pem", r->state);
        return file_read(path, X509_CERT_MAX, &s->pem, e);
}

static int requests_enrol_renew(struct requests *r, struct requests_enrol_subject *s,
        const struct nodes_node *n, const uint8_t shown[static NODES_KEY_BYTES],
        enum requests_enrol_kind kind, struct err *e)
{
        int done = requests_enrol_sign(r, s, kind, n, e);

        if (done == 0 && kind == ENROL_SEAL)
                done = requests_enrol_add_recovery(r, s, e);
        if (done == 0)
                done = nodes_renew(inventory_db(r->inventory), s->role, s->name, shown,
                        kind == ENROL_NODE ? s->until_us : n->until_us, e);
        return done < 0 ? done : requests_enrol_audit(r, requests_enrol_kinds[kind].event, s, e);
}

static int requests_enrol_find_kind(
        const char *label, const char *role, enum requests_enrol_kind *ret, struct err *e)
{
        for (unsigned i = 0; i < ARRAY_LEN(requests_enrol_kinds); i++) {
                if (strcmp(label, requests_enrol_kinds[i].label) != 0)
                        continue;
                *ret = (enum requests_enrol_kind)i;
                if (i == ENROL_SEAL && strcmp(role, "recorder") != 0)
                        return err_set(e, ERR_DENIED, "a %s seals nothing: a recorder does", role);
                if (i == ENROL_WEB && strcmp(role, "gateway") != 0)
                        return err_set(e, ERR_DENIED, "a %s shows no page: a gateway does", role);
                return 0;
        }
        return err_set(e, ERR_NOT_FOUND, "there is no such kind of certificate");
}

static int requests_enrol_again(
        struct requests *r, json_t *body, json_t **ret_body, const char **ret_remedy, struct err *e)
{
        char role[NODES_ROLE_ROOM] = "", name[NODES_NAME_ROOM] = "";
        const char *uri, *key, *label, *csr;
        enum requests_enrol_kind kind = ENROL_NODE;
        struct requests_enrol_subject s = { 0 };
        struct nodes_node n;
        uint8_t shown[NODES_KEY_BYTES];
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s:s}", "uri", &uri, "key",
                    &key, "label", &label, "csr", &csr) < 0 ||
                str_unhex(shown, sizeof shown, key, NULL) < 0)
                return err_set(e, ERR_INVALID, "est.reenroll: malformed");
        int done = requests_enrol_uri(r, uri, role, name, e);
        if (done == 0)
                done = nodes_get(inventory_db(r->inventory), role, name, &n, e);
        if (done == ERR_NOT_FOUND)
                done = err_set(e, ERR_DENIED, "the site has no such node (any more)");
        if (done == 0)
                done = requests_enrol_check_key(r, &n, shown, e);
        if (done == 0)
                done = requests_enrol_find_kind(label, role, &kind, e);
        if (done == 0)
                done = requests_enrol_init(&s, role, name, csr, e);
        if (done == 0)
                done = requests_enrol_renew(r, &s, &n, shown, kind, e);
        if (done == 0)
                *ret_body = requests_enrol_certificates(&s.pem);
        else
                requests_enrol_note(r, "node.renewal_refused", role, name, e);
        if (done < 0 && e->fault == FAULT_WEB_NAME)
                *ret_remedy = fault_remedy(e->fault);
        else if (done == ERR_DENIED)
                *ret_remedy = "On the manager: custos node show says what is known of it.";
        requests_enrol_done(&s);
        return done;
}

/* By the key of a certificate that is not valid */
static int requests_enrol_late(
        struct requests *r, json_t *body, json_t **ret_body, const char **ret_remedy, struct err *e)
{
        char role[NODES_ROLE_ROOM] = "", name[NODES_NAME_ROOM] = "";
        const char *authorization, *csr;
        struct requests_enrol_subject s = { 0 };
        struct late_renewal l = { 0 };
        struct nodes_node n;
        uint8_t shown[NODES_KEY_BYTES];
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "authorization", &authorization,
                    "csr", &csr) < 0)
                return err_set(e, ERR_INVALID, "est.renew_late: %s", why.text);
        int done = late_renewal_parse(bytes_str(authorization), &l, e);
        if (done < 0)
                return done;
        verify_key_id(l.key, shown);
        done = requests_enrol_uri(r, l.uri, role, name, e);
        if (done == 0)
                done = nodes_get(inventory_db(r->inventory), role, name, &n, e);
        if (done == ERR_NOT_FOUND)
                done = err_set(e, ERR_DENIED, "the site has no such node (any more)");
        if (done == 0)
                done = requests_enrol_check_late(r, &n, &l, csr, e);
        if (done == 0)
                done = requests_enrol_init(&s, role, name, csr, e);
        if (done == 0)
                done = requests_enrol_renew(r, &s, &n, shown, false, e);
        if (done == 0)
                *ret_body = requests_enrol_certificates(&s.pem);
        else
                requests_enrol_note(r, "node.renewal_refused", role, name, e);
        if (done == ERR_DENIED)
                *ret_remedy = "On the manager: custos node show says what is known of it.";
        requests_enrol_done(&s);
        late_renewal_done(&l);
        return done;
}

int requests_enrol_on_request(void *owner, const char *type, json_t *body, json_t **ret_body,
        const char **ret_remedy, struct err *e)
{
        static const struct {
                const char *type;
                int (*run)(struct requests *r, json_t *body, json_t **ret_body,
                        const char **ret_remedy, struct err *e);
        } known[] = { { "est.cacerts", requests_enrol_cacerts },
                { "est.enroll", requests_enrol_new }, { "est.reenroll", requests_enrol_again },
                { "est.renew_late", requests_enrol_late } };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(known[i].type, type) == 0)
                        return known[i].run(owner, body, ret_body, ret_remedy, e);
        }
        return err_set(e, ERR_INVALID, "there is no request of that type");
}
