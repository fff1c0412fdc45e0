/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/inventory.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "manager/manager_history.h"
#include "os/clock.h"

struct inventory {
        struct db *db;
};

/* One step a released schema; a step that was released is never changed. */
static const char *const inventory_schema[] = {
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
        /* base/record_terms.h. The older column said nothing that was ever done. */
        "ALTER TABLE stream ADD COLUMN record TEXT NOT NULL DEFAULT 'always'"
        "  CHECK (record IN ('always', 'schedule', 'event', 'off'));"
        "ALTER TABLE stream ADD COLUMN between_times TEXT NOT NULL DEFAULT 'nothing'"
        "  CHECK (between_times IN ('nothing', 'key-frames'));"
        "ALTER TABLE stream ADD COLUMN schedule TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE stream ADD COLUMN pre_s INTEGER NOT NULL DEFAULT 5;"
        "ALTER TABLE stream ADD COLUMN post_s INTEGER NOT NULL DEFAULT 5;"
        "ALTER TABLE stream ADD COLUMN min_days INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE stream ADD COLUMN max_days INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE stream ADD COLUMN quota_mb INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE stream DROP COLUMN mode;",
        /* The site's nodes (nodes.h), and which recorder has a camera. */
        "CREATE TABLE node ("
        "  role TEXT NOT NULL CHECK (role IN ('manager', 'recorder', 'gateway', 'events')),"
        "  name TEXT NOT NULL,"
        "  added_us INTEGER NOT NULL,"
        "  enrolled_us INTEGER NOT NULL DEFAULT 0,"
        "  revoked_us INTEGER NOT NULL DEFAULT 0,"
        "  reason TEXT NOT NULL DEFAULT '',"
        "  seen_us INTEGER NOT NULL DEFAULT 0,"
        "  address TEXT NOT NULL DEFAULT '',"
        "  until_us INTEGER NOT NULL DEFAULT 0,"
        "  key BLOB NOT NULL DEFAULT x'' CHECK (length(key) IN (0, 32)),"
        "  code_hash BLOB NOT NULL DEFAULT x'' CHECK (length(code_hash) IN (0, 32)),"
        "  code_until_us INTEGER NOT NULL DEFAULT 0,"
        "  code_tries INTEGER NOT NULL DEFAULT 0,"
        "  PRIMARY KEY (role, name)"
        ") STRICT, WITHOUT ROWID;"
        "INSERT INTO node (role, name, added_us) VALUES"
        "  ('manager', 'main', unixepoch() * 1000000), ('recorder', 'main', unixepoch() * 1000000);"
        "ALTER TABLE camera ADD COLUMN recorder TEXT NOT NULL DEFAULT 'main';",
        /* Roots of others, each trusted for one class of peers (trusted_roots.h). */
        "CREATE TABLE trusted_root ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  class TEXT NOT NULL CHECK (class IN ('camera', 'directory', 'mail', 'archive')),"
        "  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),"
        "  certificate BLOB NOT NULL,"
        "  added_us INTEGER NOT NULL,"
        "  UNIQUE (class, fingerprint)"
        ") STRICT;",
        /* What was said of certificates that run out (certificate_watch.h). */
        "CREATE TABLE certificate_told ("
        "  what TEXT NOT NULL,"
        "  subject TEXT NOT NULL,"
        "  until_us INTEGER NOT NULL,"
        "  warnings INTEGER NOT NULL,"
        "  PRIMARY KEY (what, subject)) STRICT;",
        /* People (people.h), who is signed in (sessions.h), and the code for the first of them
           (setup_code.h). */
        "CREATE TABLE person ("
        "  name TEXT PRIMARY KEY COLLATE NOCASE NOT NULL,"
        "  role TEXT NOT NULL CHECK (role IN ('viewer', 'administrator')),"
        "  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),"
        "  password TEXT NOT NULL,"
        "  added_us INTEGER NOT NULL,"
        "  password_us INTEGER NOT NULL,"
        "  seen_us INTEGER NOT NULL DEFAULT 0"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE person_place ("
        "  person TEXT COLLATE NOCASE NOT NULL REFERENCES person(name) ON DELETE CASCADE,"
        "  place BLOB NOT NULL CHECK (length(place) = 16),"
        "  seen_us INTEGER NOT NULL,"
        "  PRIMARY KEY (person, place)"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE session ("
        "  id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 32),"
        "  token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),"
        "  person TEXT COLLATE NOCASE NOT NULL,"
        "  gateway TEXT NOT NULL,"
        "  address TEXT NOT NULL,"
        "  agent TEXT NOT NULL,"
        "  opened_us INTEGER NOT NULL,"
        "  until_us INTEGER NOT NULL,"
        "  seen_us INTEGER NOT NULL"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE setup_code ("
        "  id INTEGER PRIMARY KEY CHECK (id = 1),"
        "  hash BLOB NOT NULL CHECK (length(hash) = 32),"
        "  until_us INTEGER NOT NULL,"
        "  tries INTEGER NOT NULL,"
        "  remote INTEGER NOT NULL CHECK (remote IN (0, 1))"
        ") STRICT;",
        /* The host where the site was made has a gateway too. */
        "INSERT OR IGNORE INTO node (role, name, added_us) VALUES"
        "  ('gateway', 'main', unixepoch() * 1000000);",
        MANAGER_HISTORY_SCHEMA,
        /* By what a gateway's page is opened (node_names.h). */
        "CREATE TABLE node_name ("
        "  role TEXT NOT NULL,"
        "  node TEXT NOT NULL,"
        "  place INTEGER NOT NULL,"
        "  name TEXT NOT NULL,"
        "  PRIMARY KEY (role, node, name),"
        "  FOREIGN KEY (role, node) REFERENCES node(role, name) ON DELETE CASCADE"
        ") STRICT, WITHOUT ROWID;",
};

int inventory_open(const char *path, struct inventory **ret, struct err *e)
{
        struct inventory *v = xcalloc(1, sizeof *v);

        int r = db_open(path, DB_DURABLE, &v->db, e);
        if (r == 0)
                r = db_migrate(v->db, inventory_schema, ARRAY_LEN(inventory_schema), e);
        if (r < 0) {
                inventory_free(v);
                return r;
        }
        *ret = v;
        return 0;
}

struct inventory *inventory_free(struct inventory *v)
{
        if (!v)
                return NULL;
        db_free(v->db);
        free(v);
        return NULL;
}

struct db *inventory_db(struct inventory *v)
{
        return v->db;
}

bool inventory_is_pinned(const struct inventory_stream *s)
{
        return strcmp(s->transport, "tls-pinned") == 0;
}

int inventory_check(const struct inventory_stream *s, struct err *e)
{
        static const uint8_t none[sizeof s->pin];

        if (!str_is_camera(s->camera))
                return err_set(e, ERR_INVALID,
                        "a camera's name has 1 to 63 of a-z, 0-9 and '-', and begins and ends with a "
                        "letter or digit");
        if (!str_is_stream(s->stream))
                return err_set(e, ERR_INVALID,
                        "a stream's name has 1 to 16 of a-z and 0-9, such as main or sub");
        int r = camera_terms_check(
                s->url, s->transport, s->carrier, memcmp(s->pin, none, sizeof none) != 0, e);
        if (r < 0)
                return r;
        if ((s->user[0] != '\0') != (s->password.n != 0))
                return err_set(
                        e, ERR_INVALID, "user and password come together: one of them is missing");
        return record_terms_check(&s->record, e);
}

static int inventory_recorder(struct inventory *v, const char *camera,
        char to[static INVENTORY_RECORDER_ROOM], struct err *e)
{
        struct db_query *q;

        int r = db_query(v->db, "SELECT recorder FROM camera WHERE name = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, camera);
        r = db_step(q, e);
        if (r == 1)
                snprintf(to, INVENTORY_RECORDER_ROOM, "%s", db_text(q, 0));
        db_reset(q);
        return r == 0  ? err_set(e, ERR_NOT_FOUND,
                                 "there is no camera of that name: custos camera list shows them")
               : r < 0 ? r
                       : 0;
}

/* All its streams belong to one recorder: a second stream goes to that of the first. */
static int inventory_insert_camera(struct inventory *v, struct inventory_stream *s, struct err *e)
{
        char recorder[INVENTORY_RECORDER_ROOM];
        struct db_query *q;

        int r = inventory_recorder(v, s->camera, recorder, e);
        if (r == 0 && s->recorder[0] && strcmp(s->recorder, recorder) != 0)
                return err_set(e, ERR_STATE,
                        "camera %s belongs to recorder %s, with all its streams. To move it: custos "
                        "camera set --recorder",
                        s->camera, recorder);
        if (r == 0)
                snprintf(s->recorder, sizeof s->recorder, "%s", recorder);
        if (r != ERR_NOT_FOUND)
                return r;
        if (!s->recorder[0])
                snprintf(s->recorder, sizeof s->recorder, INVENTORY_RECORDER_FIRST);
        r = db_query(
                v->db, "INSERT INTO camera (name, added_us, recorder) VALUES (?, ?, ?)", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, s->camera);
        db_bind_i64(q, 2, clock_wall_us());
        db_bind_text(q, 3, s->recorder);
        return db_run(q, e);
}

static int inventory_set_recorder(
        struct inventory *v, const struct inventory_stream *s, struct err *e)
{
        struct db_query *q;

        int r = db_query(v->db, "UPDATE camera SET recorder = ?2 WHERE name = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, s->camera);
        db_bind_text(q, 2, s->recorder);
        return db_run(q, e);
}

static void inventory_bind(struct db_query *q, const struct inventory_stream *s)
{
        db_bind_text(q, 1, s->camera);
        db_bind_text(q, 2, s->stream);
        db_bind_text(q, 3, s->url);
        db_bind_text(q, 4, s->user);
        db_bind_blob(q, 5, secret_bytes(&s->password));
        db_bind_text(q, 6, s->transport);
        db_bind_blob(q, 7, BYTES(s->pin, inventory_is_pinned(s) ? sizeof s->pin : 0));
        db_bind_i64(q, 8, s->audio);
        db_bind_text(q, 9, s->carrier);
        db_bind_text(q, 10, record_mode_name(s->record.mode));
        db_bind_text(q, 11, record_between_name(s->record.between));
        db_bind_text(q, 12, s->record.schedule);
        db_bind_i64(q, 13, s->record.pre_s);
        db_bind_i64(q, 14, s->record.post_s);
        db_bind_i64(q, 15, s->record.min_days);
        db_bind_i64(q, 16, s->record.max_days);
        db_bind_i64(q, 17, (int64_t)s->record.quota_mb);
}

static int inventory_insert_stream(
        struct inventory *v, const struct inventory_stream *s, struct err *e)
{
        struct db_query *q;

        int r = db_query(v->db,
                "INSERT INTO stream"
                " (camera, name, url, user, password, transport, pin, audio, carrier, record,"
                " between_times, schedule, pre_s, post_s, min_days, max_days, quota_mb, added_us)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                &q, e);
        if (r < 0)
                return r;
        inventory_bind(q, s);
        db_bind_i64(q, 18, clock_wall_us());
        r = db_run(q, e);
        if (r == ERR_STATE)
                return err_set(e, ERR_STATE,
                        "camera %s has a stream %s already. Remove the camera first, or give the "
                        "stream another name",
                        s->camera, s->stream);
        return r;
}

int inventory_add(struct inventory *v, struct inventory_stream *s, struct err *e)
{
        int r = inventory_check(s, e);
        if (r == 0)
                r = db_begin(v->db, e);
        if (r < 0)
                return r;
        r = inventory_insert_camera(v, s, e);
        if (r == 0)
                r = inventory_insert_stream(v, s, e);
        if (r == 0)
                r = db_commit(v->db, e);
        if (r < 0)
                db_rollback(v->db);
        return r;
}

static int inventory_exists(struct inventory *v, const char *camera, struct err *e)
{
        char recorder[INVENTORY_RECORDER_ROOM];

        return inventory_recorder(v, camera, recorder, e);
}

int inventory_remove(struct inventory *v, const char *camera, struct err *e)
{
        struct db_query *q;

        int r = inventory_exists(v, camera, e);
        if (r < 0)
                return r;
        r = db_query(v->db, "DELETE FROM camera WHERE name = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, camera);
        return db_run(q, e);
}

#define INVENTORY_SELECT                                                                           \
        "SELECT stream.camera, stream.name, url, user, password, transport, pin, audio,"           \
        " stream.added_us, carrier, record, between_times, schedule, pre_s, post_s, min_days,"     \
        " max_days, quota_mb, recorder FROM stream JOIN camera ON camera.name = stream.camera"

/* Words and bounds were checked when they were written, and the schema holds them to it; where a
 * row is damaged all the same, its stream is recorded. */
static void inventory_read_record(const struct db_query *q, struct record_terms *t)
{
        int mode = record_mode_find(db_text(q, 10)), between = record_between_find(db_text(q, 11));

        *t = (struct record_terms){ .mode = mode < 0 ? RECORD_ALWAYS : (enum record_mode)mode,
                .between = between < 0 ? RECORD_NOTHING : (enum record_between)between,
                .pre_s = (unsigned)db_i64(q, 13),
                .post_s = (unsigned)db_i64(q, 14),
                .min_days = (unsigned)db_i64(q, 15),
                .max_days = (unsigned)db_i64(q, 16),
                .quota_mb = (uint64_t)db_i64(q, 17) };
        snprintf(t->schedule, sizeof t->schedule, "%s", db_text(q, 12));
}

static int inventory_read(const struct db_query *q, struct inventory_stream *s, struct err *e)
{
        struct bytes pin = db_blob(q, 6);

        memset(s, 0, sizeof *s);
        snprintf(s->camera, sizeof s->camera, "%s", db_text(q, 0));
        snprintf(s->stream, sizeof s->stream, "%s", db_text(q, 1));
        snprintf(s->recorder, sizeof s->recorder, "%s", db_text(q, 18));
        snprintf(s->url, sizeof s->url, "%s", db_text(q, 2));
        snprintf(s->user, sizeof s->user, "%s", db_text(q, 3));
        snprintf(s->transport, sizeof s->transport, "%s", db_text(q, 5));
        snprintf(s->carrier, sizeof s->carrier, "%s", db_text(q, 9));
        if (pin.n == sizeof s->pin)
                memcpy(s->pin, pin.p, sizeof s->pin);
        s->audio = db_i64(q, 7) != 0;
        s->added_us = db_i64(q, 8);
        inventory_read_record(q, &s->record);
        return secret_set(&s->password, db_blob(q, 4), e);
}

static int inventory_set_stream(
        struct inventory *v, const struct inventory_stream *s, struct err *e)
{
        struct db_query *q;

        int r = db_query(v->db,
                "UPDATE stream SET url = ?3, user = ?4, password = ?5, transport = ?6, pin = ?7,"
                " audio = ?8, carrier = ?9, record = ?10, between_times = ?11, schedule = ?12,"
                " pre_s = ?13, post_s = ?14, min_days = ?15, max_days = ?16, quota_mb = ?17"
                " WHERE camera = ?1 AND name = ?2",
                &q, e);
        if (r < 0)
                return r;
        inventory_bind(q, s);
        return db_run(q, e);
}

int inventory_set(struct inventory *v, const struct inventory_stream *s, struct err *e)
{
        struct inventory_stream before;

        int r = inventory_check(s, e);
        if (r == 0)
                r = inventory_get(v, s->camera, s->stream, &before, e);
        if (r < 0)
                return r;
        secret_done(&before.password);
        r = db_begin(v->db, e);
        if (r < 0)
                return r;
        r = inventory_set_stream(v, s, e);
        if (r == 0 && s->recorder[0] && strcmp(s->recorder, before.recorder) != 0)
                r = inventory_set_recorder(v, s, e);
        if (r == 0)
                r = db_commit(v->db, e);
        if (r < 0)
                db_rollback(v->db);
        return r;
}

int inventory_get(struct inventory *v, const char *camera, const char *stream,
        struct inventory_stream *ret, struct err *e)
{
        struct db_query *q;

        int r = inventory_exists(v, camera, e);
        if (r < 0)
                return r;
        r = db_query(v->db, INVENTORY_SELECT " WHERE stream.camera = ? AND stream.name = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, camera);
        db_bind_text(q, 2, stream);
        r = db_step(q, e);
        if (r == 1)
                r = inventory_read(q, ret, e);
        else if (r == 0)
                r = err_set(e, ERR_NOT_FOUND, "camera %s has no stream of that name", camera);
        db_reset(q);
        return r;
}

int inventory_each(struct inventory *v, const char *camera, const char *after,
        int (*on_stream)(void *owner, const struct inventory_stream *s, struct err *e), void *owner,
        struct err *e)
{
        struct inventory_stream s = { 0 };
        struct db_query *q;

        int r = db_query(v->db,
                INVENTORY_SELECT " WHERE (?1 IS NULL OR stream.camera = ?1) AND stream.camera > ?2"
                                 " ORDER BY stream.camera, stream.name",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, camera);
        db_bind_text(q, 2, after);
        while ((r = db_step(q, e)) == 1) {
                r = inventory_read(q, &s, e);
                if (r == 0)
                        r = on_stream(owner, &s, e);
                secret_done(&s.password);
                if (r < 0)
                        break;
        }
        db_reset(q);
        return r;
}
