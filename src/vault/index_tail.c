/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_tail.h"

#include "base/pack.h"
#include "vault/index_parts.h"

#define BOUND_BYTES 56 /* a seal_link */

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

int index_tail_leave(
        struct index *ix, const char *stream, const struct seal_link *behind, struct err *e)
{
        CLEANUP(buf_done) struct buf out = { 0 };
        struct db_query *q;

        int r = db_query(ix->db,
                "UPDATE segment SET bound = ?2 WHERE ended = 0 AND stream = ?1 AND bound IS NULL",
                &q, e);
        if (r < 0)
                return r;
        buf_init(&out, BOUND_BYTES);
        struct pack p = pack_to(&out);
        pack_bytes(&p, BYTES(behind->epoch, sizeof behind->epoch));
        pack_u64(&p, behind->sequence);
        pack_bytes(&p, BYTES(behind->hash, sizeof behind->hash));
        db_bind_text(q, 1, stream);
        db_bind_blob(q, 2, buf_bytes(&out));
        return db_run(q, e);
}

static int read_bound(struct db_query *q, struct seal_link *ret, struct err *e)
{
        struct seal_link link;
        struct unpack u = unpack_of(db_blob(q, 0));

        unpack_copy(&u, link.epoch, sizeof link.epoch);
        link.sequence = unpack_u64(&u);
        unpack_copy(&u, link.hash, sizeof link.hash);
        if (!unpack_complete(&u))
                return err_set(e, ERR_NOT_FOUND, "no bound");
        *ret = link;
        return 0;
}

int index_tail_bound(
        struct index *ix, const char *stream, uint32_t volume, struct seal_link *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT bound FROM segment WHERE ended = 0 AND stream = ?1 AND volume = ?2"
                " ORDER BY id DESC LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, volume);
        r = db_step(q, e);
        if (r > 0)
                r = read_bound(q, ret, e);
        else if (r == 0)
                r = err_set(e, ERR_NOT_FOUND, "no open segment of %s there", stream);
        db_reset(q);
        return r;
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
