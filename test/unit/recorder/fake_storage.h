/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes without disks, and a clock that stands: what retention, locks and the storage page ask of
 * recorder/parent_storage.h and os/clock.h, answered from tables. Include once a test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "recorder/parent.h"
#include "recorder/parent_locks.h"
#include "recorder/parent_retention.h"
#include "recorder/parent_storage.h"
#include "vault/index.h"
#include "vault/index_lock.h"
#include "vault/index_retention.h"

#define MAYBE __attribute__((unused)) /* not each test asks for all of it */
#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define MB UINT64_C(1048576)

static int64_t fake_wall_us, fake_boot_us;

int64_t clock_wall_us(void)
{
        return fake_wall_us;
}

int64_t clock_boot_us(void)
{
        return fake_boot_us;
}

long long clock_log_us(void)
{
        return fake_wall_us;
}

static struct fake_storage {
        struct parent_volume volumes[4];
        unsigned n;
        uint64_t reserve;
        bool full[4];
        unsigned set_full_calls;
        /* The removal under way, one a volume */
        struct fake_removal {
                bool asked, keys;
                unsigned n;
                char names[PARENT_STORAGE_REMOVE_MAX][HEAD_KEY_MAX];
                parent_storage_on_done on_done;
                void *owner;
        } removal[4];
        unsigned removals, key_removals, twice; /* twice: asked while one was under way */
        bool keys_by_hand;                      /* else they are removed within the second */
        char removed[65536];                    /* names, with blanks */
        char lock_id[64], lock_text[LOCK_RECORD_FILE_MAX];
        unsigned locks;
} fake;

static struct parent fake_parent;
static char fake_dir[64];

const struct parent_volume *parent_storage_each(const struct parent_storage *s, unsigned at)
{
        (void)s;
        return at < fake.n ? &fake.volumes[at] : NULL;
}

const struct parent_volume *parent_storage_volume(const struct parent_storage *s, uint32_t number)
{
        return parent_storage_each(s, number);
}

uint64_t parent_storage_reserve(const struct parent_storage *s, const struct parent_volume *v)
{
        (void)s;
        (void)v;
        return fake.reserve;
}

void parent_storage_set_full(struct parent_storage *s, uint32_t number, bool full)
{
        (void)s;
        fake.full[number] = full;
        fake.volumes[number].fault = full ? FAULT_VOLUME_FULL : FAULT_NONE;
        fake.set_full_calls++;
}

void parent_storage_remove(struct parent_storage *s, uint32_t number,
        const char (*names)[HEAD_KEY_MAX], unsigned n, parent_storage_on_done on_done, void *owner)
{
        struct fake_removal *r = &fake.removal[number];
        (void)s;

        fake.twice += r->asked;
        r->keys = strncmp(names[0], "keys/", 5) == 0;
        fake.removals += !r->keys;
        fake.key_removals += r->keys;
        r->asked = true;
        r->n = n;
        memcpy(r->names, names, n * sizeof *names);
        r->on_done = on_done;
        r->owner = owner;
        for (unsigned i = 0; i < n; i++)
                snprintf(fake.removed + strlen(fake.removed),
                        sizeof fake.removed - strlen(fake.removed), "%s ", names[i]);
}

void parent_storage_lock(struct parent_storage *s, const char *id, const char *text)
{
        (void)s;
        fake.locks++;
        snprintf(fake.lock_id, sizeof fake.lock_id, "%s", id);
        snprintf(fake.lock_text, sizeof fake.lock_text, "%s", text ? text : "(removed)");
}

void parent_storage_forget(struct parent_storage *s, const void *owner)
{
        (void)s;
        for (unsigned i = 0; i < 4; i++) {
                if (fake.removal[i].owner == owner)
                        fake.removal[i].asked = false;
        }
}

/* The volume has removed what it was asked to: bytes are free, rows are gone. */
MAYBE static void fake_done(uint32_t number, uint64_t freed)
{
        struct fake_removal r = fake.removal[number];
        struct err e;

        assert_true(r.asked);
        fake.removal[number].asked = false;
        for (unsigned i = 0; i < r.n; i++)
                assert_int_equal(index_remove(fake_parent.index, r.names[i], &e), 0);
        fake.volumes[number].state.free_bytes += freed;
        r.on_done(r.owner, 0, NULL);
}

MAYBE static void fake_failed(uint32_t number)
{
        struct fake_removal r = fake.removal[number];
        struct err e;

        err_set(&e, ERR_IO, "the disk is gone");
        fake.removal[number].asked = false;
        r.on_done(r.owner, ERR_IO, &e);
}

MAYBE static struct parent_volume *fake_volume(const char *name, uint64_t free_bytes)
{
        struct parent_volume *v = &fake.volumes[fake.n];

        *v = (struct parent_volume){ .entry = { .number = fake.n, .weight = 100 },
                .chan = (struct chan *)&fake, /* not NULL is all that counts */
                .state = { .readable = true, .free_bytes = free_bytes, .total_bytes = 1000 * MB } };
        snprintf(v->entry.name, sizeof v->entry.name, "%s", name);
        fake.n++;
        return v;
}

/* A segment of a minute that ended so long ago; returns its name. */
MAYBE static const char *fake_segment(
        const char *stream, uint32_t volume, int64_t ago_us, uint64_t bytes, bool ended)
{
        static char key[HEAD_KEY_MAX];
        static unsigned count;
        struct index_segment s = { .volume = volume,
                .last_us = fake_wall_us - ago_us,
                .first_us = fake_wall_us - ago_us - 60 * SECOND,
                .created_us = fake_wall_us - ago_us - 60 * SECOND,
                .bytes = bytes,
                .fragments = 60,
                .closed = ended,
                .ended = ended };
        char time[STR_TIME_ROOM];
        struct err e;

        str_time(time, s.created_us);
        snprintf(s.stream, sizeof s.stream, "%s", stream);
        snprintf(key, sizeof key, "%s/%.10s/%.2s/%.2s-%.6sZ.%u.mp4", stream, time, time + 11,
                time + 14, time + 17, count++);
        snprintf(s.object_key, sizeof s.object_key, "%s", key);
        assert_int_equal(index_put(fake_parent.index, &s, &e), 0);
        return key;
}

MAYBE static struct parent_stream *fake_stream(
        const char *name, unsigned min_days, unsigned max_days)
{
        struct parent_stream *t = xcalloc(1, sizeof *t);

        t->parent = &fake_parent;
        snprintf(t->assign.stream, sizeof t->assign.stream, "%s", name);
        t->terms.min_days = min_days;
        t->terms.max_days = max_days;
        table_put(&fake_parent.streams, name, t);
        return t;
}

MAYBE static void fake_begin(void)
{
        fake_parent.locks = parent_locks_new(&fake_parent);
        fake_parent.retention = parent_retention_new(&fake_parent);
}

MAYBE static void fake_end(void)
{
        fake_parent.retention = parent_retention_free(fake_parent.retention);
        fake_parent.locks = parent_locks_free(fake_parent.locks);
}

/* Time passes, a second at a time, and with it what the timers do. */
MAYBE static void fake_pass(unsigned seconds)
{
        for (unsigned i = 0; i < seconds; i++) {
                fake_wall_us += SECOND;
                fake_boot_us += SECOND;
                parent_retention_tick(fake_parent.retention);
                parent_locks_tick(fake_parent.locks);
                for (unsigned v = 0; v < 4 && !fake.keys_by_hand; v++) {
                        if (fake.removal[v].asked && fake.removal[v].keys)
                                fake_done(v, 0);
                }
        }
}

static int fake_setup(void **state)
{
        char path[96];
        struct err e;
        (void)state;

        fake = (struct fake_storage){ .reserve = 80 * MB };
        fake_wall_us = 20000 * DAY + 12 * HOUR;
        fake_boot_us = HOUR;
        fake_parent = (struct parent){ .loop = loop_new() };
        fake_parent.storage = (struct parent_storage *)&fake;
        snprintf(fake_dir, sizeof fake_dir, "/tmp/cst-fake-XXXXXX");
        if (!mkdtemp(fake_dir))
                return -1;
        snprintf(path, sizeof path, "%s/" INDEX_NAME, fake_dir);
        if (index_create(path, &fake_parent.index, &e) < 0)
                return -1;
        fake_begin();
        return 0;
}

static int fake_teardown(void **state)
{
        static const char *const parts[] = { "", "-wal", "-shm" };
        struct parent_stream *t;
        char path[96];
        size_t at = 0;
        (void)state;

        fake_end();
        while ((t = table_next(&fake_parent.streams, &at)))
                free(t);
        table_done(&fake_parent.streams);
        index_free(fake_parent.index);
        loop_free(fake_parent.loop);
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                snprintf(path, sizeof path, "%s/" INDEX_NAME "%s", fake_dir, parts[i]);
                unlink(path);
        }
        return rmdir(fake_dir);
}
