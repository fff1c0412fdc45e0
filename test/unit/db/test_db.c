/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/db.h"

static const char *const first_steps[] = {
        ("CREATE TABLE camera (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note BLOB);"
         "CREATE TABLE stream (camera INTEGER NOT NULL REFERENCES camera (id), name TEXT NOT NULL);"),
        "ALTER TABLE camera ADD COLUMN port INTEGER NOT NULL DEFAULT 322;",
        "CREATE TABLE broken (; this is no SQL",
};

struct fixture {
        char dir[40], path[60];
};

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        snprintf(f->dir, sizeof f->dir, "/tmp/custos-db-XXXXXX");
        if (!mkdtemp(f->dir))
                return -1;
        snprintf(f->path, sizeof f->path, "%s/site.sqlite", f->dir);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        char command[60];

        snprintf(command, sizeof command, "rm -r %s", f->dir);
        int r = system(command);
        free(f);
        return r;
}

static struct db *open_db(const struct fixture *f, unsigned steps)
{
        struct db *d;
        struct err e;

        assert_int_equal(db_open(f->path, DB_DURABLE, &d, &e), 0);
        assert_int_equal(db_migrate(d, first_steps, steps, &e), 0);
        return d;
}

static int add_camera(struct db *d, const char *name, struct bytes note)
{
        struct db_query *q;

        assert_int_equal(
                db_query(d, "INSERT INTO camera (name, note) VALUES (?1, ?2)", &q, NULL), 0);
        db_bind_text(q, 1, name);
        db_bind_blob(q, 2, note);
        return db_run(q, NULL);
}

static int64_t count(struct db *d)
{
        struct db_query *q;

        assert_int_equal(db_query(d, "SELECT count(*) FROM camera", &q, NULL), 0);
        assert_int_equal(db_step(q, NULL), 1);
        int64_t n = db_i64(q, 0);
        db_reset(q);
        return n;
}

static void test_values(void **state)
{
        static const uint8_t note[] = { 0, 1, 0xff, 0 };
        struct db *d = open_db(*state, 1);
        struct db_query *q;
        struct stat st;

        assert_int_equal(stat(((struct fixture *)*state)->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(
                add_camera(d, "l'obby\"; DROP TABLE camera;--", BYTES(note, sizeof note)), 0);
        assert_int_equal(add_camera(d, "empty", BYTES(NULL, 0)), 0);
        assert_int_equal(
                db_query(d, "SELECT name, note, id, NULL FROM camera ORDER BY id", &q, NULL), 0);
        assert_int_equal(db_step(q, NULL), 1);
        assert_string_equal(db_text(q, 0), "l'obby\"; DROP TABLE camera;--");
        assert_true(bytes_equal(db_blob(q, 1), BYTES(note, sizeof note)));
        assert_int_equal(db_i64(q, 2), 1);
        assert_string_equal(db_text(q, 3), "");
        assert_int_equal(db_step(q, NULL), 1);
        assert_int_equal(db_blob(q, 1).n, 0);
        assert_int_equal(db_step(q, NULL), 0);
        db_free(d);
}

static void test_constraints(void **state)
{
        struct db *d = open_db(*state, 1);
        struct db_query *q;

        assert_int_equal(add_camera(d, "lobby", BYTES(NULL, 0)), 0);
        assert_int_equal(add_camera(d, "lobby", BYTES(NULL, 0)), ERR_STATE);
        assert_int_equal(add_camera(d, NULL, BYTES(NULL, 0)), ERR_STATE);
        assert_int_equal(db_query(d, "INSERT INTO stream VALUES (?1, 'main')", &q, NULL), 0);
        db_bind_i64(q, 1, 77); /* no such camera: foreign keys are on */
        assert_int_equal(db_run(q, NULL), ERR_STATE);
        assert_true(db_query(d, "SELECT nothing FROM nowhere", &q, NULL) < 0);
        assert_int_equal(count(d), 1);
        db_free(d);
}

static void test_transactions(void **state)
{
        struct db *d = open_db(*state, 1);

        assert_int_equal(db_begin(d, NULL), 0);
        assert_int_equal(add_camera(d, "one", BYTES(NULL, 0)), 0);
        db_rollback(d);
        assert_int_equal(count(d), 0);
        assert_int_equal(db_begin(d, NULL), 0);
        assert_int_equal(add_camera(d, "two", BYTES(NULL, 0)), 0);
        assert_int_equal(db_commit(d, NULL), 0);
        db_free(d);
        d = open_db(*state, 1);
        assert_int_equal(count(d), 1);
        db_free(d);
}

static void test_migrations(void **state)
{
        struct db *d = open_db(*state, 1);
        struct db_query *q;
        struct err e;

        assert_int_equal(add_camera(d, "old", BYTES(NULL, 0)), 0);
        db_free(d);
        d = open_db(*state, 2);
        assert_int_equal(db_query(d, "SELECT port FROM camera", &q, NULL), 0);
        assert_int_equal(db_step(q, NULL), 1);
        assert_int_equal(db_i64(q, 0), 322);
        db_reset(q);
        /* A step that fails leaves the version before it. */
        assert_true(db_migrate(d, first_steps, 3, &e) < 0);
        assert_int_equal(db_migrate(d, first_steps, 2, &e), 0);
        assert_int_equal(count(d), 1);
        db_free(d);
        /* Written by a later program. */
        assert_int_equal(db_open(((struct fixture *)*state)->path, DB_DURABLE, &d, &e), 0);
        assert_int_equal(db_migrate(d, first_steps, 1, &e), ERR_STATE);
        db_free(d);
}

static void test_not_a_database(void **state)
{
        const struct fixture *f = *state;
        struct db *d = NULL;
        struct err e;
        FILE *file = fopen(f->path, "w");

        for (unsigned i = 0; i < 4096; i++)
                fputc('x', file);
        fclose(file);
        assert_int_equal(db_open(f->path, DB_DURABLE, &d, &e), ERR_CORRUPT);
        assert_null(d);
        assert_true(db_open("/nonexistent/site.sqlite", DB_DURABLE, &d, &e) < 0);
}

/* What was committed is there after the process was killed. */
static void test_killed(void **state)
{
        for (unsigned i = 0; i < 3; i++) {
                int gate[2];
                char byte;
                assert_int_equal(pipe(gate), 0);
                pid_t child = fork();
                if (child == 0) {
                        struct db *d = open_db(*state, 1);
                        char name[20];
                        snprintf(name, sizeof name, "camera%u", i);
                        if (add_camera(d, name, BYTES(NULL, 0)) != 0 || db_begin(d, NULL) != 0 ||
                                add_camera(d, "open", BYTES(NULL, 0)) != 0)
                                _exit(1);
                        if (write(gate[1], "k", 1) != 1)
                                _exit(1);
                        pause();
                        _exit(0);
                }
                assert_int_equal(read(gate[0], &byte, 1), 1);
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
                close(gate[0]);
                close(gate[1]);
                struct db *d = open_db(*state, 1);
                assert_int_equal(count(d), i + 1);
                db_free(d);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_values, setup, teardown),
                cmocka_unit_test_setup_teardown(test_constraints, setup, teardown),
                cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_migrations, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_a_database, setup, teardown),
                cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
