/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/nodes.h"

#include <stdio.h>

#include "base/secret.h"
#include "base/str.h"

static const char *const nodes_roles[] = { "manager", "recorder", "gateway", "events" };

int nodes_check(const char *role, const char *name, struct err *e)
{
        bool known = false;

        for (size_t i = 0; i < ARRAY_LEN(nodes_roles); i++)
                known |= strcmp(nodes_roles[i], role) == 0;
        if (!known)
                return err_set(e, ERR_INVALID,
                        "there is no such role of a node: it is recorder, gateway or events");
        if (!str_is_camera(name) || strlen(name) >= NODES_NAME_ROOM)
                return err_set(e, ERR_INVALID,
                        "a node's name has 1 to %d of a-z, 0-9 and '-', and begins and ends with a "
                        "letter or digit",
                        NODES_NAME_ROOM - 1);
        return 0;
}

#define NODES_SELECT                                                                               \
        "SELECT role, name, added_us, enrolled_us, revoked_us, reason, seen_us, address,"          \
        " until_us, key, code_until_us, code_tries FROM node"

static void nodes_read(const struct db_query *q, struct nodes_node *n)
{
        struct bytes key = db_blob(q, 9);

        *n = (struct nodes_node){ .added_us = db_i64(q, 2),
                .enrolled_us = db_i64(q, 3),
                .revoked_us = db_i64(q, 4),
                .seen_us = db_i64(q, 6),
                .until_us = db_i64(q, 8),
                .code_until_us = db_i64(q, 10),
                .code_tries = (unsigned)db_i64(q, 11) };
        snprintf(n->role, sizeof n->role, "%s", db_text(q, 0));
        snprintf(n->name, sizeof n->name, "%s", db_text(q, 1));
        snprintf(n->reason, sizeof n->reason, "%s", db_text(q, 5));
        snprintf(n->address, sizeof n->address, "%s", db_text(q, 7));
        if (key.n == sizeof n->key)
                memcpy(n->key, key.p, key.n);
}

static int nodes_none(const char *role, const char *name, struct err *e)
{
        return err_set(e, ERR_NOT_FOUND, "there is no node %s %s: custos node list shows them",
                role, name);
}

/* A statement about one node, its role and name bound to 1 and 2. */
static int nodes_about(struct db *d, const char *sql, const char *role, const char *name,
        struct db_query **ret, struct err *e)
{
        int r = db_query(d, sql, ret, e);

        if (r < 0)
                return r;
        db_bind_text(*ret, 1, role);
        db_bind_text(*ret, 2, name);
        return 0;
}

int nodes_get(
        struct db *d, const char *role, const char *name, struct nodes_node *ret, struct err *e)
{
        struct db_query *q;

        int r = nodes_check(role, name, e);
        if (r == 0)
                r = nodes_about(d, NODES_SELECT " WHERE role = ? AND name = ?", role, name, &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        if (r == 1)
                nodes_read(q, ret);
        db_reset(q);
        return r == 1 ? 0 : r == 0 ? nodes_none(role, name, e) : r;
}

int nodes_each(struct db *d, int (*on_node)(void *owner, const struct nodes_node *n, struct err *e),
        void *owner, struct err *e)
{
        struct nodes_node n;
        struct db_query *q;

        int r = db_query(d, NODES_SELECT " ORDER BY role, name", &q, e);
        if (r < 0)
                return r;
        while ((r = db_step(q, e)) == 1) {
                nodes_read(q, &n);
                r = on_node(owner, &n, e);
                if (r < 0)
                        break;
        }
        db_reset(q);
        return r;
}

bool nodes_is_certified(const struct nodes_node *n, int64_t now_us)
{
        return n->revoked_us == 0 && n->until_us > now_us;
}

/* Codes */

static int nodes_count(struct db *d, int64_t *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "SELECT count(*) FROM node", &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        if (r == 1)
                *ret = db_i64(q, 0);
        db_reset(q);
        return r < 0 ? r : 0;
}

static int nodes_add(
        struct db *d, const char *role, const char *name, int64_t now_us, struct err *e)
{
        struct db_query *q;
        int64_t n = 0;

        int r = nodes_count(d, &n, e);
        if (r < 0)
                return r;
        if (n >= NODES_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "the site has %d nodes, which is the most: custos node remove", NODES_MAX);
        r = nodes_about(
                d, "INSERT INTO node (role, name, added_us) VALUES (?, ?, ?)", role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 3, now_us);
        return db_run(q, e);
}

int nodes_open_code(struct db *d, const char *role, const char *name,
        const uint8_t hash[static NODES_HASH_BYTES], int64_t now_us, struct err *e)
{
        struct nodes_node n;
        struct db_query *q;

        int r = nodes_get(d, role, name, &n, e);
        if (r == 0 && nodes_is_certified(&n, now_us))
                return err_set(e, ERR_STATE,
                        "%s %s has a certificate that is good: a second host of that name would be "
                        "taken for it. Choose another name; or, if it takes the place of the first, "
                        "--again, which revokes that",
                        role, name);
        if (strcmp(role, "manager") == 0)
                return err_set(e, ERR_DENIED, "a site has one manager, which made it");
        if (r == ERR_NOT_FOUND)
                r = nodes_add(d, role, name, now_us, e);
        if (r == 0)
                r = nodes_about(d,
                        "UPDATE node SET code_hash = ?3, code_until_us = ?4, code_tries = ?5"
                        " WHERE role = ?1 AND name = ?2",
                        role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_blob(q, 3, BYTES(hash, NODES_HASH_BYTES));
        db_bind_i64(q, 4, now_us + NODES_CODE_LIFE_US);
        db_bind_i64(q, 5, NODES_CODE_TRIES);
        return db_run(q, e);
}

#define NODES_CLOSE_CODE "code_hash = x'', code_until_us = 0, code_tries = 0"

int nodes_close_code(struct db *d, const char *role, const char *name, struct err *e)
{
        struct db_query *q;

        int r = nodes_about(d, "UPDATE node SET " NODES_CLOSE_CODE " WHERE role = ?1 AND name = ?2",
                role, name, &q, e);
        return r < 0 ? r : db_run(q, e);
}

static int nodes_wrong_code(
        struct db *d, const char *role, const char *name, int64_t tries, struct err *e)
{
        struct db_query *q;

        if (tries <= 1) {
                int r = nodes_close_code(d, role, name, e);
                return r < 0 ? r
                             : err_set(e, ERR_AUTH,
                                       "the secret is wrong; the code is closed, it was "
                                       "the last try");
        }
        int r = nodes_about(d, "UPDATE node SET code_tries = ?3 WHERE role = ?1 AND name = ?2",
                role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 3, tries - 1);
        r = db_run(q, e);
        return r < 0 ? r
                     : err_set(e, ERR_AUTH, "the secret is wrong; %lld tries are left",
                               (long long)(tries - 1));
}

int nodes_check_code(struct db *d, const char *role, const char *name,
        const uint8_t hash[static NODES_HASH_BYTES], int64_t now_us, struct err *e)
{
        int64_t until_us = 0, tries = 0;
        struct db_query *q;
        bool open, same;

        if (nodes_check(role, name, NULL) < 0)
                return err_set(e, ERR_AUTH, "not the name of a node");
        int r = nodes_about(d,
                "SELECT code_hash, code_until_us, code_tries FROM node"
                " WHERE role = ? AND name = ?",
                role, name, &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        open = r == 1 && db_blob(q, 0).n == NODES_HASH_BYTES;
        same = open && secret_equal(db_blob(q, 0), BYTES(hash, NODES_HASH_BYTES));
        if (open) {
                until_us = db_i64(q, 1);
                tries = db_i64(q, 2);
        }
        db_reset(q);
        if (r < 0)
                return r;
        if (!open)
                return err_set(e, ERR_AUTH, "it has no open code: none was made, or it was used");
        if (until_us <= now_us) {
                r = nodes_close_code(d, role, name, e);
                return r < 0 ? r : err_set(e, ERR_AUTH, "the code is late");
        }
        return same ? 0 : nodes_wrong_code(d, role, name, tries, e);
}

/* Certificates */

int nodes_enrol(struct db *d, const char *role, const char *name, int64_t until_us, int64_t now_us,
        struct err *e)
{
        struct db_query *q;

        int r = nodes_about(d,
                "UPDATE node SET key = x'', until_us = ?3, enrolled_us = ?4, revoked_us = 0,"
                " reason = '', " NODES_CLOSE_CODE " WHERE role = ?1 AND name = ?2",
                role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 3, until_us);
        db_bind_i64(q, 4, now_us);
        return db_run(q, e);
}

int nodes_renew(struct db *d, const char *role, const char *name,
        const uint8_t shown[static NODES_KEY_BYTES], int64_t until_us, struct err *e)
{
        struct db_query *q;

        int r = nodes_about(d,
                "UPDATE node SET key = ?3, until_us = ?4 WHERE role = ?1 AND name = ?2", role, name,
                &q, e);
        if (r < 0)
                return r;
        db_bind_blob(q, 3, BYTES(shown, NODES_KEY_BYTES));
        db_bind_i64(q, 4, until_us);
        return db_run(q, e);
}

int nodes_see(struct db *d, const char *role, const char *name, const struct nodes_sight *s,
        struct err *e)
{
        struct db_query *q;

        /* What was issued may end later than what is still shown. */
        int r = nodes_about(d,
                "UPDATE node SET seen_us = ?3, address = ?4, until_us = max(until_us, ?6),"
                " key = iif(length(?5) = 32, ?5, key) WHERE role = ?1 AND name = ?2",
                role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 3, s->at_us);
        db_bind_text(q, 4, s->address);
        db_bind_blob(q, 5, BYTES(s->key, s->has_key ? NODES_KEY_BYTES : 0));
        db_bind_i64(q, 6, s->has_key ? s->until_us : 0);
        return db_run(q, e);
}

int nodes_revoke(struct db *d, const char *role, const char *name, const char *reason,
        int64_t now_us, struct err *e)
{
        struct nodes_node n;
        struct db_query *q;

        int r = nodes_get(d, role, name, &n, e);
        if (r == 0)
                r = nodes_about(d,
                        "UPDATE node SET revoked_us = ?3, reason = ?4, " NODES_CLOSE_CODE
                        " WHERE role = ?1 AND name = ?2",
                        role, name, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 3, now_us);
        db_bind_text(q, 4, reason);
        return db_run(q, e);
}

int nodes_check_removable(struct db *d, const char *role, const char *name, struct err *e)
{
        struct nodes_node n;

        int r = nodes_get(d, role, name, &n, e);
        if (r == 0 && strcmp(name, "main") == 0 &&
                (strcmp(role, "manager") == 0 || strcmp(role, "recorder") == 0))
                r = err_set(e, ERR_DENIED,
                        "%s main belongs to the site from its beginning. A recorder can be revoked: "
                        "custos node revoke",
                        role);
        return r;
}

int nodes_remove(struct db *d, const char *role, const char *name, struct err *e)
{
        struct db_query *q;

        int r = nodes_check_removable(d, role, name, e);
        if (r == 0)
                r = nodes_about(
                        d, "DELETE FROM node WHERE role = ? AND name = ?", role, name, &q, e);
        return r < 0 ? r : db_run(q, e);
}

/* For the port */

int nodes_any_code(struct db *d, int64_t now_us, int64_t *ret_until_us, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "SELECT max(code_until_us) FROM node WHERE code_until_us > ?", &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, now_us);
        r = db_step(q, e);
        if (r == 1)
                *ret_until_us = db_i64(q, 0);
        db_reset(q);
        return r < 0 ? r : 0;
}

static int nodes_any(struct db *d, const char *sql, int64_t now_us, bool *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, sql, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, now_us);
        r = db_step(q, e);
        *ret = r == 1;
        db_reset(q);
        return r < 0 ? r : 0;
}

int nodes_any_remote(struct db *d, int64_t now_us, bool *ret, struct err *e)
{
        return nodes_any(d,
                "SELECT 1 FROM node WHERE enrolled_us > 0 AND revoked_us = 0 AND until_us > ?",
                now_us, ret, e);
}

int nodes_any_gateway(struct db *d, bool here, int64_t now_us, bool *ret, struct err *e)
{
        /* Two that came by codes may share a host: that is not known. */
        return nodes_any(d,
                here ? "SELECT 1 FROM node WHERE role = 'gateway' AND enrolled_us > 0 AND "
                       "revoked_us = 0 AND until_us > ?"
                     : "SELECT 1 FROM node WHERE role = 'gateway' AND revoked_us = 0 AND "
                       "until_us > ?",
                now_us, ret, e);
}
