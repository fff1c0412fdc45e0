/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/node_names.h"

int node_names_get(
        struct db *d, const char *role, const char *name, struct web_names *ret, struct err *e)
{
        struct web_names names = { 0 };
        struct db_query *q;

        int r = db_query(
                d, "SELECT name FROM node_name WHERE role = ? AND node = ? ORDER BY place", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, role);
        db_bind_text(q, 2, name);
        while ((r = db_step(q, e)) == 1) {
                r = web_names_add(&names, db_text(q, 0), e);
                if (r < 0)
                        break;
        }
        db_reset(q);
        if (r == 0)
                *ret = names;
        return r;
}

static int node_names_clear(struct db *d, const char *role, const char *name, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "DELETE FROM node_name WHERE role = ? AND node = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, role);
        db_bind_text(q, 2, name);
        return db_run(q, e);
}

static int node_names_insert(struct db *d, const char *role, const char *name, unsigned place,
        const char *text, struct err *e)
{
        struct db_query *q;

        int r = db_query(
                d, "INSERT INTO node_name (role, node, place, name) VALUES (?, ?, ?, ?)", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, role);
        db_bind_text(q, 2, name);
        db_bind_i64(q, 3, place);
        db_bind_text(q, 4, text);
        return db_run(q, e);
}

int node_names_set(struct db *d, const char *role, const char *name, const struct web_names *names,
        struct err *e)
{
        int r = db_begin(d, e);

        if (r < 0)
                return r;
        r = node_names_clear(d, role, name, e);
        for (unsigned i = 0; r == 0 && i < names->n; i++)
                r = node_names_insert(d, role, name, i, names->names[i].text, e);
        if (r == 0)
                r = db_commit(d, e);
        if (r < 0)
                db_rollback(d);
        return r;
}
