/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent's side of several volumes. The test is the supervisor, the sealer, a worker and the
 * volumes' processes, over their channels; deadlines come when it says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "recorder/parent_stopped.h"
#include "recorder/parent_storage_parts.h"
#include "vault/index_tail.h"

#define VOLUMES 3
#define STREAM "lobby-main"
#define PATIENCE_US INT64_C(5000000)

static const uint8_t zeros[16];

/* One message that was received. */
struct letter {
        uint16_t type;
        struct buf body;
        int fds[CHAN_FDS_MAX];
};

struct desk {
        char dir[64], path[VOLUMES][VOLUME_PATH_MAX];
        struct parent *p;
        struct parent_storage *s;
        int supervisor, sealer, worker, volume[VOLUMES]; /* our ends */
        struct volume_identity identity[VOLUMES];
        struct letter got;
        struct err err;
};

static void letter_clear(struct letter *l)
{
        buf_clear(&l->body);
        for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
                own_closep(&l->fds[i]);
}

static bool readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

static void turn(struct desk *d)
{
        for (int i = 0; i < 5; i++)
                uv_run(loop_uv(d->p->loop), UV_RUN_NOWAIT);
}

/* The next message there, of this type. */
static struct unpack expect(struct desk *d, int fd, uint16_t type)
{
        int64_t until = clock_boot_us() + 3000000;

        letter_clear(&d->got);
        while (!readable(fd) && clock_boot_us() < until)
                turn(d);
        assert_true(readable(fd));
        assert_int_equal(
                chan_read_blocking(fd, 0, &d->got.type, &d->got.body, d->got.fds, &d->err), 0);
        assert_int_equal(d->got.type, type);
        return unpack_of(buf_bytes(&d->got.body));
}

static void expect_nothing(struct desk *d, int fd)
{
        turn(d);
        assert_false(readable(fd));
}

static void say(struct desk *d, int fd, uint16_t type, struct buf *body, int file)
{
        assert_int_equal(
                chan_write_blocking(fd, type, buf_bytes(body), &file, file >= 0, &d->err), 0);
        buf_done(body);
        turn(d);
}

static void say_state(struct desk *d, unsigned v, enum fault fault)
{
        struct message_volume_state m = { .readable = fault != FAULT_VOLUME_MISSING,
                .identity = d->identity[v],
                .fault = (uint8_t)fault,
                .total_bytes = UINT64_C(100) << 30,
                .free_bytes = UINT64_C(90) << 30 };
        struct buf body;

        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_volume_state_pack(&m, &body, &d->err), 0);
        say(d, d->volume[v], MESSAGE_VOLUME_STATE, &body, -1);
}

static void say_done(struct desk *d, unsigned v, uint32_t id)
{
        struct buf body;

        buf_init(&body, 64);
        struct pack p = pack_to(&body);
        pack_u32(&p, id);
        say(d, d->volume[v], MESSAGE_VOLUME_DONE, &body, -1);
}

static void say_failed(struct desk *d, unsigned v, uint32_t id, int code, enum fault fault)
{
        struct buf body;

        buf_init(&body, 512);
        struct pack p = pack_to(&body);
        pack_u32(&p, id);
        pack_u8(&p, (uint8_t)-code);
        pack_u8(&p, (uint8_t)fault);
        pack_string(&p, "it is so");
        say(d, d->volume[v], MESSAGE_VOLUME_FAILED, &body, -1);
}

static void say_made(struct desk *d, unsigned v, uint32_t id, const char *object_key)
{
        CLEANUP(own_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct buf body;

        buf_init(&body, 512);
        struct pack p = pack_to(&body);
        pack_u32(&p, id);
        pack_u8(&p, 0);
        pack_string(&p, object_key);
        say(d, d->volume[v], MESSAGE_VOLUME_MADE, &body, fd);
}

static void attach(struct desk *d, unsigned v)
{
        int pair[2];

        own_closep(&d->volume[v]);
        assert_int_equal(chan_pair(pair, &d->err), 0);
        d->volume[v] = pair[0];
        parent_storage_attach(d->s, v, pair[1]);
}

static void settle(struct desk *d, unsigned v)
{
        struct unpack u = expect(d, d->volume[v], MESSAGE_VOLUME_SESSION);
        unpack_copy(&u, d->identity[v].session, 16);
        assert_true(unpack_complete(&u));
        say_done(d, v, 0);
        say_state(d, v, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, v)->fault, FAULT_NONE);
}

/* Hello, session, healthy. */
static void begin(struct desk *d, unsigned v)
{
        attach(d, v);
        say_state(d, v, FAULT_NONE);
        settle(d, v);
}

static void write_list(struct desk *d)
{
        struct volume_list *l = xcalloc(1, sizeof *l);

        for (unsigned i = 0; i < VOLUMES; i++) {
                struct volume_entry *entry = &l->entries[l->n++];
                *entry = (struct volume_entry){ .number = i, .weight = 100 };
                snprintf(
                        entry->name, sizeof entry->name, "%s", i ? i == 1 ? "one" : "two" : "main");
                snprintf(entry->path, sizeof entry->path, "%s/%s", d->dir,
                        i ? entry->name : "vault");
                memset(entry->id, (int)(0x10 + i), sizeof entry->id);
                memset(entry->session, (int)(0x20 + i), sizeof entry->session);
                snprintf(d->path[i], sizeof d->path[i], "%s", entry->path);
                snprintf(d->identity[i].name, sizeof d->identity[i].name, "%s", entry->name);
                snprintf(d->identity[i].recorder, sizeof d->identity[i].recorder, "%.127s",
                        d->p->recorder);
                memcpy(d->identity[i].id, entry->id, 16);
                memcpy(d->identity[i].session, entry->session, 16);
        }
        assert_int_equal(volume_list_write(d->dir, l, &d->err), 0);
        free(l);
}

static int setup(void **state)
{
        struct desk *d = xcalloc(1, sizeof *d);
        static const struct chan_events deaf = { 0 };
        char storage[96];
        int pair[2];

        buf_init(&d->got.body, CHAN_BODY_MAX);
        for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
                d->got.fds[i] = -1;
        for (unsigned i = 0; i < VOLUMES; i++)
                d->volume[i] = -1;
        snprintf(d->dir, sizeof d->dir, "/tmp/cst-storage-XXXXXX");
        if (!mkdtemp(d->dir))
                return -1;
        snprintf(storage, sizeof storage, "%s/storage", d->dir);
        assert_int_equal(mkdir(storage, 0700), 0);
        struct parent *p = d->p = xcalloc(1, sizeof *p);
        settings_defaults(&p->settings);
        snprintf(p->state, sizeof p->state, "%s", d->dir);
        snprintf(p->recorder, sizeof p->recorder, "custos://test/recorder/main");
        buf_init(&p->out, CHAN_BODY_MAX);
        buf_init(&p->hello, CHAN_BODY_MAX);
        memset(p->certs.epoch, 0xe1, 16);
        p->loop = loop_new();
        write_list(d);
        assert_int_equal(chan_pair(pair, &d->err), 0);
        d->supervisor = pair[0];
        p->supervisor = chan_new(p->loop, pair[1], &deaf, p);
        assert_int_equal(parent_stopped_open(d->dir, &p->stopped, &d->err), 0);
        assert_int_equal(parent_storage_open(p, &d->s, &d->err), 0);
        p->storage = d->s;
        assert_int_equal(chan_pair(pair, &d->err), 0);
        d->sealer = pair[0];
        p->sealer = chan_new(p->loop, pair[1], &deaf, p);
        assert_int_equal(chan_pair(pair, &d->err), 0);
        d->worker = pair[0];
        p->workers[0].parent = p;
        p->workers[0].chan = chan_new(p->loop, pair[1], &deaf, p);
        for (unsigned i = 0; i < VOLUMES; i++) {
                struct message_volume_start start;
                expect(d, d->supervisor, MESSAGE_VOLUME_WANTED);
                assert_int_equal(
                        message_volume_start_parse(buf_bytes(&d->got.body), &start, &d->err), 0);
                assert_int_equal(start.number, i);
                assert_string_equal(start.path, d->path[i]);
                assert_false(start.claim);
        }
        *state = d;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path);
}

static int teardown(void **state)
{
        struct desk *d = *state;
        struct parent *p = d->p;

        parent_stream_free_all(p);
        p->workers[0].chan = chan_free(p->workers[0].chan);
        p->sealer = chan_free(p->sealer);
        p->supervisor = chan_free(p->supervisor);
        p->storage = d->s = parent_storage_free(d->s);
        loop_free(p->loop);
        index_free(p->index);
        parent_stopped_free(p->stopped);
        letter_clear(&d->got);
        buf_done(&d->got.body);
        buf_done(&p->out);
        buf_done(&p->hello);
        close(d->supervisor);
        close(d->sealer);
        close(d->worker);
        for (unsigned i = 0; i < VOLUMES; i++)
                own_closep(&d->volume[i]);
        nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(p);
        free(d);
        return 0;
}

/* A stream that the worker has; nothing but what storage looks at. */
static struct parent_stream *stream_of(struct desk *d)
{
        struct message_assign a = { .stream = STREAM, .url = "rtsps://192.0.2.1/x" };
        struct record_terms terms;

        record_terms_defaults(&terms);
        assert_int_equal(
                parent_stream_set(d->p, &a, &terms, &d->err), 0); /* no sealer yet: it waits */
        struct parent_stream *t = table_get(&d->p->streams, STREAM);
        t->phase = PARENT_STREAM_ASSIGNED;
        t->worker = 0;
        t->looked = true;
        memcpy(t->opened_epoch, d->p->certs.epoch, 16);
        return t;
}

static void store_key(struct desk *d, const char *path)
{
        struct buf body;

        buf_init(&body, CHAN_BODY_MAX);
        struct pack p = pack_to(&body);
        pack_string(&p, STREAM);
        pack_string(&p, path);
        pack_field32(&p, bytes_str("{wraps}"));
        assert_int_equal(parent_storage_key(d->s, buf_bytes(&body), &d->err), 0);
        buf_done(&body);
}

#define KEY_PATH "keys/" STREAM "/2026-11-23/00.00112233445566778899aabbccddeeff.json"

static uint32_t asked(struct desk *d, unsigned v, uint16_t type)
{
        struct unpack u = expect(d, d->volume[v], type);

        return unpack_u32(&u);
}

static void sync_good(struct desk *d, unsigned v)
{
        say_done(d, v, asked(d, v, MESSAGE_VOLUME_SYNC));
}

static const char *key_of(char to[static HEAD_KEY_MAX], unsigned n)
{
        snprintf(to, HEAD_KEY_MAX, STREAM "/2026-11-23/00/10-%02u.000Z.0.mp4", n);
        return to;
}

/* The stream's next file on this volume, whose key is there or not. */
static void give_file(struct desk *d, struct parent_stream *t, unsigned v, bool key, unsigned n)
{
        char object_key[HEAD_KEY_MAX], got[HEAD_KEY_MAX];

        parent_storage_file(d->s, t);
        if (key) {
                say_done(d, v, asked(d, v, MESSAGE_VOLUME_KEY));
                sync_good(d, v);
        }
        say_made(d, v, asked(d, v, MESSAGE_VOLUME_FILE), key_of(object_key, n));
        struct unpack u = expect(d, d->worker, MESSAGE_FILE);
        unpack_string(&u, got, sizeof got);
        assert_string_equal(got, STREAM);
        assert_int_equal(unpack_u32(&u), v);
        unpack_u8(&u);
        unpack_string(&u, got, sizeof got);
        assert_string_equal(got, object_key);
        assert_true(d->got.fds[0] >= 0);
}

static struct segment_writer_report report(struct desk *d, unsigned file, uint64_t sequence)
{
        struct segment_writer_report r = { .end = 4096 * sequence,
                .first_arrival_us = (int64_t)sequence * 1000000,
                .last_arrival_us = (int64_t)sequence * 1000000 + 999999,
                .sequence = sequence,
                .fragment = (uint32_t)sequence };

        key_of(r.object_key, file);
        memcpy(r.epoch, d->p->certs.epoch, 16);
        memset(r.seal_hash, (int)sequence, sizeof r.seal_hash);
        return r;
}

static void write_fragment(struct desk *d, unsigned file, uint64_t sequence)
{
        struct segment_writer_report r = report(d, file, sequence);

        parent_storage_written(d->s, STREAM, &r);
}

static void expect_durable(struct desk *d, uint64_t sequence)
{
        char stream[HEAD_PATH_MAX];
        uint8_t epoch[16];

        struct unpack u = expect(d, d->sealer, MESSAGE_DURABLE);
        unpack_string(&u, stream, sizeof stream);
        unpack_copy(&u, epoch, sizeof epoch);
        assert_int_equal(unpack_u64(&u), sequence);
}

static void expect_leave(struct desk *d, unsigned v)
{
        struct unpack u = expect(d, d->worker, MESSAGE_LEAVE);

        assert_int_equal(unpack_u32(&u), v);
}

/* --- sessions --- */

static void test_a_session_is_noted_written_and_noted(void **state)
{
        struct desk *d = *state;
        struct volume_list *l = xcalloc(1, sizeof *l);
        uint8_t session[16];

        attach(d, 0);
        expect_nothing(d, d->volume[0]); /* before its hello nothing is asked of it */
        say_state(d, 0, FAULT_NONE);
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_SESSION);
        unpack_copy(&u, session, 16);
        /* Written down before the volume hears of it: a crash in between leaves either. */
        assert_int_equal(volume_list_read(d->dir, l, &d->err), 0);
        assert_memory_equal(l->entries[0].coming, session, 16);
        assert_memory_equal(l->entries[0].session, d->identity[0].session, 16);
        assert_false(parent_storage_takes(d->s->slots[0], STREAM));
        say_done(d, 0, 0);
        assert_true(parent_storage_takes(d->s->slots[0], STREAM));
        int64_t until = clock_boot_us() + 3000000;
        do {
                turn(d);
                assert_int_equal(volume_list_read(d->dir, l, &d->err), 0);
        } while (memcmp(l->entries[0].coming, zeros, 16) != 0 && clock_boot_us() < until);
        assert_memory_equal(l->entries[0].session, session, 16);
        assert_memory_equal(l->entries[0].coming, zeros, 16);
        /* A state of before is not a stale volume; after the first of the new session it is. */
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
        struct volume_identity old = d->identity[0];
        memcpy(d->identity[0].session, session, 16);
        say_state(d, 0, FAULT_NONE);
        d->identity[0] = old;
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_STALE);
        free(l);
}

static void judged(struct desk *d, unsigned v, enum fault fault)
{
        attach(d, v);
        say_state(d, v, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, v)->fault, fault);
        expect_nothing(d, d->volume[v]);
        assert_false(parent_storage_takes(d->s->slots[v], STREAM));
}

static void test_nothing_is_written_to_what_it_is_not(void **state)
{
        struct desk *d = *state;
        struct volume_identity right = d->identity[0];

        memset(d->identity[0].session, 0x77, 16);
        judged(d, 0, FAULT_VOLUME_STALE);
        d->identity[0] = right;
        memset(d->identity[0].id, 0x78, 16);
        judged(d, 0, FAULT_VOLUME_FOREIGN);
        d->identity[0] = d->identity[1];
        judged(d, 0, FAULT_VOLUME_SWAPPED);
        d->identity[0] = right;
        begin(d, 0); /* the right one, at last */
        /* And while it runs: the disk was pulled out, and another put in. */
        memset(d->identity[0].id, 0x78, 16);
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_FOREIGN);
        assert_false(parent_storage_takes(d->s->slots[0], STREAM));
}

/* --- choice --- */

static void test_by_weight_above_the_reserve(void **state)
{
        struct desk *d = *state;
        unsigned taken[VOLUMES] = { 0 };
        bool wait;

        assert_null(parent_storage_choose(d->s, STREAM, &wait));
        for (unsigned v = 0; v < VOLUMES; v++)
                begin(d, v);
        assert_int_equal(parent_storage_set(d->s, "one", 300, &d->err), 0);
        for (unsigned i = 0; i < 50; i++) {
                struct parent_storage_slot *k = parent_storage_choose(d->s, STREAM, &wait);
                taken[k->at]++;
                k->v.given_bytes += 1000;
        }
        assert_int_equal(taken[0], 10);
        assert_int_equal(taken[1], 30);
        assert_int_equal(taken[2], 10);
        /* A tenth of 100 GB is more than the setting. */
        assert_int_equal(
                parent_storage_reserve(d->s, parent_storage_volume(d->s, 1)), UINT64_C(2048) << 20);
        d->s->slots[1]->v.state.free_bytes = UINT64_C(2047) << 20;
        assert_ptr_not_equal(parent_storage_choose(d->s, STREAM, &wait), d->s->slots[1]);
        /* All below: it goes on while retention works, and where it is at its end no more. */
        d->s->slots[0]->v.state.free_bytes = d->s->slots[2]->v.state.free_bytes = UINT64_C(1) << 30;
        assert_non_null(parent_storage_choose(d->s, STREAM, &wait));
        parent_storage_set_full(d->s, 0, true);
        parent_storage_set_full(d->s, 2, true);
        assert_ptr_equal(parent_storage_choose(d->s, STREAM, &wait), d->s->slots[1]);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_FULL);
        d->s->slots[1]->v.state.free_bytes = 1 << 20;
        assert_null(parent_storage_choose(d->s, STREAM, &wait));
        parent_storage_set_full(d->s, 0, false);
        assert_ptr_equal(parent_storage_choose(d->s, STREAM, &wait), d->s->slots[0]);
        assert_int_equal(parent_storage_retire(d->s, "main", &d->err), 0);
        assert_null(parent_storage_choose(d->s, STREAM, &wait));
        expect_leave(d, 0); /* retired: what is open there is left, too */
}

/* --- keys and files --- */

static void test_a_key_lies_beside_its_footage(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);
        char path[HEAD_KEY_MAX];

        begin(d, 0);
        store_key(d, KEY_PATH);
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_KEY);
        uint32_t id = unpack_u32(&u);
        unpack_string(&u, path, sizeof path);
        assert_string_equal(path, KEY_PATH);
        parent_storage_file(d->s, t);
        say_done(d, 0, id);
        id = asked(d, 0, MESSAGE_VOLUME_SYNC);
        expect_nothing(d, d->sealer); /* written is not durable */
        expect_nothing(d, d->volume[0]);
        say_done(d, 0, id);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        char object_key[HEAD_KEY_MAX];
        say_made(d, 0, asked(d, 0, MESSAGE_VOLUME_FILE), key_of(object_key, 1));
        expect(d, d->worker, MESSAGE_FILE);
        /* Another volume gets the key before its first segment; the sealer hears nothing more. */
        begin(d, 1);
        d->s->slots[1]->v.given_bytes = 0;
        give_file(d, t, 1, true, 2);
        expect_nothing(d, d->sealer);
        /* Where it is already, only the file is made. */
        d->s->slots[0]->v.given_bytes = 0;
        give_file(d, t, 0, false, 3);
        /* Another hour has another key. */
        store_key(d, "keys/" STREAM "/2026-11-23/01.00112233445566778899aabbccddeeff.json");
        d->s->slots[0]->v.given_bytes = 0;
        say_done(d, 0, asked(d, 0, MESSAGE_VOLUME_KEY));
        sync_good(d, 0);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
}

static void test_no_storage_is_said_and_ends_by_itself(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);
        char stream[HEAD_PATH_MAX];

        store_key(d, KEY_PATH);
        parent_storage_file(d->s, t);
        struct unpack u = expect(d, d->worker, MESSAGE_NO_FILE);
        unpack_string(&u, stream, sizeof stream);
        assert_int_equal(-(int)unpack_u8(&u), ERR_UNAVAILABLE);
        assert_int_equal(unpack_u8(&u), FAULT_NO_STORAGE);
        begin(d, 2);
        say_done(d, 2, asked(d, 2, MESSAGE_VOLUME_KEY)); /* it waited for a volume */
        sync_good(d, 2);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        give_file(d, t, 2, false, 1);
}

/* --- durability --- */

static void test_durable_is_what_was_reported_before_the_sync(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];

        begin(d, 0);
        store_key(d, KEY_PATH);
        give_file(d, t, 0, true, 1);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        write_fragment(d, 1, 1);
        parent_storage_sync_start(d->s->slots[0]);
        uint32_t id = asked(d, 0, MESSAGE_VOLUME_SYNC);
        write_fragment(d, 1, 2); /* after the sync began */
        say_done(d, 0, id);
        expect_durable(d, 1);
        expect_nothing(d, d->sealer);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 1), &row, &d->err), 0);
        assert_int_equal(row.last_seq, 1);
        assert_memory_equal(row.epoch, d->p->certs.epoch, 16);
        assert_int_equal(t->last.sequence, 1);
        parent_storage_sync_start(d->s->slots[0]);
        sync_good(d, 0);
        expect_durable(d, 2);
}

static void test_a_failed_sync_acknowledges_nothing(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);

        begin(d, 0);
        begin(d, 1);
        store_key(d, KEY_PATH);
        give_file(d, t, 0, true, 1);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        give_file(d, t, 1, true, 2);
        write_fragment(d, 1, 1);
        write_fragment(d, 2, 2);
        parent_storage_sync_start(d->s->slots[0]);
        parent_storage_sync_start(d->s->slots[1]);
        say_failed(d, 0, asked(d, 0, MESSAGE_VOLUME_SYNC), ERR_IO, FAULT_VOLUME_IO_ERROR);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_IO_ERROR);
        expect(d, d->volume[0], MESSAGE_VOLUME_TROUBLE);
        expect_leave(d, 0);
        expect_nothing(d, d->sealer);
        sync_good(d, 1); /* the other volume never noticed */
        expect_durable(d, 2);
        write_fragment(d, 1, 3); /* what is still written there is not waited for */
        parent_storage_sync_start(d->s->slots[0]);
        expect_nothing(d, d->volume[0]);
        /* Its process finds that the trouble is over: it is used again, by itself. */
        say_state(d, 0, FAULT_NONE); /* on its way when it was told */
        assert_false(parent_storage_takes(d->s->slots[0], STREAM));
        say_state(d, 0, FAULT_VOLUME_IO_ERROR);
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
}

/* --- deadlines --- */

static void test_a_late_answer(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);
        char object_key[HEAD_KEY_MAX], name[HEAD_KEY_MAX];

        begin(d, 0);
        begin(d, 1);
        store_key(d, KEY_PATH);
        say_done(d, 0, asked(d, 0, MESSAGE_VOLUME_KEY));
        sync_good(d, 0);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        parent_storage_file(d->s, t);
        uint32_t id = asked(d, 0, MESSAGE_VOLUME_FILE);
        int64_t deadline = d->s->asks->deadline_us;
        assert_true(llabs(deadline - clock_boot_us() - PATIENCE_US) < 2000000);
        parent_storage_ask_expire(d->s, deadline - 1);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
        parent_storage_ask_expire(d->s, deadline);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_SLOW);
        expect(d, d->volume[0], MESSAGE_VOLUME_TROUBLE);
        expect_leave(d, 0);
        /* The file is made on the other one, and the worker gets it. */
        say_done(d, 1, asked(d, 1, MESSAGE_VOLUME_KEY));
        sync_good(d, 1);
        say_made(d, 1, asked(d, 1, MESSAGE_VOLUME_FILE), key_of(object_key, 1));
        expect(d, d->worker, MESSAGE_FILE);
        /* Good words do not help before it has answered. */
        say_state(d, 0, FAULT_VOLUME_SLOW);
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_SLOW);
        /* What it made too late is removed, and goes to nobody. */
        say_made(d, 0, id, key_of(object_key, 2));
        expect_nothing(d, d->worker);
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_REMOVE);
        id = unpack_u32(&u);
        assert_int_equal(unpack_u32(&u), 1);
        unpack_string(&u, name, sizeof name);
        assert_string_equal(name, object_key);
        say_done(d, 0, id);
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
}

static void test_answers_to_nothing_end_the_process(void **state)
{
        struct desk *d = *state;

        begin(d, 0);
        say_done(d, 0, 4711);
        assert_null(parent_storage_volume(d->s, 0)->chan);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_SLOW);
        begin(d, 1);
        store_key(d, KEY_PATH);
        char object_key[HEAD_KEY_MAX]; /* another kind of answer */
        say_made(d, 1, asked(d, 1, MESSAGE_VOLUME_KEY), key_of(object_key, 1));
        assert_null(parent_storage_volume(d->s, 1)->chan);
        begin(d, 0); /* and another process is as good as new */
}

static void test_a_file_of_another_stream_goes_to_nobody(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);

        begin(d, 0);
        store_key(d, KEY_PATH);
        say_done(d, 0, asked(d, 0, MESSAGE_VOLUME_KEY));
        sync_good(d, 0);
        parent_storage_file(d->s, t);
        say_made(
                d, 0, asked(d, 0, MESSAGE_VOLUME_FILE), "desk-main/2026-11-23/00/10-01.000Z.0.mp4");
        expect(d, d->worker, MESSAGE_NO_FILE);
}

/* --- ends --- */

struct found {
        bool called, unseen;
        struct message_volume_tail tail;
};

static void on_tail(void *owner, const struct message_volume_tail *tail, const struct err *e)
{
        struct found *f = owner;

        f->called = true;
        f->unseen = e != NULL;
        f->tail = *tail;
}

static void say_end(struct desk *d, unsigned v, uint32_t id, unsigned file, uint64_t sequence)
{
        struct segment_writer_report r = report(d, file, sequence);
        struct message_volume_tail tail = { .empty = sequence == 0 };
        struct buf body;

        if (sequence) {
                key_of(tail.object_key, file);
                memset(tail.last.epoch, 0xe1, 16);
                tail.last.sequence = sequence;
                memcpy(tail.last.hash, r.seal_hash, 32);
                tail.last_arrival_us = r.last_arrival_us;
                tail.bytes = r.end;
                tail.fragments = (uint32_t)sequence;
        }
        buf_init(&body, 1024);
        assert_int_equal(message_volume_tail_pack(id, &tail, &body, &d->err), 0);
        say(d, d->volume[v], MESSAGE_VOLUME_END, &body, -1);
}

static struct seal_link asked_durable; /* of the last MESSAGE_VOLUME_TAIL */

/* Of a MESSAGE_VOLUME_TAIL: its id, and the sequence of its bound, 0 for none. */
static uint32_t asked_tail_of(struct desk *d, unsigned v, uint64_t *ret_bound,
        char ret_key[static HEAD_KEY_MAX], bool *ret_alone)
{
        char text[HEAD_KEY_MAX];
        struct seal_link bound;

        struct unpack u = expect(d, d->volume[v], MESSAGE_VOLUME_TAIL);
        uint32_t id = unpack_u32(&u);
        unpack_string(&u, text, sizeof text);
        assert_string_equal(text, STREAM);
        unpack_string(&u, ret_key, HEAD_KEY_MAX);
        bool bounded = unpack_u8(&u);
        message_unpack_link(&u, &bound);
        *ret_alone = unpack_u8(&u);
        message_unpack_link(&u, &asked_durable);
        assert_true(unpack_complete(&u));
        *ret_bound = bounded ? bound.sequence : 0;
        return id;
}

static uint32_t asked_tail(struct desk *d, unsigned v, uint64_t *ret_bound)
{
        char key[HEAD_KEY_MAX];
        bool alone;

        uint32_t id = asked_tail_of(d, v, ret_bound, key, &alone);
        assert_false(alone);
        return id;
}

/* It comes back; what was left there is asked for at once. */
static uint32_t begin_with_tail(struct desk *d, unsigned v, uint64_t *ret_bound)
{
        attach(d, v);
        say_state(d, v, FAULT_NONE);
        uint32_t id = asked_tail(d, v, ret_bound);
        settle(d, v);
        return id;
}

/* One file on volume 0, with one durable fragment and one that is not. */
static struct parent_stream *recorded_on_0(struct desk *d)
{
        struct parent_stream *t = stream_of(d);

        begin(d, 0);
        store_key(d, KEY_PATH);
        give_file(d, t, 0, true, 1);
        expect(d, d->sealer, MESSAGE_KEY_STORED);
        write_fragment(d, 1, 1);
        parent_storage_sync_start(d->s->slots[0]);
        sync_good(d, 0);
        expect_durable(d, 1);
        write_fragment(d, 1, 2);
        return t;
}

static void until_called(struct desk *d, struct found *f)
{
        int64_t until = clock_boot_us() + 3000000;

        while (!f->called && clock_boot_us() < until)
                turn(d);
        assert_true(f->called);
}

static void test_the_end_is_what_the_volume_says_and_is_asked_once(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        struct found f = { 0 };
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];
        uint64_t bound;

        parent_storage_tail(d->s, t, on_tail, &f);
        uint32_t id = asked_tail(d, 0, &bound);
        assert_int_equal(bound, 0);
        assert_false(f.called);
        say_end(d, 0, id, 1, 2);
        until_called(d, &f);
        assert_false(f.unseen);
        assert_int_equal(f.tail.last.sequence, 2);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 1), &row, &d->err), 0);
        assert_true(row.ended);
        assert_int_equal(row.last_seq, 2);
        /* Nothing was given out since: nobody is asked again. */
        f.called = false;
        parent_storage_tail(d->s, t, on_tail, &f);
        until_called(d, &f);
        assert_int_equal(f.tail.last.sequence, 2);
        expect_nothing(d, d->volume[0]);
}

/* An index that was lost, or lost its last rows, begins no second history: the disk is asked in any
 * case, and what it says stands. */
static void test_the_disk_knows_more_than_the_index(void **state)
{
        struct desk *d = *state;
        char object_key[HEAD_KEY_MAX], key[HEAD_KEY_MAX];
        struct index_segment row;
        struct found f = { 0 };
        uint64_t bound;
        bool alone;

        for (unsigned v = 0; v < d->s->n; v++)
                begin(d, v);
        struct parent_stream *t = stream_of(d);
        t->looked = false;
        parent_storage_tail(d->s, t, on_tail, &f);
        for (unsigned v = 1; v < d->s->n; v++)
                say_end(d, v, asked_tail(d, v, &bound), 0, 0);
        uint32_t id = asked_tail_of(d, 0, &bound, key, &alone);
        assert_string_equal(key, "");
        assert_true(bound == 0 && !alone && !f.called);
        say_end(d, 0, id, 1, 2);
        until_called(d, &f);
        assert_true(!f.unseen && f.tail.last.sequence == 2);

        /* A row that had not ended stands before the end, which the index does not know. */
        f.called = false;
        t->looked = false;
        assert_int_equal(
                index_created(d->p->index, 0, STREAM, key_of(object_key, 2), 1, &d->err), 0);
        parent_storage_tail(d->s, t, on_tail, &f);
        for (unsigned v = 1; v < d->s->n; v++)
                say_end(d, v, asked_tail(d, v, &bound), 0, 0);
        id = asked_tail_of(d, 0, &bound, key, &alone);
        assert_string_equal(key, object_key);
        assert_false(alone);
        say_end(d, 0, id, 3, 9);
        id = asked_tail_of(d, 0, &bound, key, &alone);
        assert_string_equal(key, object_key);
        assert_true(alone);
        say_end(d, 0, id, 2, 5);
        until_called(d, &f);
        assert_true(!f.unseen && f.tail.last.sequence == 9);
        assert_int_equal(index_tail_find(d->p->index, object_key, &row, &d->err), 0);
        assert_true(row.ended && row.last_seq == 5);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 3), &row, &d->err), 0);
        assert_true(row.ended && row.last_seq == 9);
}

/* The volume hangs, and another takes segments: the stream goes on, and says that the end is
 * unseen. */
static void left_and_unseen(struct desk *d, struct parent_stream *t, struct found *f)
{
        struct err why = { .code = ERR_TIMEOUT };
        uint64_t bound;

        begin(d, 1);
        parent_storage_failed(d->s, 0, &why);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_SLOW);
        expect(d, d->volume[0], MESSAGE_VOLUME_TROUBLE);
        expect_leave(d, 0);
        parent_storage_tail(d->s, t, on_tail, f);
        asked_tail(d, 0, &bound);
        parent_storage_wait_expire(d->s, clock_boot_us() + 1000000);
        assert_false(f->called);
        parent_storage_wait_expire(d->s, clock_boot_us() + PARENT_STORAGE_HASTE_MS * 1000);
        assert_true(f->called && f->unseen);
        assert_int_equal(f->tail.last.sequence, 1); /* the durable one */
        t->unseen = true;
        assert_int_equal(index_tail_leave(d->p->index, STREAM, &f->tail.last, &d->err), 0);
}

static void test_what_was_not_acknowledged_is_cut(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        struct found f = { 0 };
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];
        uint64_t bound;

        left_and_unseen(d, t, &f);
        give_file(d, t, 1, true, 5);
        /* Another process of that volume: the one before hung with its question. */
        uint32_t id = begin_with_tail(d, 0, &bound);
        assert_int_equal(bound, 1);
        bool wait;
        parent_storage_choose(d->s, STREAM, &wait);
        assert_true(wait); /* nobody writes there while it is mended */
        assert_ptr_equal(parent_storage_choose(d->s, STREAM, &wait), d->s->slots[1]);
        say_end(d, 0, id, 1, 1);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 1), &row, &d->err), 0);
        assert_true(row.ended);
        assert_int_equal(row.last_seq, 1);
        assert_true(parent_storage_takes(d->s->slots[0], STREAM));
}

static void test_what_another_sealer_did_not_see_is_cut(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        struct found f = { 0 };
        uint64_t bound;

        left_and_unseen(d, t, &f);
        memset(d->p->certs.epoch, 0xe2, 16); /* the sealer died too */
        memcpy(t->opened_epoch, d->p->certs.epoch, 16);
        uint32_t id = begin_with_tail(d, 0, &bound); /* before it has a file elsewhere */
        assert_int_equal(bound, 1);
        say_end(d, 0, id, 1, 1);
}

static void test_a_late_end_is_cut_as_well(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        struct found f = { 0 };
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];
        uint64_t bound;

        left_and_unseen(d, t, &f);
        uint32_t id = d->s->next_id; /* the question for the end, which is not answered yet */
        memset(d->p->certs.epoch, 0xe2, 16);
        memcpy(t->opened_epoch, d->p->certs.epoch, 16);
        give_file(d, t, 1, true, 5);
        id = 0;
        for (const struct parent_storage_ask *a = d->s->asks; a; a = a->next) {
                if (a->type == MESSAGE_VOLUME_TAIL)
                        id = a->id;
        }
        say_end(d, 0, id, 1, 2); /* with a fragment that was never acknowledged */
        id = asked_tail(d, 0, &bound);
        assert_int_equal(bound, 1);
        say_end(d, 0, id, 1, 1);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 1), &row, &d->err), 0);
        assert_true(row.ended);
        assert_int_equal(row.last_seq, 1);
}

static void test_a_volume_that_went_back_is_stale(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        struct found f = { 0 };
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];
        uint64_t bound;

        parent_storage_tail(d->s, t, on_tail, &f);
        say_end(d, 0, asked_tail(d, 0, &bound), 0, 0); /* the durable fragment is not there */
        until_called(d, &f);
        assert_true(f.unseen);
        assert_int_equal(f.tail.last.sequence, 1);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_IO_ERROR);
        /* It may have been unmounted for a moment: it is asked once more. */
        say_end(d, 0, begin_with_tail(d, 0, &bound), 0, 0);
        say_state(d, 0, FAULT_NONE);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_STALE);
        assert_int_equal(index_tail_find(d->p->index, key_of(object_key, 1), &row, &d->err), 0);
        assert_false(row.ended);
}

/* --- what a captured worker may say --- */

static int from_worker(struct desk *d, uint16_t type, const char *stream, const char *object_key)
{
        struct buf body;

        buf_init(&body, 1024);
        struct pack p = pack_to(&body);
        pack_string(&p, stream);
        pack_string(&p, object_key);
        if (type == MESSAGE_NOT_WRITTEN) {
                pack_u8(&p, (uint8_t)-ERR_IO);
                pack_u8(&p, FAULT_VOLUME_IO_ERROR);
                pack_string(&p, "a lie");
        }
        struct chan_message m = { .type = type, .body = buf_bytes(&body) };
        int r = parent_stream_on_worker(&d->p->workers[0], &m, &d->err);
        buf_done(&body);
        return r;
}

static void test_lies_of_a_worker(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = recorded_on_0(d);
        char object_key[HEAD_KEY_MAX];
        struct index_segment row;

        /* Files that it never had, of its stream and of another's, and one of a stream that is not
         * its. */
        static const uint16_t kinds[] = { MESSAGE_NOT_WRITTEN, MESSAGE_UNUSED };
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
                assert_int_equal(from_worker(d, kinds[i], STREAM, key_of(object_key, 9)), 0);
                assert_int_equal(from_worker(d, kinds[i], STREAM,
                                         "desk-main/2026-11-23/00/10-01.000Z.0.mp4"),
                        0);
                assert_int_equal(from_worker(d, kinds[i], "desk-main", key_of(object_key, 1)), 0);
                assert_int_equal(from_worker(d, kinds[i], STREAM, ""), 0);
                assert_int_equal(from_worker(d, kinds[i], STREAM, "volume.json"), 0);
        }
        /* One in which it has written is not deleted at its word. */
        assert_int_equal(from_worker(d, MESSAGE_UNUSED, STREAM, key_of(object_key, 1)), 0);
        struct segment_writer_report r = report(d, 9, 100);
        parent_storage_written(d->s, STREAM, &r);
        expect_nothing(d, d->volume[0]);
        expect_nothing(d, d->worker);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
        assert_int_equal(index_tail_find(d->p->index, r.object_key, &row, &d->err), ERR_NOT_FOUND);
        /* It fills no disk with files that it does not write to. */
        for (unsigned n = 2; n < 2 + PARENT_STORAGE_UNUSED_MAX; n++)
                give_file(d, t, 0, false, n);
        parent_storage_file(d->s, t);
        expect(d, d->worker, MESSAGE_NO_FILE);
        expect_nothing(d, d->volume[0]);
        /* About its own it is believed. */
        assert_int_equal(from_worker(d, MESSAGE_UNUSED, STREAM, key_of(object_key, 3)), 0);
        say_done(d, 0, asked(d, 0, MESSAGE_VOLUME_REMOVE));
        assert_int_equal(index_tail_find(d->p->index, object_key, &row, &d->err), ERR_NOT_FOUND);
        assert_int_equal(from_worker(d, MESSAGE_NOT_WRITTEN, STREAM, key_of(object_key, 1)), 0);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_VOLUME_IO_ERROR);
        expect_leave(d, 0);
}

/* --- the index --- */

static void test_a_name_lies_on_one_volume(void **state)
{
        struct desk *d = *state;
        struct parent_stream *t = stream_of(d);
        struct index_segment row;
        char object_key[HEAD_KEY_MAX];

        begin(d, 0);
        store_key(d, KEY_PATH);
        give_file(d, t, 0, true, 1);
        begin(d, 1);
        d->s->slots[1]->v.given_bytes = 0;
        parent_storage_file(d->s, t);
        say_done(d, 1, asked(d, 1, MESSAGE_VOLUME_KEY));
        sync_good(d, 1);
        say_made(d, 1, asked(d, 1, MESSAGE_VOLUME_FILE), key_of(object_key, 1));
        expect(d, d->worker, MESSAGE_NO_FILE);
        say_done(d, 1, asked(d, 1, MESSAGE_VOLUME_REMOVE));
        assert_int_equal(index_tail_find(d->p->index, object_key, &row, &d->err), 0);
        assert_int_equal(row.volume, 0);
        assert_true(parent_storage_has(t, object_key));
}

/* --- the list, locks, removing --- */

struct outcome {
        bool called;
        int result;
        struct err err;
};

static void on_done(void *owner, int result, const struct err *e)
{
        struct outcome *o = owner;

        o->called = true;
        o->result = result;
        if (e)
                o->err = *e;
}

static void test_a_volume_joins(void **state)
{
        struct desk *d = *state;
        struct volume_list *l = xcalloc(1, sizeof *l);
        struct message_volume_start start;
        struct outcome o = { 0 };
        int pair[2];

        parent_storage_add(d->s, "one", "/mnt/x", 100, false, on_done, &o);
        assert_int_equal(o.result, ERR_STATE);
        o = (struct outcome){ 0 };
        parent_storage_add(d->s, "Bad Name", "/mnt/x", 100, false, on_done, &o);
        assert_int_equal(o.result, ERR_INVALID);
        o = (struct outcome){ 0 };
        parent_storage_add(d->s, "three", d->path[1], 100, false, on_done, &o);
        assert_int_equal(o.result, ERR_STATE);
        for (unsigned i = 0; i < 2; i++) { /* not empty; then it is */
                o = (struct outcome){ 0 };
                parent_storage_add(d->s, "three", "/mnt/three", 200, false, on_done, &o);
                assert_false(o.called);
                expect(d, d->supervisor, MESSAGE_VOLUME_WANTED);
                assert_int_equal(
                        message_volume_start_parse(buf_bytes(&d->got.body), &start, &d->err), 0);
                assert_true(start.claim);
                assert_int_equal(start.number, 3);
                assert_string_equal(start.path, "/mnt/three");
                assert_int_equal(chan_pair(pair, &d->err), 0);
                own_closep(&d->volume[0]);
                d->volume[0] = pair[0];
                parent_storage_attach(d->s, 3, pair[1]);
                snprintf(d->identity[0].name, VOLUME_NAME_MAX, "three");
                memset(d->identity[0].id, 0x55, 16);
                if (i == 0) {
                        say_state(d, 0, FAULT_VOLUME_FOREIGN);
                        assert_true(o.called);
                        assert_int_equal(o.result, ERR_STATE);
                        expect(d, d->supervisor, MESSAGE_VOLUME_ENDED);
                        assert_null(parent_storage_find(d->s, "three"));
                }
        }
        say_state(d, 0, FAULT_NONE);
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_SESSION);
        assert_true(o.called);
        assert_int_equal(o.result, 0);
        unpack_copy(&u, d->identity[0].session, 16);
        say_done(d, 0, 0);
        assert_int_equal(parent_storage_find(d->s, "three")->fault, FAULT_NONE);
        assert_int_equal(volume_list_read(d->dir, l, &d->err), 0);
        assert_int_equal(l->n, 4);
        assert_string_equal(l->entries[3].name, "three");
        assert_int_equal(l->entries[3].weight, 200);
        free(l);
}

static void test_a_stale_volume_is_taken_in_full_knowledge(void **state)
{
        struct desk *d = *state;
        struct outcome o = { 0 };

        memset(d->identity[0].session, 0x77, 16);
        judged(d, 0, FAULT_VOLUME_STALE);
        parent_storage_add(d->s, "main", d->path[0], 100, false, on_done, &o);
        assert_int_equal(o.result, ERR_STATE);
        o = (struct outcome){ 0 };
        parent_storage_add(d->s, "main", d->path[0], 100, true, on_done, &o);
        int64_t until = clock_boot_us() + 3000000;
        while (!o.called && clock_boot_us() < until)
                turn(d);
        assert_true(o.called);
        assert_int_equal(o.result, 0);
        say_state(d, 0, FAULT_NONE);
        expect(d, d->volume[0], MESSAGE_VOLUME_SESSION);
        say_done(d, 0, 0);
        assert_int_equal(parent_storage_volume(d->s, 0)->fault, FAULT_NONE);
}

static void test_a_lock_reaches_every_volume(void **state)
{
        struct desk *d = *state;
        static const char id[] = "00112233445566778899aabbccddeeff";
        char text[64];

        begin(d, 0);
        parent_storage_lock(d->s, id, "{lock}");
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_LOCK);
        uint32_t number = unpack_u32(&u);
        unpack_string(&u, text, sizeof text);
        assert_string_equal(text, id);
        assert_true(bytes_equal(unpack_field16(&u, 100), bytes_str("{lock}")));
        assert_true(unpack_complete(&u));
        say_done(d, 0, number);
        begin(d, 1); /* it was away */
        say_done(d, 1, asked(d, 1, MESSAGE_VOLUME_LOCK));
        begin(d, 1); /* it has it already */
        expect_nothing(d, d->volume[1]);
        parent_storage_lock(d->s, id, NULL);
        u = expect(d, d->volume[0], MESSAGE_VOLUME_LOCK);
        unpack_u32(&u);
        unpack_string(&u, text, sizeof text);
        assert_int_equal(unpack_field16(&u, 100).n, 0);
        expect(d, d->volume[1], MESSAGE_VOLUME_LOCK);
}

static void test_what_is_being_written_is_not_removed(void **state)
{
        struct desk *d = *state;
        recorded_on_0(d);
        char names[2][HEAD_KEY_MAX], got[HEAD_KEY_MAX];
        struct outcome o = { 0 };

        key_of(names[0], 1);
        snprintf(names[1], sizeof names[1], "%s", KEY_PATH);
        parent_storage_remove(d->s, 0, (const char(*)[HEAD_KEY_MAX])names, 2, on_done, &o);
        struct unpack u = expect(d, d->volume[0], MESSAGE_VOLUME_REMOVE);
        uint32_t id = unpack_u32(&u);
        assert_int_equal(unpack_u32(&u), 1);
        unpack_string(&u, got, sizeof got);
        assert_string_equal(got, KEY_PATH);
        assert_true(unpack_complete(&u));
        say_done(d, 0, id);
        assert_true(o.called);
        assert_int_equal(o.result, 0);
        o = (struct outcome){ 0 };
        parent_storage_remove(d->s, 0, (const char(*)[HEAD_KEY_MAX])names, 1, on_done, &o);
        say_done(d, 0, asked(d, 0, MESSAGE_VOLUME_SYNC)); /* nothing was left to be removed */
        assert_true(o.called);
        o = (struct outcome){ 0 };
        parent_storage_remove(d->s, 0, (const char(*)[HEAD_KEY_MAX])names, 2, on_done, &o);
        id = asked(d, 0, MESSAGE_VOLUME_REMOVE);
        parent_storage_forget(d->s, &o);
        say_done(d, 0, id);
        assert_false(o.called);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_DESK(test_a_session_is_noted_written_and_noted),
                WITH_DESK(test_nothing_is_written_to_what_it_is_not),
                WITH_DESK(test_by_weight_above_the_reserve),
                WITH_DESK(test_a_key_lies_beside_its_footage),
                WITH_DESK(test_no_storage_is_said_and_ends_by_itself),
                WITH_DESK(test_durable_is_what_was_reported_before_the_sync),
                WITH_DESK(test_a_failed_sync_acknowledges_nothing),
                WITH_DESK(test_a_late_answer),
                WITH_DESK(test_answers_to_nothing_end_the_process),
                WITH_DESK(test_a_file_of_another_stream_goes_to_nobody),
                WITH_DESK(test_the_end_is_what_the_volume_says_and_is_asked_once),
                WITH_DESK(test_what_was_not_acknowledged_is_cut),
                WITH_DESK(test_what_another_sealer_did_not_see_is_cut),
                WITH_DESK(test_a_late_end_is_cut_as_well),
                WITH_DESK(test_the_disk_knows_more_than_the_index),
                WITH_DESK(test_a_volume_that_went_back_is_stale),
                WITH_DESK(test_lies_of_a_worker),
                WITH_DESK(test_a_name_lies_on_one_volume),
                WITH_DESK(test_a_volume_joins),
                WITH_DESK(test_a_stale_volume_is_taken_in_full_knowledge),
                WITH_DESK(test_a_lock_reaches_every_volume),
                WITH_DESK(test_what_is_being_written_is_not_removed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
