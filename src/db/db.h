/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one interface to a database: SQLite now, PostgreSQL behind the same functions later, so no
 * type of theirs is here. Statements are prepared by text once and kept; parameters are bound by
 * position from 1, columns read from 0. One connection belongs to one thread.
 */
#ifndef CUSTOS_DB_DB_H
#define CUSTOS_DB_DB_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct db;
struct db_query; /* borrowed from its db; valid until the next db_query of the same text, or db_free
                  */

enum db_durability {
        DB_DURABLE,    /* a commit survives a power cut; what is deleted is overwritten */
        DB_DISPOSABLE, /* consistent after a crash, but the last commits may be lost */
};

/* Made with mode 0600 when it is not there; path NULL: in memory, for this connection alone.
 * ERR_CORRUPT when it is no database. */
int db_open(
        const char *path, enum db_durability durability, struct db **ret, struct err *e) MUST_USE;
struct db *db_free(struct db *d);
const char *db_library_version(void);

/*
 * Brings the schema to version n: steps[i] is the SQL (several statements) from version i to i + 1,
 * each in a transaction. ERR_STATE when the database is of a later version than this program knows.
 */
int db_migrate(struct db *d, const char *const *steps, unsigned n, struct err *e) MUST_USE;

int db_begin(struct db *d, struct err *e) MUST_USE;
int db_commit(struct db *d, struct err *e) MUST_USE;
void db_rollback(struct db *d);

/* The whole database as the bytes of its file, as it stood at one moment, though others write to it
 * meanwhile. Appends to out, whose owner wipes it. */
int db_image(struct db *d, struct buf *out, struct err *e) MUST_USE;

/* Ready for binding: resets the kept statement of that text. */
int db_query(struct db *d, const char *sql, struct db_query **ret, struct err *e) MUST_USE;
void db_bind_text(struct db_query *q, int position, const char *text); /* NULL binds null; copied */
void db_bind_i64(struct db_query *q, int position, int64_t value);
void db_bind_blob(struct db_query *q, int position, struct bytes value); /* copied */
/* 1: a row is there; 0: done; ERR_STATE: a uniqueness or other constraint. */
int db_step(struct db_query *q, struct err *e) MUST_USE;
/* Borrowed until the next step; "" for null. */
const char *db_text(const struct db_query *q, int column);
int64_t db_i64(const struct db_query *q, int column);
struct bytes db_blob(const struct db_query *q, int column);
/* A statement without rows: step and reset. */
int db_run(struct db_query *q, struct err *e) MUST_USE;
void db_reset(struct db_query *q);

#endif
