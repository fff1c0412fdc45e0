/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_tail.h"

#include "vault/index_parts.h"

int index_tail_made_by(
        struct index *ix, const char *object_key, const uint8_t epoch[static 16], struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "UPDATE segment SET epoch = ?2 WHERE object_key = ?1 AND fragments = 0", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, object_key);
        db_bind_blob(q, 2, BYTES(epoch, 16));
        return db_run(q, e);
}

static int one_row(struct db_query *q, struct index_segment *ret, struct err *e)
{
        int r = db_step(q, e);

        if (r > 0)
                index_read_row(q, ret);
        db_reset(q);
        return r == 0 ? err_set(e, ERR_NOT_FOUND, "no such segment in the index") : r < 0 ? r : 0;
}

int index_tail_find(
        struct index *ix, const char *object_key, struct index_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(
                ix->db, "SELECT " INDEX_COLUMNS " FROM segment WHERE object_key = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, object_key);
        return one_row(q, ret, e);
}

int index_tail_durable(struct index *ix, const char *stream, int64_t up_to_id,
        struct index_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS " FROM segment WHERE stream = ?1 AND id <= ?2 AND "
                "fragments > 0 ORDER BY id DESC LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, up_to_id);
        return one_row(q, ret, e);
}

int index_tail_newest_on(struct index *ix, const char *stream, uint32_t volume, bool durable,
        struct index_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS " FROM segment WHERE stream = ?1 AND volume = ?2 AND "
                "fragments >= ?3 ORDER BY id DESC LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, volume);
        db_bind_i64(q, 3, durable);
        return one_row(q, ret, e);
}

int index_tail_after(struct index *ix, const char *stream, int64_t id, uint32_t volume,
        struct index_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS " FROM segment WHERE stream = ?1 AND id > ?2 AND "
                "volume <> ?3 ORDER BY id LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, id);
        db_bind_i64(q, 3, volume);
        return one_row(q, ret, e);
}

int index_tail_open(struct index *ix, const char *stream, uint32_t volume,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e)
{
        struct index_segment s;
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS
                " FROM segment WHERE ended = 0 AND stream = ?1 AND volume = ?2 ORDER BY id",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, volume);
        while ((r = db_step(q, e)) > 0) {
                index_read_row(q, &s);
                r = on_segment(owner, &s, e);
                if (r != 0)
                        break;
        }
        db_reset(q);
        return r;
}
