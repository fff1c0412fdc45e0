/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_scrub.h"

#include <stdio.h>

#include "base/str.h"
#include "vault/index_parts.h"

/* Behind INDEX_COLUMNS. */
#define COLUMN_CHECKED 15
#define COLUMN_DAMAGE 16

int index_scrub_next(struct index *ix, uint32_t volume, int64_t before_us,
        struct index_segment *ret, int64_t *ret_checked_us, struct err *e)
{
        struct db_query *q;

        /* As segment_checked is ordered: no sort, whatever the number of rows. */
        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS ", checked_us FROM segment WHERE ended = 1"
                " AND volume = ?1 AND checked_us < ?2 AND fragments > 0 ORDER BY checked_us LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, volume);
        db_bind_i64(q, 2, before_us);
        r = db_step(q, e);
        if (r > 0) {
                index_read_row(q, ret);
                *ret_checked_us = db_i64(q, COLUMN_CHECKED);
        }
        db_reset(q);
        return r == 0 ? err_set(e, ERR_NOT_FOUND, "nothing to check") : r < 0 ? r : 0;
}

int index_scrub_set(struct index *ix, const char *object_key, int64_t checked_us,
        const char *damage, struct err *e)
{
        char text[INDEX_SCRUB_TEXT_MAX + 1];
        struct db_query *q;

        int r = db_query(ix->db,
                "UPDATE segment SET checked_us = ?2, damage = ?3 WHERE object_key = ?1", &q, e);
        if (r < 0)
                return r;
        if (damage)
                snprintf(text, sizeof text, "%s", damage);
        db_bind_text(q, 1, object_key);
        db_bind_i64(q, 2, checked_us);
        db_bind_text(q, 3, damage ? text : NULL);
        return db_run(q, e);
}

int index_scrub_damaged(struct index *ix, int64_t after_id, unsigned limit,
        int (*on_damage)(void *owner, const struct index_scrub_damage *d, struct err *e),
        void *owner, struct err *e)
{
        struct index_scrub_damage d;
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS ", checked_us, damage FROM segment"
                " WHERE damage IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2",
                &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, after_id);
        db_bind_i64(q, 2, limit);
        while ((r = db_step(q, e)) > 0) {
                index_read_row(q, &d.segment);
                d.checked_us = db_i64(q, COLUMN_CHECKED);
                snprintf(d.text, sizeof d.text, "%s", db_text(q, COLUMN_DAMAGE));
                r = on_damage(owner, &d, e);
                if (r != 0)
                        break;
        }
        db_reset(q);
        return r;
}

int index_scrub_newest(struct index *ix, uint32_t volume, int64_t *ret_us, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT last_us FROM segment WHERE volume = ?1 AND fragments > 0"
                " ORDER BY last_us DESC LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, volume);
        r = db_step(q, e);
        if (r > 0)
                *ret_us = db_i64(q, 0);
        db_reset(q);
        return r == 0 ? err_set(e, ERR_NOT_FOUND, "nothing is on it") : r < 0 ? r : 0;
}
