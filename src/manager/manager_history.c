/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/manager_history.h"

#include <stdio.h>

#include "base/log.h"
#include "crypto/random.h"
#include "os/file.h"

static int manager_history_add(
        struct db *d, const uint8_t *id, bool restored, int64_t now_us, struct err *e)
{
        uint8_t restore[SITE_HISTORY_ID_BYTES];
        struct db_query *q;

        random_bytes(restore, sizeof restore);
        int r = db_query(
                d, "INSERT INTO manager_start (id, begun_us, restore_id) VALUES (?, ?, ?)", &q, e);
        if (r < 0)
                return r;
        db_bind_blob(q, 1, BYTES(id, SITE_HISTORY_ID_BYTES));
        db_bind_i64(q, 2, now_us);
        db_bind_blob(q, 3, BYTES(restore, restored ? sizeof restore : 0));
        return db_run(q, e);
}

/* Those that no recorder is told any more. */
static int manager_history_forget(struct db *d, struct err *e)
{
        struct db_query *q;

        int r = db_query(d,
                "DELETE FROM manager_start WHERE length(restore_id) = 0 AND number <="
                " (SELECT max(number) FROM manager_start) - ?",
                &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, SITE_HISTORY_BEFORE_MAX + 1);
        return db_run(q, e);
}

/* The ids that a statement gives; skip: the first is not among them. */
static int manager_history_list(struct db *d, const char *sql, bool skip, size_t max,
        uint8_t (*to)[SITE_HISTORY_ID_BYTES], size_t *ret_n, struct err *e)
{
        struct db_query *q;
        size_t n = 0;

        int r = db_query(d, sql, &q, e);
        while (r >= 0 && n < max && (r = db_step(q, e)) > 0) {
                struct bytes id = db_blob(q, 0);
                if (!skip && id.n == SITE_HISTORY_ID_BYTES)
                        memcpy(to[n++], id.p, id.n);
                skip = false;
        }
        if (r < 0)
                return r;
        db_reset(q);
        *ret_n = n;
        return 0;
}

static int manager_history_read(struct db *d, struct site_history *h, struct err *e)
{
        int r = manager_history_list(d, "SELECT id FROM manager_start ORDER BY number DESC", true,
                SITE_HISTORY_BEFORE_MAX, h->before, &h->before_n, e);
        if (r == 0)
                r = manager_history_list(d,
                        "SELECT restore_id FROM manager_start WHERE length(restore_id) > 0"
                        " ORDER BY number DESC",
                        false, SITE_HISTORY_RESTORES_MAX, h->restores, &h->restores_n, e);
        return r;
}

int manager_history_begin(
        struct db *d, const char *state, int64_t now_us, struct site_history *ret, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%.4000s/restored", state);
        bool restored = file_exists(path);
        random_bytes(ret->id, sizeof ret->id);
        int r = db_begin(d, e);
        if (r < 0)
                return r;
        r = manager_history_add(d, ret->id, restored, now_us, e);
        if (r == 0)
                r = manager_history_forget(d, e);
        if (r == 0)
                r = manager_history_read(d, ret, e);
        if (r == 0)
                r = db_commit(d, e);
        else
                db_rollback(d);
        /* Where it stays, the next start is a restore too: recorders take that one instead. */
        if (r == 0 && restored) {
                log_info(NULL, "manager.restored",
                        "effect=\"recorders follow this copy from now on\"");
                r = file_unlink(path, e);
        }
        return r;
}
