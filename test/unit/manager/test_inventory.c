/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory in a database of its own, and the words that go with a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "manager/inventory.h"

static char dir[] = "/tmp/custos-test-inventory-XXXXXX", path[64];

static void terms(void **state)
{
        static const struct {
                const char *url, *transport, *carrier;
                bool pin;
                int code;
                const char *says;
        } cases[] = {
                { "rtsps://h/x", "tls", "interleaved", false, 0, NULL },
                { "rtsps://h/x", "tls", "udp", false, 0, NULL },
                { "https://h/x", "tls", "tunnel", false, 0, NULL },
                { "https://h/x", "tls", "mjpeg", false, 0, NULL },
                { "https://h/x", "tls", "snapshot", false, 0, NULL },
                { "rtsps://h/x", "tls-pinned", "udp", true, 0, NULL },
                { "https://h/x", "tls-if-available", "tunnel", false, 0, NULL },
                { "rtsp://h/x", "plain", "interleaved", false, 0, NULL },
                { "rtsp://h/x", "plain", "udp", false, 0, NULL },
                { "http://h/x", "plain", "snapshot", false, 0, NULL },
                { "rtsp://h/x", "tls", "interleaved", false, ERR_DENIED, "Use rtsps://" },
                { "http://h/x", "tls", "tunnel", false, ERR_DENIED, "Use https://" },
                { "rtsp://h/x", "tls-if-available", "udp", false, ERR_DENIED, "--transport plain" },
                { "rtsp://h/x", "tls-pinned", "interleaved", true, ERR_DENIED, "not encrypted" },
                { "rtsps://h/x", "plain", "interleaved", false, ERR_INVALID, "goes with rtsp://" },
                { "https://h/x", "plain", "tunnel", false, ERR_INVALID, "goes with http://" },
                { "rtsps://h/x", "tls", "tunnel", false, ERR_INVALID, "https://" },
                { "rtsps://h/x", "tls", "mjpeg", false, ERR_INVALID, "https://" },
                { "https://h/x", "tls", "interleaved", false, ERR_INVALID, "tunnel" },
                { "https://h/x", "tls", "udp", false, ERR_INVALID, "rtsps://" },
                { "rtsps://h/x", "tls", "", false, ERR_INVALID, "carrier is" },
                { "rtsps://h/x", "TLS", "interleaved", false, ERR_INVALID, "transport is" },
                { "rtsps://h/x", "tls", "interleaved", true, ERR_INVALID, "a pin goes with" },
                { "rtsps://h/x", "tls-pinned", "interleaved", false, ERR_INVALID, "--pin" },
                { "ftp://h/x", "tls", "interleaved", false, ERR_INVALID, "url" },
                { "rtsps://u:p@h/x", "tls", "interleaved", false, ERR_INVALID, "url" },
        };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int r = camera_terms_check(
                        cases[i].url, cases[i].transport, cases[i].carrier, cases[i].pin, &e);
                if (r != cases[i].code || (cases[i].says && !strstr(e.text, cases[i].says)))
                        fail_msg("%s %s %s: %d %s", cases[i].url, cases[i].transport,
                                cases[i].carrier, r, r < 0 ? e.text : "");
        }
        assert_string_equal(camera_terms_carrier_of("rtsps://h/x"), "interleaved");
        assert_string_equal(camera_terms_carrier_of("http://h/x"), "tunnel");
        assert_string_equal(camera_terms_carrier_of("nonsense"), "");
        assert_true(camera_terms_is_exception("plain"));
        assert_true(camera_terms_is_exception("tls-if-available"));
        assert_false(camera_terms_is_exception("tls"));
        assert_false(camera_terms_is_exception("tls-pinned"));
}

static struct inventory_stream stream(const char *camera, const char *name)
{
        struct inventory_stream s = { .url = "rtsps://192.0.2.1/x",
                .user = "operator",
                .transport = "tls",
                .carrier = "interleaved",
                .audio = true };

        record_terms_defaults(&s.record);
        snprintf(s.camera, sizeof s.camera, "%s", camera);
        snprintf(s.stream, sizeof s.stream, "%s", name);
        assert_int_equal(secret_set(&s.password, bytes_str("s3cret"), NULL), 0);
        return s;
}

static int count(void *owner, const struct inventory_stream *s, struct err *e)
{
        (void)s;
        (void)e;
        ++*(unsigned *)owner;
        return 0;
}

static void streams(void **state)
{
        struct inventory_stream s = stream("lobby", "main"), sub = stream("lobby", "sub"), got;
        struct inventory *v = NULL;
        unsigned n = 0;
        struct err e;

        (void)state;
        unlink(path);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        assert_int_equal(inventory_add(v, &s, &e), 0);
        assert_int_equal(inventory_add(v, &sub, &e), 0);
        assert_int_equal(inventory_add(v, &sub, &e), ERR_STATE);
        snprintf(sub.carrier, sizeof sub.carrier, "udp");
        snprintf(sub.transport, sizeof sub.transport, "tls-pinned");
        sub.pin[3] = 9;
        sub.audio = false;
        assert_int_equal(inventory_set(v, &sub, &e), 0);
        v = inventory_free(v);
        assert_int_equal(inventory_open(path, &v, NULL), 0); /* over a restart */
        assert_int_equal(inventory_get(v, "lobby", "sub", &got, &e), 0);
        assert_string_equal(got.carrier, "udp");
        assert_true(inventory_is_pinned(&got));
        assert_int_equal(got.pin[3], 9);
        assert_false(got.audio);
        assert_true(bytes_equal(secret_bytes(&got.password), bytes_str("s3cret")));
        secret_done(&got.password);
        assert_int_equal(inventory_get(v, "lobby", "main", &got, &e), 0);
        assert_string_equal(got.transport, "tls");
        assert_string_equal(got.carrier, "interleaved");
        secret_done(&got.password);
        /* What does not fit is refused and changes nothing. */
        snprintf(s.transport, sizeof s.transport, "plain");
        assert_int_equal(inventory_set(v, &s, &e), ERR_INVALID);
        s = stream("nobody", "main");
        assert_int_equal(inventory_set(v, &s, &e), ERR_NOT_FOUND);
        s = stream("lobby", "third");
        assert_int_equal(inventory_set(v, &s, &e), ERR_NOT_FOUND);
        assert_int_equal(inventory_get(v, "nobody", "main", &got, &e), ERR_NOT_FOUND);
        assert_int_equal(inventory_each(v, "lobby", "", count, &n, &e), 0);
        assert_int_equal(n, 2);
        assert_int_equal(inventory_remove(v, "lobby", &e), 0);
        assert_int_equal(inventory_remove(v, "lobby", &e), ERR_NOT_FOUND);
        inventory_free(v);
}

static void record(void **state)
{
        struct inventory_stream s = stream("lobby", "main"), got;
        struct inventory *v = NULL;
        struct err e;

        (void)state;
        unlink(path);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        assert_int_equal(inventory_add(v, &s, &e), 0);
        s.record = (struct record_terms){ .mode = RECORD_EVENT,
                .between = RECORD_KEY_FRAMES,
                .schedule = "mon-fri 08:00-18:00",
                .pre_s = 60,
                .post_s = 3600,
                .min_days = 10,
                .max_days = 30,
                .quota_mb = RECORD_TERMS_QUOTA_MAX_MB };
        assert_int_equal(inventory_set(v, &s, &e), 0);
        v = inventory_free(v);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        assert_int_equal(inventory_get(v, "lobby", "main", &got, &e), 0);
        assert_int_equal(got.record.mode, RECORD_EVENT);
        assert_int_equal(got.record.between, RECORD_KEY_FRAMES);
        assert_string_equal(got.record.schedule, "mon-fri 08:00-18:00");
        assert_int_equal(got.record.pre_s, 60);
        assert_int_equal(got.record.post_s, 3600);
        assert_int_equal(got.record.min_days, 10);
        assert_int_equal(got.record.max_days, 30);
        assert_true(got.record.quota_mb == RECORD_TERMS_QUOTA_MAX_MB);
        secret_done(&got.password);
        s.record.min_days = 31;
        assert_int_equal(inventory_set(v, &s, &e), ERR_INVALID);
        s.record.min_days = 0;
        snprintf(s.record.schedule, sizeof s.record.schedule, "never");
        assert_int_equal(inventory_set(v, &s, &e), ERR_INVALID);
        inventory_free(v);
        secret_done(&s.password);
}

static void recorder_of(struct inventory *v, const char *camera, const char *name, const char *is)
{
        struct inventory_stream got;

        assert_int_equal(inventory_get(v, camera, name, &got, NULL), 0);
        assert_string_equal(got.recorder, is);
        secret_done(&got.password);
}

static void recorders(void **state)
{
        struct inventory_stream s = stream("lobby", "main"), sub = stream("lobby", "sub");
        struct inventory *v = NULL;
        struct err e;

        (void)state;
        unlink(path);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        assert_int_equal(inventory_add(v, &s, &e), 0);
        assert_string_equal(s.recorder, "main"); /* who has it where nobody says */
        /* All streams of a camera have one. */
        snprintf(sub.recorder, sizeof sub.recorder, "yard");
        assert_int_equal(inventory_add(v, &sub, &e), ERR_STATE);
        assert_non_null(strstr(e.text, "camera set --recorder"));
        sub.recorder[0] = '\0';
        assert_int_equal(inventory_add(v, &sub, &e), 0);
        assert_string_equal(sub.recorder, "main");
        snprintf(sub.recorder, sizeof sub.recorder, "yard");
        assert_int_equal(inventory_set(v, &sub, &e), 0);
        v = inventory_free(v);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        recorder_of(v, "lobby", "main", "yard");
        recorder_of(v, "lobby", "sub", "yard");
        /* What says nothing of it leaves it. */
        s.recorder[0] = '\0';
        assert_int_equal(inventory_set(v, &s, &e), 0);
        recorder_of(v, "lobby", "main", "yard");
        struct inventory_stream gate = stream("gate", "main");
        snprintf(gate.recorder, sizeof gate.recorder, "yard");
        assert_int_equal(inventory_add(v, &gate, &e), 0);
        recorder_of(v, "gate", "main", "yard");
        inventory_free(v);
}

/* As the released schemas were; a step is never changed. */
static const char *const released[] = {
        "CREATE TABLE camera ("
        "  name TEXT PRIMARY KEY NOT NULL,"
        "  added_us INTEGER NOT NULL,"
        "  note TEXT NOT NULL DEFAULT ''"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE stream ("
        "  camera TEXT NOT NULL REFERENCES camera(name) ON DELETE CASCADE,"
        "  name TEXT NOT NULL,"
        "  url TEXT NOT NULL,"
        "  user TEXT NOT NULL,"
        "  password BLOB NOT NULL,"
        "  transport TEXT NOT NULL CHECK (transport IN ('tls', 'tls-pinned', 'tls-if-available', 'plain')),"
        "  pin BLOB NOT NULL CHECK (length(pin) IN (0, 32)),"
        "  mode TEXT NOT NULL DEFAULT 'record' CHECK (mode IN ('record', 'live', 'off')),"
        "  audio INTEGER NOT NULL DEFAULT 1 CHECK (audio IN (0, 1)),"
        "  added_us INTEGER NOT NULL,"
        "  PRIMARY KEY (camera, name)"
        ") STRICT, WITHOUT ROWID;",
        "ALTER TABLE stream ADD COLUMN carrier TEXT NOT NULL DEFAULT 'interleaved'"
        "  CHECK (carrier IN ('interleaved', 'tunnel', 'udp', 'mjpeg', 'snapshot'));",
};

static void fill(struct db *d, unsigned version)
{
        static const char *const rows[] = {
                "INSERT INTO camera (name, added_us) VALUES ('gate', 17)",
                ("INSERT INTO stream (camera, name, url, user, password, transport, pin, audio,"
                 " added_us) VALUES ('gate', 'main', 'rtsps://192.0.2.7/1', 'op', x'7077',"
                 " 'tls-pinned', zeroblob(32), 0, 18)"),
                ("INSERT INTO stream (camera, name, url, user, password, transport, pin, added_us)"
                 " VALUES ('gate', 'sub', 'https://192.0.2.7/2', '', x'', 'tls', x'', 19)"),
        };
        struct db_query *q;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(db_query(d, rows[i], &q, NULL), 0);
                assert_int_equal(db_run(q, NULL), 0);
        }
        if (version < 2)
                return;
        assert_int_equal(
                db_query(d, "UPDATE stream SET carrier = 'tunnel' WHERE name = 'sub'", &q, NULL),
                0);
        assert_int_equal(db_run(q, NULL), 0);
}

/* A site of every earlier release: its cameras are what they were, and recorded at all times. */
static void migration(void **state)
{
        struct inventory_stream s;
        struct inventory *v;
        struct record_terms defaults;
        struct db *d;
        struct err e;

        (void)state;
        record_terms_defaults(&defaults);
        for (unsigned version = 1; version <= ARRAY_LEN(released); version++) {
                unlink(path);
                assert_int_equal(db_open(path, DB_DURABLE, &d, &e), 0);
                assert_int_equal(db_migrate(d, released, version, &e), 0);
                fill(d, version);
                db_free(d);
                assert_int_equal(inventory_open(path, &v, &e), 0);
                assert_int_equal(inventory_get(v, "gate", "main", &s, &e), 0);
                assert_string_equal(s.url, "rtsps://192.0.2.7/1");
                assert_string_equal(s.user, "op");
                assert_true(bytes_equal(secret_bytes(&s.password), bytes_str("pw")));
                assert_true(inventory_is_pinned(&s));
                assert_false(s.audio);
                assert_int_equal(s.added_us, 18);
                assert_memory_equal(&s.record, &defaults, sizeof defaults);
                secret_done(&s.password);
                assert_int_equal(inventory_get(v, "gate", "sub", &s, &e), 0);
                assert_string_equal(s.carrier, version < 2 ? "interleaved" : "tunnel");
                assert_true(s.audio);
                /* And they can be changed. */
                s.record.mode = RECORD_OFF;
                snprintf(s.carrier, sizeof s.carrier, "tunnel");
                assert_int_equal(inventory_set(v, &s, &e), 0);
                assert_int_equal(inventory_get(v, "gate", "sub", &s, &e), 0);
                assert_int_equal(s.record.mode, RECORD_OFF);
                inventory_free(v);
                /* An older program does not touch what it does not know. */
                assert_int_equal(db_open(path, DB_DURABLE, &d, &e), 0);
                assert_int_equal(db_migrate(d, released, ARRAY_LEN(released), &e), ERR_STATE);
                db_free(d);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(terms), cmocka_unit_test(streams),
                cmocka_unit_test(record), cmocka_unit_test(recorders),
                cmocka_unit_test(migration) };

        if (!mkdtemp(dir))
                return 1;
        snprintf(path, sizeof path, "%s/site.sqlite", dir);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        rmdir(dir);
        return failed;
}
