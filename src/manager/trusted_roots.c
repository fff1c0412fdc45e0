/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/trusted_roots.h"

#include <stdio.h>
#include <string.h>

static const char *const trusted_roots_classes[] = { "camera", "directory", "mail", "archive" };

int trusted_roots_check_class(const char *class_name, struct err *e)
{
        for (size_t i = 0; i < ARRAY_LEN(trusted_roots_classes); i++) {
                if (strcmp(trusted_roots_classes[i], class_name) == 0)
                        return 0;
        }
        return err_set(e, ERR_INVALID,
                "a root is trusted for one class: camera, directory, mail or archive");
}

int trusted_roots_each(struct db *d, const char *class_name,
        int (*on_root)(void *owner, const struct trusted_roots_root *r, struct err *e), void *owner,
        struct err *e)
{
        struct db_query *q;

        int r = db_query(d,
                "SELECT id, class, added_us, certificate FROM trusted_root"
                " WHERE ?1 IS NULL OR class = ?1 ORDER BY id",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, class_name);
        while ((r = db_step(q, e)) == 1) {
                struct trusted_roots_root root = {
                        .id = db_i64(q, 0), .added_us = db_i64(q, 2), .der = db_blob(q, 3)
                };
                snprintf(root.class_name, sizeof root.class_name, "%s", db_text(q, 1));
                r = on_root(owner, &root, e);
                if (r < 0)
                        break;
        }
        db_reset(q);
        return r;
}

struct trusted_roots_count {
        unsigned n;
        size_t bytes;
        const struct x509_root *wanted;
        int64_t known; /* number of the same root; 0: none */
};

static int trusted_roots_count(void *owner, const struct trusted_roots_root *r, struct err *e)
{
        struct trusted_roots_count *c = owner;

        (void)e;
        c->n++;
        c->bytes += r->der.n;
        if (bytes_equal(r->der, BYTES(c->wanted->der, c->wanted->der_n)))
                c->known = r->id;
        return 0;
}

static int trusted_roots_check_room(
        struct db *d, const char *class_name, const struct x509_root *root, struct err *e)
{
        struct trusted_roots_count c = { .wanted = root };

        int r = trusted_roots_check_class(class_name, e);
        if (r == 0)
                r = trusted_roots_each(d, class_name, trusted_roots_count, &c, e);
        if (r < 0)
                return r;
        if (c.known)
                return err_set(e, ERR_STATE,
                        "this root is trusted for that class already, as number %lld",
                        (long long)c.known);
        if (c.n >= TRUSTED_ROOTS_CLASS_MAX || c.bytes + root->der_n > TRUSTED_ROOTS_CLASS_BYTES)
                return err_set(e, ERR_EXHAUSTED,
                        "a class has at most %d roots, of %u KiB together: remove one that is not "
                        "needed",
                        TRUSTED_ROOTS_CLASS_MAX, TRUSTED_ROOTS_CLASS_BYTES >> 10);
        return 0;
}

int trusted_roots_add(struct db *d, const char *class_name, const struct x509_root *root,
        int64_t now_us, int64_t *ret_id, struct err *e)
{
        struct db_query *q;

        int r = trusted_roots_check_room(d, class_name, root, e);
        if (r == 0)
                r = db_query(d,
                        "INSERT INTO trusted_root (class, fingerprint, certificate, added_us)"
                        " VALUES (?, ?, ?, ?) RETURNING id",
                        &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, class_name);
        db_bind_blob(q, 2, BYTES(root->fingerprint, sizeof root->fingerprint));
        db_bind_blob(q, 3, BYTES(root->der, root->der_n));
        db_bind_i64(q, 4, now_us);
        r = db_step(q, e);
        int64_t id = r == 1 ? db_i64(q, 0) : 0;
        if (r == 1)
                r = db_step(q, e);
        db_reset(q);
        if (r == 0)
                *ret_id = id;
        return r;
}

int trusted_roots_remove(struct db *d, int64_t id, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "DELETE FROM trusted_root WHERE id = ? RETURNING id", &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, id);
        r = db_step(q, e);
        bool was = r == 1;
        if (was)
                r = db_step(q, e);
        db_reset(q);
        if (r < 0)
                return r;
        return was ? 0
                   : err_set(e, ERR_NOT_FOUND,
                             "there is no root of that number: custos trust list shows them");
}
