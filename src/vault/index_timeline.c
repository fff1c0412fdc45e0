/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_timeline.h"

#include "vault/index_parts.h"

int index_timeline_segment(struct index *ix, const char *stream, int64_t at_us,
        int64_t *ret_first_us, int64_t *ret_last_us, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT first_us, last_us FROM segment WHERE stream = ?1 AND last_us >= ?2"
                " AND fragments > 0 ORDER BY last_us LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, at_us);
        r = db_step(q, e);
        if (r > 0) {
                *ret_first_us = db_i64(q, 0);
                *ret_last_us = db_i64(q, 1);
        }
        db_reset(q);
        return r;
}

int index_timeline_gap(
        struct index *ix, const char *stream, int64_t at_us, struct seal_gap *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT from_us, to_us, cause FROM gap WHERE stream = ?1 AND to_us >= ?2"
                " ORDER BY to_us LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, at_us);
        r = db_step(q, e);
        if (r > 0)
                *ret = (struct seal_gap){ .from_us = db_i64(q, 0),
                        .to_us = db_i64(q, 1),
                        .cause = (uint8_t)db_i64(q, 2) };
        db_reset(q);
        return r;
}

int index_timeline_put_gaps(struct index *ix, const char *object_key, const struct seal_gap *gaps,
        unsigned n, struct err *e)
{
        int r = 0;

        for (unsigned i = 0; i < n && r >= 0; i++) {
                struct db_query *q;

                if (gaps[i].from_us == SEAL_UNKNOWN_US)
                        continue;
                r = db_query(ix->db,
                        "INSERT INTO gap (segment, stream, from_us, to_us, cause)"
                        " SELECT id, stream, ?2, ?3, ?4 FROM segment WHERE object_key = ?1",
                        &q, e);
                if (r < 0)
                        return r;
                db_bind_text(q, 1, object_key);
                db_bind_i64(q, 2, gaps[i].from_us);
                db_bind_i64(q, 3, gaps[i].to_us);
                db_bind_i64(q, 4, gaps[i].cause);
                r = db_run(q, e);
        }
        return r < 0 ? r : 0;
}

int index_timeline_drop_gaps(struct index *ix, const char *object_key, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "DELETE FROM gap WHERE segment = (SELECT id FROM segment WHERE object_key = ?1)",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, object_key);
        return db_run(q, e);
}
