/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"
#include "vault/index_parts.h"
#include "vault/index_timeline.h"

/* No segment lasts as long: what ends later than this behind a range began behind it too, so that a
 * search reads what it finds and little more. */
#define SPAN_US INT64_C(600000000)

/* A segment is a minute of a camera: few columns, small indexes. */
static const char *const index_steps[] = {
        "CREATE TABLE segment ("
        " id INTEGER PRIMARY KEY,"
        " volume INTEGER NOT NULL,"
        " stream TEXT NOT NULL,"
        " object_key TEXT NOT NULL UNIQUE,"
        " created_us INTEGER NOT NULL,"
        " first_us INTEGER, last_us INTEGER,"
        " bytes INTEGER NOT NULL DEFAULT 0,"
        " epoch BLOB, first_seq INTEGER, last_seq INTEGER, last_hash BLOB,"
        " fragments INTEGER NOT NULL DEFAULT 0,"
        " closed INTEGER NOT NULL DEFAULT 0,"
        " ended INTEGER NOT NULL DEFAULT 0,"
        " checked_us INTEGER NOT NULL DEFAULT 0," /* by the scrubber; 0: never */
        " damage TEXT,"                           /* what it found; NULL: nothing */
        " bound BLOB);"                           /* index_tail_leave */
        "CREATE INDEX segment_time ON segment (stream, last_us);"
        /* The newest of a stream, by id: of all, and on one volume. */
        "CREATE INDEX segment_stream ON segment (stream);"
        "CREATE INDEX segment_on ON segment (stream, volume);"
        /* Few rows each: what is being written, what is damaged, the oldest check. */
        "CREATE INDEX segment_open ON segment (ended) WHERE ended = 0;"
        "CREATE INDEX segment_damage ON segment (id) WHERE damage IS NOT NULL;"
        "CREATE INDEX segment_checked ON segment (volume, checked_us) WHERE ended = 1;"
        "CREATE TABLE lock ("
        " id TEXT PRIMARY KEY, stream TEXT NOT NULL, from_us INTEGER NOT NULL,"
        " to_us INTEGER NOT NULL, text TEXT NOT NULL);" /* text: as in its file */

        /* For retention (index_retention.h). What is being written costs nothing here: triggers and
         * index look at what has ended; the rest is found by segment_open. */
        "CREATE INDEX segment_keep ON segment (volume, stream, last_us) WHERE ended = 1;"
        "CREATE TABLE usage ("
        " stream TEXT NOT NULL, volume INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " segments INTEGER NOT NULL, PRIMARY KEY (stream, volume)) WITHOUT ROWID;"
        "CREATE TRIGGER segment_put AFTER INSERT ON segment WHEN NEW.ended BEGIN"
        " INSERT INTO usage VALUES (NEW.stream, NEW.volume, NEW.bytes, 1)"
        "  ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, segments = segments + 1;"
        " END;"
        "CREATE TRIGGER segment_changed AFTER UPDATE OF ended, bytes, volume ON segment"
        " WHEN OLD.ended OR NEW.ended BEGIN"
        " UPDATE usage SET bytes = bytes - OLD.bytes, segments = segments - 1"
        "  WHERE OLD.ended AND stream = OLD.stream AND volume = OLD.volume;"
        " DELETE FROM usage"
        "  WHERE stream = OLD.stream AND volume = OLD.volume AND segments < 1;"
        " INSERT INTO usage SELECT NEW.stream, NEW.volume, NEW.bytes, 1 WHERE NEW.ended"
        "  ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, segments = segments + 1;"
        " END;"
        /* What was recorded in which hour since 1970, for the forecast. */
        "CREATE TABLE flow ("
        " hour INTEGER NOT NULL, volume INTEGER NOT NULL, stream TEXT NOT NULL,"
        " bytes INTEGER NOT NULL, from_us INTEGER NOT NULL,"
        " PRIMARY KEY (hour, volume, stream)) WITHOUT ROWID;"
        "CREATE TRIGGER segment_recorded AFTER UPDATE OF ended ON segment"
        " WHEN NEW.ended AND NOT OLD.ended AND NEW.fragments > 0 BEGIN"
        " INSERT INTO flow VALUES (NEW.last_us / 3600000000, NEW.volume, NEW.stream, NEW.bytes,"
        "  NEW.first_us) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes,"
        "  from_us = min(from_us, excluded.from_us);"
        " END;"
        /* Hours in which a segment went: their keys may be of no use any more. */
        "CREATE TABLE emptied ("
        " hour INTEGER NOT NULL, volume INTEGER NOT NULL, stream TEXT NOT NULL,"
        " PRIMARY KEY (hour, volume, stream)) WITHOUT ROWID;"
        "CREATE TRIGGER segment_gone AFTER DELETE ON segment BEGIN"
        " UPDATE usage SET bytes = bytes - OLD.bytes, segments = segments - 1"
        "  WHERE OLD.ended AND stream = OLD.stream AND volume = OLD.volume;"
        " DELETE FROM usage"
        "  WHERE stream = OLD.stream AND volume = OLD.volume AND segments < 1;"
        " INSERT OR IGNORE INTO emptied SELECT OLD.created_us / 3600000000, OLD.volume,"
        "  OLD.stream WHERE OLD.created_us > 0;"
        " INSERT OR IGNORE INTO emptied SELECT OLD.first_us / 3600000000, OLD.volume, OLD.stream"
        "  WHERE OLD.first_us > 0;"
        " INSERT OR IGNORE INTO emptied SELECT OLD.last_us / 3600000000, OLD.volume, OLD.stream"
        "  WHERE OLD.last_us > 0;"
        " END;"
        /* What holds for a stream for as long as it has footage, camera and manager or not. */
        "CREATE TABLE terms ("
        " stream TEXT PRIMARY KEY, min_days INTEGER NOT NULL, max_days INTEGER NOT NULL,"
        " quota_mb INTEGER NOT NULL) WITHOUT ROWID;",

        /* What is missing, as the seals say (index_timeline.h): few rows, of few segments. */
        "CREATE TABLE gap ("
        " segment INTEGER NOT NULL," /* whose seal says so */
        " stream TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,"
        " cause INTEGER NOT NULL);"
        "CREATE INDEX gap_time ON gap (stream, to_us);"
        "CREATE INDEX gap_segment ON gap (segment);"
        "CREATE TRIGGER gap_gone AFTER DELETE ON segment BEGIN"
        " DELETE FROM gap WHERE segment = OLD.id;"
        " END;",
        /* retention_clock.h; one row */
        "CREATE TABLE aging ("
        " id INTEGER PRIMARY KEY CHECK (id = 1), expected_us INTEGER NOT NULL,"
        " wall_us INTEGER NOT NULL, boot_us INTEGER NOT NULL, held_us INTEGER NOT NULL);",
};

static int index_open_path(const char *path, struct index **ret, struct err *e)
{
        CLEANUP(index_freep) struct index *ix = xcalloc(1, sizeof *ix);

        int r = db_open(path, DB_DISPOSABLE, &ix->db, e);
        if (r == 0)
                r = db_migrate(ix->db, index_steps, ARRAY_LEN(index_steps), e);
        if (r < 0)
                return r;
        *ret = TAKE(ix);
        return 0;
}

int index_open(const char *directory, struct index **ret, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", directory, INDEX_NAME);

        /* An empty one would hide the footage that is there. */
        if (!file_exists(path))
                return err_set(e, ERR_NOT_FOUND,
                        "%s is missing: custos vault rebuild makes it again", path);
        int r = index_open_path(path, ret, e);
        return r < 0 ? err_wrap(e, r, "index (custos vault rebuild makes it again)") : 0;
}

int index_create(const char *path, struct index **ret, struct err *e)
{
        return index_open_path(path, ret, e);
}

struct index *index_free(struct index *ix)
{
        if (ix)
                db_free(ix->db);
        free(ix);
        return NULL;
}

void index_freep(struct index **ix)
{
        index_free(*ix);
}

int index_begin(struct index *ix, struct err *e)
{
        return db_begin(ix->db, e);
}

int index_commit(struct index *ix, struct err *e)
{
        return db_commit(ix->db, e);
}

void index_rollback(struct index *ix)
{
        db_rollback(ix->db);
}

int index_created(struct index *ix, uint32_t volume, const char *stream, const char *object_key,
        int64_t created_us, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "INSERT INTO segment (stream, object_key, created_us, volume) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (object_key) DO UPDATE SET created_us = created_us"
                " WHERE volume = excluded.volume RETURNING id",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_text(q, 2, object_key);
        db_bind_i64(q, 3, created_us);
        db_bind_i64(q, 4, volume);
        r = db_step(q, e); /* a row: it is there now */
        if (r == 0)
                r = err_set(e, ERR_STATE, "%s lies on another volume", object_key);
        else if (r > 0)
                r = db_step(q, e);
        db_reset(q);
        return r;
}

int index_durable(
        struct index *ix, const char *stream, const struct segment_writer_report *s, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "UPDATE segment SET first_us = coalesce(first_us, ?3), last_us = ?4, bytes = ?5,"
                " epoch = ?6, first_seq = coalesce(first_seq, ?7), last_seq = ?7, fragments = ?8,"
                " closed = ?9, ended = ?9, last_hash = ?10 WHERE object_key = ?2 AND stream = ?1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_text(q, 2, s->object_key);
        db_bind_i64(q, 3, s->first_arrival_us);
        db_bind_i64(q, 4, s->last_arrival_us);
        db_bind_i64(q, 5, (int64_t)s->end);
        db_bind_blob(q, 6, BYTES(s->epoch, sizeof s->epoch));
        db_bind_i64(q, 7, (int64_t)s->sequence);
        db_bind_i64(q, 8, s->fragment);
        db_bind_i64(q, 9, s->last);
        db_bind_blob(q, 10, BYTES(s->seal_hash, sizeof s->seal_hash));
        r = db_run(q, e);
        return r < 0 || s->gaps_n == 0
                       ? r
                       : index_timeline_put_gaps(ix, s->object_key, s->gaps, s->gaps_n, e);
}

int index_put(struct index *ix, const struct index_segment *s, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "INSERT INTO segment (stream, object_key, created_us, first_us, last_us, bytes, "
                "epoch, first_seq, last_seq,"
                " fragments, closed, volume, last_hash, ended)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
                " ON CONFLICT (object_key) DO UPDATE SET created_us = excluded.created_us, "
                "first_us = excluded.first_us,"
                " last_us = excluded.last_us, bytes = excluded.bytes, epoch = excluded.epoch,"
                " first_seq = excluded.first_seq, last_seq = excluded.last_seq, fragments = "
                "excluded.fragments,"
                " closed = excluded.closed, volume = excluded.volume, last_hash = "
                "excluded.last_hash, ended = excluded.ended",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, s->stream);
        db_bind_text(q, 2, s->object_key);
        db_bind_i64(q, 3, s->created_us);
        db_bind_i64(q, 4, s->first_us);
        db_bind_i64(q, 5, s->last_us);
        db_bind_i64(q, 6, (int64_t)s->bytes);
        db_bind_blob(q, 7, BYTES(s->epoch, sizeof s->epoch));
        db_bind_i64(q, 8, (int64_t)s->first_seq);
        db_bind_i64(q, 9, (int64_t)s->last_seq);
        db_bind_i64(q, 10, s->fragments);
        db_bind_i64(q, 11, s->closed);
        db_bind_i64(q, 12, s->volume);
        db_bind_blob(q, 13, BYTES(s->last_hash, sizeof s->last_hash));
        db_bind_i64(q, 14, s->ended);
        return db_run(q, e);
}

int index_remove(struct index *ix, const char *object_key, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db, "DELETE FROM segment WHERE object_key = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, object_key);
        return db_run(q, e);
}

int index_ended(struct index *ix, const char *object_key, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db, "UPDATE segment SET ended = 1 WHERE object_key = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, object_key);
        return db_run(q, e);
}

void index_read_row(const struct db_query *q, struct index_segment *s)
{
        struct bytes epoch = db_blob(q, 7), hash = db_blob(q, 13);

        *s = (struct index_segment){
                .id = db_i64(q, 0),
                .volume = (uint32_t)db_i64(q, 12),
                .created_us = db_i64(q, 3),
                .first_us = db_i64(q, 4),
                .last_us = db_i64(q, 5),
                .bytes = (uint64_t)db_i64(q, 6),
                .first_seq = (uint64_t)db_i64(q, 8),
                .last_seq = (uint64_t)db_i64(q, 9),
                .fragments = (uint32_t)db_i64(q, 10),
                .closed = db_i64(q, 11) != 0,
                .ended = db_i64(q, 14) != 0,
        };
        snprintf(s->stream, sizeof s->stream, "%s", db_text(q, 1));
        snprintf(s->object_key, sizeof s->object_key, "%s", db_text(q, 2));
        if (epoch.n == sizeof s->epoch)
                memcpy(s->epoch, epoch.p, epoch.n);
        if (hash.n == sizeof s->last_hash)
                memcpy(s->last_hash, hash.p, hash.n);
}

int index_newest(struct index *ix, const char *stream, struct index_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db,
                "SELECT " INDEX_COLUMNS " FROM segment WHERE stream = ?1 ORDER BY id DESC LIMIT 1",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        r = db_step(q, e);
        if (r > 0)
                index_read_row(q, ret);
        db_reset(q);
        return r == 0 ? err_set(e, ERR_NOT_FOUND, "%s has no segment", stream) : r < 0 ? r : 0;
}

int index_search(struct index *ix, const char *stream, int64_t from_us, int64_t to_us,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e)
{
        struct index_segment s;
        struct db_query *q;

        int r = db_query(ix->db,
                stream ? "SELECT " INDEX_COLUMNS
                         " FROM segment WHERE stream = ?1 AND last_us BETWEEN ?2 AND ?4"
                         " AND first_us <= ?3 AND fragments > 0 ORDER BY id"
                       : "SELECT " INDEX_COLUMNS
                         " FROM segment WHERE ?1 IS NULL AND last_us >= ?2 AND first_us <= ?3"
                         " AND fragments > 0 ORDER BY stream, id",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, from_us);
        db_bind_i64(q, 3, to_us);
        if (stream)
                db_bind_i64(q, 4, to_us > INT64_MAX - SPAN_US ? INT64_MAX : to_us + SPAN_US);
        while ((r = db_step(q, e)) > 0) {
                index_read_row(q, &s);
                r = on_segment(owner, &s, e);
                if (r != 0)
                        break;
        }
        db_reset(q);
        return r;
}

int index_unclosed(struct index *ix,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e)
{
        struct index_segment s;
        struct db_query *q;

        int r = db_query(ix->db, "SELECT " INDEX_COLUMNS " FROM segment WHERE ended = 0", &q, e);
        if (r < 0)
                return r;
        while ((r = db_step(q, e)) > 0) {
                index_read_row(q, &s);
                r = on_segment(owner, &s, e);
                if (r != 0)
                        break;
        }
        db_reset(q);
        return r;
}

int index_streams(struct index *ix,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e)
{
        struct db_query *q;

        int r = db_query(ix->db, "SELECT DISTINCT stream FROM segment ORDER BY stream", &q, e);
        while (r >= 0 && (r = db_step(q, e)) > 0) {
                r = on_stream(owner, db_text(q, 0), e);
                if (r != 0)
                        break;
        }
        if (r >= 0)
                db_reset(q);
        return r;
}
