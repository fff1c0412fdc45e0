/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/table.h"

#define DB_BUSY_MS 5000

struct db_query {
        struct db *db;
        sqlite3_stmt *statement;
        bool bad; /* a binding failed */
};

struct db {
        sqlite3 *handle;
        struct table queries; /* by text */
};

static int db_error(struct db *d, struct err *e)
{
        int code = sqlite3_errcode(d->handle);
        const char *text = sqlite3_errmsg(d->handle);

        switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return err_set(e, ERR_CORRUPT, "database: %s", text);
        case SQLITE_CONSTRAINT:
                return err_set(e, ERR_STATE, "database: %s", text);
        case SQLITE_FULL:
                return err_set(e, ERR_EXHAUSTED, "database: the disk is full");
        case SQLITE_BUSY:
                return err_set(e, ERR_UNAVAILABLE, "database: another process holds it");
        default:
                return err_set(e, ERR_IO, "database: %s", text);
        }
}

static int db_exec(struct db *d, const char *sql, struct err *e)
{
        return sqlite3_exec(d->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(d, e);
}

/* SQLite makes files by the umask; a database of ours is for its owner. */
static int db_make_private(const char *path, struct err *e)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        close(fd);
        return 0;
}

int db_open(const char *path, enum db_durability durability, struct db **ret, struct err *e)
{
        int r = path ? db_make_private(path, e) : 0;
        if (r < 0)
                return r;
        struct db *d = xcalloc(1, sizeof *d);
        if (sqlite3_open_v2(path ? path : ":memory:", &d->handle,
                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
                r = err_set(e, ERR_IO, "cannot open the database %s: %s", path ? path : "in memory",
                        sqlite3_errmsg(d->handle));
                db_free(d);
                return r;
        }
        sqlite3_busy_timeout(d->handle, DB_BUSY_MS);
        sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        /* Statistics of the file decide whether it is a database at all: read one page. */
        r = db_exec(d,
                "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                "SELECT count(*) FROM sqlite_schema;",
                e);
        if (r == 0)
                r = db_exec(d,
                        durability == DB_DURABLE
                                ? "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON"
                                : "PRAGMA synchronous = NORMAL",
                        e);
        if (r < 0) {
                db_free(d);
                return err_wrap(e, r, "%s", path);
        }
        *ret = d;
        return 0;
}

struct db *db_free(struct db *d)
{
        struct db_query *q;
        size_t at = 0;

        if (!d)
                return NULL;
        while ((q = table_next(&d->queries, &at))) {
                sqlite3_finalize(q->statement);
                free(q);
        }
        table_done(&d->queries);
        sqlite3_close(d->handle);
        free(d);
        return NULL;
}

static int db_image_of(sqlite3 *copy, struct buf *out, struct err *e)
{
        sqlite3_int64 n = 0;
        unsigned char *image = sqlite3_serialize(copy, "main", &n, 0);

        if (!image)
                return err_set(e, ERR_EXHAUSTED, "database: no memory for a copy");
        int r = buf_append(out, BYTES(image, (size_t)n), e);
        explicit_bzero(image, (size_t)n);
        sqlite3_free(image);
        return r;
}

int db_image(struct db *d, struct buf *out, struct err *e)
{
        sqlite3 *copy = NULL;
        int r = 0;

        if (sqlite3_open_v2(":memory:", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
                SQLITE_OK) {
                sqlite3_close(copy);
                return err_set(e, ERR_EXHAUSTED, "database: no memory for a copy");
        }
        sqlite3_backup *b = sqlite3_backup_init(copy, "main", d->handle, "main");
        if (!b || sqlite3_backup_step(b, -1) != SQLITE_DONE)
                r = err_set(e, ERR_IO, "database: it cannot be copied: %s", sqlite3_errmsg(copy));
        sqlite3_backup_finish(b);
        if (r == 0)
                r = db_image_of(copy, out, e);
        sqlite3_close(copy);
        return r;
}

static int db_version(struct db *d, int64_t *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "PRAGMA user_version", &q, e);
        if (r == 0)
                r = db_step(q, e);
        if (r < 0)
                return r;
        *ret = db_i64(q, 0);
        db_reset(q);
        return 0;
}

static int db_upgrade(struct db *d, const char *sql, unsigned version, struct err *e)
{
        char stamp[48];

        int r = db_begin(d, e);
        if (r < 0)
                return r;
        snprintf(stamp, sizeof stamp, "PRAGMA user_version = %u", version);
        r = db_exec(d, sql, e);
        if (r == 0)
                r = db_exec(d, stamp, e);
        if (r == 0)
                r = db_commit(d, e);
        if (r < 0)
                db_rollback(d);
        return r < 0 ? err_wrap(e, r, "schema version %u", version) : 0;
}

int db_migrate(struct db *d, const char *const *steps, unsigned n, struct err *e)
{
        int64_t version;

        int r = db_version(d, &version, e);
        if (r < 0)
                return r;
        if (version < 0 || version > n)
                return err_set(e, ERR_STATE,
                        "the database has schema version %lld, this program knows up to %u: "
                        "it was written by a later Custos",
                        (long long)version, n);
        for (unsigned v = (unsigned)version; r == 0 && v < n; v++)
                r = db_upgrade(d, steps[v], v + 1, e);
        return r;
}

int db_begin(struct db *d, struct err *e)
{
        return db_exec(d, "BEGIN IMMEDIATE", e);
}

int db_commit(struct db *d, struct err *e)
{
        return db_exec(d, "COMMIT", e);
}

void db_rollback(struct db *d)
{
        (void)db_exec(d, "ROLLBACK", NULL);
}

int db_query(struct db *d, const char *sql, struct db_query **ret, struct err *e)
{
        struct db_query *q = table_get(&d->queries, sql);

        if (!q) {
                sqlite3_stmt *statement = NULL;
                if (sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                            NULL) != SQLITE_OK)
                        return db_error(d, e);
                q = xcalloc(1, sizeof *q);
                *q = (struct db_query){ .db = d, .statement = statement };
                table_put(&d->queries, sql, q);
        }
        db_reset(q);
        *ret = q;
        return 0;
}

void db_reset(struct db_query *q)
{
        sqlite3_reset(q->statement);
        sqlite3_clear_bindings(q->statement);
        q->bad = false;
}

void db_bind_text(struct db_query *q, int position, const char *text)
{
        q->bad |=
                sqlite3_bind_text(q->statement, position, text, -1, SQLITE_TRANSIENT) != SQLITE_OK;
}

void db_bind_i64(struct db_query *q, int position, int64_t value)
{
        q->bad |= sqlite3_bind_int64(q->statement, position, value) != SQLITE_OK;
}

void db_bind_blob(struct db_query *q, int position, struct bytes value)
{
        /* A null pointer would bind null instead of an empty value. */
        const void *p = value.n ? (const void *)value.p : "";

        q->bad |= sqlite3_bind_blob64(q->statement, position, p, value.n, SQLITE_TRANSIENT) !=
                  SQLITE_OK;
}

int db_step(struct db_query *q, struct err *e)
{
        if (q->bad)
                return db_error(q->db, e);
        switch (sqlite3_step(q->statement)) {
        case SQLITE_ROW:
                return 1;
        case SQLITE_DONE:
                return 0;
        default:
                return db_error(q->db, e);
        }
}

int db_run(struct db_query *q, struct err *e)
{
        int r;

        do
                r = db_step(q, e);
        while (r == 1);
        db_reset(q);
        return r;
}

const char *db_text(const struct db_query *q, int column)
{
        const unsigned char *text = sqlite3_column_text(q->statement, column);

        return text ? (const char *)text : "";
}

int64_t db_i64(const struct db_query *q, int column)
{
        return sqlite3_column_int64(q->statement, column);
}

struct bytes db_blob(const struct db_query *q, int column)
{
        const void *p = sqlite3_column_blob(q->statement, column);

        return BYTES(p, p ? (size_t)sqlite3_column_bytes(q->statement, column) : 0);
}

const char *db_library_version(void)
{
        return sqlite3_libversion();
}
