/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roots of others: trusted for one class of peers each, by an administrator's word. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "manager/requests_parts.h"
#include "manager/trusted_roots.h"
#include "os/clock.h"
#include "proto/url.h"

/* --- what cameras are judged by --- */

static int requests_root_append(void *owner, const struct trusted_roots_root *root, struct err *e)
{
        return x509_pem_format(root->der, owner, e);
}

int requests_root_load(struct requests *r, struct err *e)
{
        buf_clear(&r->vendors_pem);
        return trusted_roots_each(
                inventory_db(r->inventory), "camera", requests_root_append, &r->vendors_pem, e);
}

/* Whether a camera's certificate is the site's own: no vendor has a say in it. */
static bool requests_root_is_ours(struct requests *r, const uint8_t key[static 32])
{
        const struct issued *issued = site_ca_issued(r->ca);

        for (size_t i = 0; i < issued->n; i++) {
                const struct issued_certificate *c = &issued->certificates[i];
                if (c->issuer == ISSUED_CAMERAS && !c->revoked_us && memcmp(c->key, key, 32) == 0)
                        return true;
        }
        return false;
}

/* Its connection may stand on the root that went: it ends, and is made anew by what is trusted now.
 * One whose key is not known is begun from nothing. */
static int requests_root_cut(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests *r = owner;
        char text[65];
        struct url url;

        (void)e;
        if (strcmp(s->transport, "plain") == 0 || inventory_is_pinned(s) ||
                url_parse(s->url, &url, NULL) < 0)
                return 0;
        const uint8_t *key = tls_memory_key(r->memory, s->camera, url.host);
        if (key && requests_root_is_ours(r, key))
                return 0;
        if (key) {
                peers_ask(r->peers, "recorder", s->recorder, "connection.cut",
                        json_pack("{s:[s]}", "keys", str_hex(text, BYTES(key, 32))), 0, 0);
        } else {
                requests_route_end(r, s);
                requests_route_stream(r, s);
        }
        return 0;
}

/* --- one root --- */

static json_t *requests_root_object(int64_t id, const char *class_name, const struct x509_root *c)
{
        char fingerprint[65], until[STR_TIME_ROOM];

        return json_pack("{s:I, s:s, s:o, s:s, s:s}", "id", (json_int_t)id, "class", class_name,
                "subject", requests_text(c->subject), "fingerprint",
                str_hex(fingerprint, BYTES(c->fingerprint, 32)), "until",
                str_time(until, c->until_us));
}

/* With its key the site's own certificates would be somebody else's. */
static int requests_root_check_foreign(
        struct requests *r, const struct x509_root *root, struct err *e)
{
        uint8_t key[32];

        site_ca_fingerprint(r->ca, key);
        bool own = memcmp(key, root->key, sizeof key) == 0;
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++) {
                int done = x509_key_id(site_ca_issuer_cert(r->ca, i), key, e);
                if (done < 0)
                        return done;
                own |= memcmp(key, root->key, sizeof key) == 0;
        }
        return own ? err_set(e, ERR_DENIED,
                             "this is the site's own: it is trusted for what its issuers are for, "
                             "and for nothing else")
                   : 0;
}

static int requests_root_unpack(
        json_t *body, const char **ret_class, struct x509_root *root, struct err *e)
{
        const char *base64;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "class", ret_class, "certificate",
                    &base64) < 0)
                return err_set(e, ERR_INVALID, "trust.add: %s", why.text);
        int done = trusted_roots_check_class(*ret_class, e);
        if (done < 0)
                return done;
        uint8_t *der = xcalloc(1, X509_CERT_MAX);
        int n = str_unbase64(der, X509_CERT_MAX, bytes_str(base64), e);
        done = n < 0 ? err_wrap(e, ERR_INVALID, "trust.add: certificate")
                     : x509_root_read(BYTES(der, (size_t)n), clock_wall_us(), root, e);
        free(der);
        return done;
}

static int requests_root_put(struct requests *r, uint64_t tag, const char *class_name,
        const struct x509_root *root, int64_t *ret_id, struct err *e)
{
        struct db *d = inventory_db(r->inventory);

        int done = db_begin(d, e);
        if (done < 0)
                return done;
        done = trusted_roots_add(d, class_name, root, clock_wall_us(), ret_id, e);
        if (done == 0) {
                json_t *fields = requests_root_object(*ret_id, class_name, root);
                json_object_set_new(fields, "by", requests_text(desk_by(r->desk, tag)));
                done = requests_route_announce(r, "trust.added", NULL, NULL, fields, e);
        }
        if (done == 0)
                done = db_commit(d, e);
        if (done < 0)
                db_rollback(d);
        return done;
}

int requests_root_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct x509_root *root = xcalloc(1, sizeof *root);
        const char *class_name = "";
        int64_t id = 0;

        int done = requests_root_unpack(body, &class_name, root, e);
        if (done == 0)
                done = requests_root_check_foreign(r, root, e);
        if (done == 0)
                done = requests_root_put(r, tag, class_name, root, &id, e);
        if (done == 0)
                done = requests_root_load(r, e);
        if (done == 0) {
                log_warn(NULL, "trust.added", "class=%s id=%lld subject=\"%s\"", class_name,
                        (long long)id, root->subject);
                desk_answer(r->desk, tag,
                        json_pack("{s:o}", "root", requests_root_object(id, class_name, root)));
                if (strcmp(class_name, "camera") == 0)
                        requests_route_camera(r, NULL, false);
        }
        free(root);
        return done;
}

/* --- all of them --- */

static int requests_root_one(void *owner, const struct trusted_roots_root *root, struct err *e)
{
        char subject[256], until[STR_TIME_ROOM], added[STR_TIME_ROOM], fingerprint[65];
        uint8_t hash[HASH_BYTES];
        int64_t until_us;

        int done = x509_subject(root->der, subject, sizeof subject, e);
        if (done == 0)
                done = x509_not_after(root->der, &until_us, e);
        if (done < 0)
                return done;
        hash_once(root->der, hash);
        json_array_append_new(owner,
                json_pack("{s:I, s:s, s:o, s:s, s:s, s:s}", "id", (json_int_t)root->id, "class",
                        root->class_name, "subject", requests_text(subject), "fingerprint",
                        str_hex(fingerprint, BYTES(hash, sizeof hash)), "until",
                        str_time(until, until_us), "added", str_time(added, root->added_us)));
        return 0;
}

int requests_root_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        json_t *list = json_array();

        if (json_object_size(body)) {
                json_decref(list);
                return err_set(e, ERR_INVALID, "trust.list: nothing goes with it");
        }
        int done = trusted_roots_each(inventory_db(r->inventory), NULL, requests_root_one, list, e);
        if (done < 0) {
                json_decref(list);
                return done;
        }
        desk_answer(r->desk, tag, json_pack("{s:o}", "roots", list));
        return 0;
}

struct requests_root_wanted {
        int64_t id;
        json_t *found; /* list of one */
};

static int requests_root_match(void *owner, const struct trusted_roots_root *root, struct err *e)
{
        struct requests_root_wanted *w = owner;

        return root->id == w->id ? requests_root_one(w->found, root, e) : 0;
}

static int requests_root_take(
        struct requests *r, uint64_t tag, int64_t id, json_t *fields, struct err *e)
{
        struct db *d = inventory_db(r->inventory);

        json_object_set_new(fields, "by", requests_text(desk_by(r->desk, tag)));
        int done = db_begin(d, e);
        if (done < 0)
                return done;
        done = trusted_roots_remove(d, id, e);
        if (done == 0)
                done = requests_route_announce(
                        r, "trust.removed", NULL, NULL, json_incref(fields), e);
        if (done == 0)
                done = db_commit(d, e);
        if (done < 0)
                db_rollback(d);
        return done;
}

int requests_root_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_root_wanted w = { 0 };
        json_error_t why;
        json_int_t id;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:I}", "id", &id) < 0)
                return err_set(e, ERR_INVALID, "trust.remove: %s", why.text);
        w.id = id;
        w.found = json_array();
        int done = trusted_roots_each(inventory_db(r->inventory), NULL, requests_root_match, &w, e);
        json_t *root = json_array_get(w.found, 0);
        if (done == 0 && !root)
                done = err_set(e, ERR_NOT_FOUND,
                        "there is no root of that number: custos trust list shows them");
        if (done == 0)
                done = requests_root_take(r, tag, id, root, e);
        if (done == 0)
                done = requests_root_load(r, e);
        if (done == 0) {
                bool camera =
                        strcmp(json_string_value(json_object_get(root, "class")), "camera") == 0;
                log_warn(NULL, "trust.removed", "id=%lld", (long long)id);
                desk_answer(r->desk, tag, json_pack("{s:O}", "root", root));
                if (camera) {
                        requests_route_camera(r, NULL, false);
                        done = inventory_each(r->inventory, NULL, "", requests_root_cut, r, e);
                        if (done < 0)
                                log_error(NULL, "inventory.unreadable", "err=\"%s\"", e->text);
                        done = 0; /* it was answered */
                }
        }
        json_decref(w.found);
        return done;
}
