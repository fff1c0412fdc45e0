/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_lock.h"

#include <stdio.h>

#include "vault/index_parts.h"

int index_lock_put(struct index *ix, const char *id, const char *stream, int64_t from_us,
        int64_t to_us, const char *text, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "INSERT INTO lock (id, stream, from_us, to_us, text) VALUES (?1, ?2, ?3, ?4, ?5)"
                " ON CONFLICT DO UPDATE SET stream = excluded.stream, from_us = excluded.from_us,"
                " to_us = excluded.to_us, text = excluded.text",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, id);
        db_bind_text(q, 2, stream);
        db_bind_i64(q, 3, from_us);
        db_bind_i64(q, 4, to_us);
        db_bind_text(q, 5, text);
        return db_run(q, e);
}

int index_lock_remove(struct index *ix, const char *id, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db, "DELETE FROM lock WHERE id = ?1 RETURNING 1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, id);
        bool was_there = false;
        while ((r = db_step(q, e)) > 0)
                was_there = true;
        db_reset(q);
        if (r < 0)
                return r;
        return was_there ? 0 : err_set(e, ERR_NOT_FOUND, "there is no lock %s", id);
}

int index_lock_count(struct index *ix, unsigned *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db, "SELECT count(*) FROM lock", &q, e);
        if (r == 0)
                r = db_step(q, e);
        if (r < 0)
                return r;
        *ret = (unsigned)db_i64(q, 0);
        db_reset(q);
        return 0;
}

static void index_lock_read(const struct db_query *q, struct index_lock *l)
{
        *l = (struct index_lock){ .id = db_text(q, 0),
                .stream = db_text(q, 1),
                .text = db_text(q, 4),
                .from_us = db_i64(q, 2),
                .to_us = db_i64(q, 3) };
}

int index_lock_get(struct index *ix, const char *id,
        int (*on_lock)(void *owner, const struct index_lock *l, struct err *e), void *owner,
        struct err *e)
{
        struct index_lock l;
        struct db_query *q;

        int r = db_query(
                ix->db, "SELECT id, stream, from_us, to_us, text FROM lock WHERE id = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, id);
        r = db_step(q, e);
        if (r > 0) {
                index_lock_read(q, &l);
                r = on_lock(owner, &l, e);
        } else if (r == 0) {
                r = err_set(e, ERR_NOT_FOUND, "there is no lock %s", id);
        }
        db_reset(q);
        return r;
}

int index_lock_each(struct index *ix, const char *after,
        int (*on_lock)(void *owner, const struct index_lock *l, struct err *e), void *owner,
        struct err *e)
{
        struct index_lock l;
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT id, stream, from_us, to_us, text FROM lock WHERE id > ?1 ORDER BY id", &q,
                e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, after);
        while ((r = db_step(q, e)) > 0) {
                index_lock_read(q, &l);
                r = on_lock(owner, &l, e);
                if (r != 0)
                        break;
        }
        db_reset(q);
        return r;
}
