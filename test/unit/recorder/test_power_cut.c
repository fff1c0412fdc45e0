/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power goes at every operation of a recording, and each fails once (docs/design/crash.md):
 * what a recorder finds then, and what it makes of it.
 *
 * Without arguments a sample; "all [SEEDS]" every cut and every fault; "faults" every fault; "SEED
 * CUT" a single cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "os/clock.h"
#include "power_disk.c"
#include "recording.c"
#include "seal/segment.h"
#include "vault/vault_walk.h"
#include "verify/verify.h"

#define SECOND INT64_C(1000000)
#define LOST_US (3 * SECOND) /* docs/spec/vault.md section 7 */
#define DOWN_US (20 * SECOND)
#define FILE_MAX (16u << 20)
#define ACKS_MAX 512
#define SNAPS_MAX 64

/* What was known when. */
struct story {
        char dir[96]; /* of everything: story/vault, story/index.N, story/cut */
        struct recording_site *site;
        unsigned acks_n, frames_n, snaps_n;
        struct ack {
                unsigned at; /* operations before it */
                unsigned stream;
                struct seal_link link;
        } acks[ACKS_MAX];
        struct {
                unsigned at;
                int64_t us;
        } frames[4096];
        unsigned snaps[SNAPS_MAX];
        int64_t start_us;
};

static struct story *story;
static char what[400]; /* the cut that is looked at, for messages */

static void PRINTF(2, 3) check(bool ok, const char *fmt, ...)
{
        va_list args;

        if (ok)
                return;
        va_start(args, fmt);
        fprintf(stderr, "%s: ", what);
        vfprintf(stderr, fmt, args);
        fputc('\n', stderr);
        va_end(args);
        fail();
}

static void copy_file(const char *from, const char *to)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, FILE_MAX);
        if (file_read(from, FILE_MAX, &text, NULL) < 0)
                return;
        CLEANUP(own_closep) int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
                abort();
}

/* The index is SQLite's and not on the disk that forgets: it is kept as it was after each sync. */
static void copy_index(const char *from, const char *to)
{
        static const char *const parts[] = { "", "-wal" };

        for (unsigned i = 0; i < 2; i++) {
                CLEANUP(own_freep) char *a = xasprintf("%s%s", from, parts[i]);
                CLEANUP(own_freep) char *b = xasprintf("%s%s", to, parts[i]);
                copy_file(a, b);
        }
}

static void story_on_durable(
        void *owner, const struct recording_stream *s, const struct segment_writer_report *r)
{
        struct ack *a = &story->acks[story->acks_n++];

        (void)owner;
        if (story->acks_n > ACKS_MAX)
                abort();
        *a = (struct ack){ .at = power_disk_count(), .stream = s->number };
        a->link.sequence = r->sequence;
        memcpy(a->link.epoch, r->epoch, sizeof a->link.epoch);
        memcpy(a->link.hash, r->seal_hash, sizeof a->link.hash);
}

static void story_on_frame(void *owner)
{
        struct recording *r = owner;

        story->frames[story->frames_n].at = power_disk_count();
        story->frames[story->frames_n++].us = r->now_us;
        if (story->frames_n % 25 == 20 && story->snaps_n < SNAPS_MAX) {
                CLEANUP(own_freep) char *from = xasprintf("%s/%s", r->dir, INDEX_NAME);
                CLEANUP(own_freep)
                char *to = xasprintf("%s/index.%u", story->dir, story->snaps_n);
                copy_index(from, to);
                story->snaps[story->snaps_n++] = power_disk_count();
        }
}

/* Three seconds before midnight: keys and directories change on the way. */
static struct story *story_new(unsigned seconds)
{
        struct story *t = xcalloc(1, sizeof *t);
        struct recording *r = xcalloc(1, sizeof *r);
        struct err e;

        story = t;
        /* In memory where that is possible: what is under the disk that forgets need not be one. */
        snprintf(t->dir, sizeof t->dir, "%s/custos-power-XXXXXX",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(t->dir))
                abort();
        t->site = recording_site_new();
        t->start_us = VAULT_OWNER_START_US + (9 * 3600 - 3) * SECOND;
        CLEANUP(own_freep) char *vault = xasprintf("%s/vault", t->dir);
        if (mkdir(vault, 0700) < 0)
                abort();
        power_disk_start(vault);
        must(recording_open(r, vault, t->site, t->start_us, &e), &e);
        r->on_durable = story_on_durable;
        r->on_frame = story_on_frame;
        r->owner = r;
        must(recording_begin(r, &e), &e);
        recording_play(r, seconds - 2);
        recording_reconnect(r, 1);
        recording_play(r, 2);
        recording_stop(r);
        check(r->failed_n == 0, "a fault without one: %s", r->fault.text);
        recording_done(r);
        free(r);
        return t;
}

static struct story *story_free(struct story *t)
{
        power_disk_stop();
        recording_site_free(t->site);
        power_disk_remove(t->dir);
        free(t);
        return NULL;
}

/* --- what is on the disk --- */

struct scan {
        const char *dir;
        const struct recording_site *site;
        const char *stream;
        unsigned segments, fragments, beginnings;
        unsigned unknown; /* to the index */
        struct seal_link links[512];
        const uint8_t *epoch; /* whose first seal is looked at */
        unsigned epoch_cause;
        int64_t epoch_from_us;
        struct index *index;
        bool keys;
};

static int keep_one(void *owner, const struct index_segment *s, struct err *e)
{
        struct index_segment *row = owner;

        (void)e;
        if (strcmp(s->object_key, row->object_key) == 0)
                *row = *s;
        return 0;
}

/* The row of a segment says what is in its file. */
static void check_row(struct scan *c, const char *object_key, const struct segment *s)
{
        const struct segment_fragment *last = &s->fragments[s->fragments_n - 1];
        struct index_segment row = { 0 };
        struct err e;

        snprintf(row.object_key, sizeof row.object_key, "%s", object_key);
        must(index_search(c->index, c->stream, INT64_MIN, INT64_MAX, keep_one, &row, &e), &e);
        if (!row.stream[0]) {
                c->unknown++;
                return;
        }
        check(row.fragments == s->fragments_n && row.last_seq == last->seal.sequence &&
                        row.bytes == s->file.n && row.closed == s->closed && row.ended,
                "the index says of %s: %u fragments, %llu bytes, last %llu%s%s; it has %u, %zu, "
                "%llu%s",
                object_key, row.fragments, (unsigned long long)row.bytes,
                (unsigned long long)row.last_seq, row.closed ? ", closed" : "",
                row.ended ? "" : ", not ended", s->fragments_n, s->file.n,
                (unsigned long long)last->seal.sequence, s->closed ? ", closed" : "");
}

/* Its key is there, and opens it. */
static void check_key(const struct scan *c, const char *object_key, const struct segment *s)
{
        CLEANUP(buf_done) struct buf text, clear;
        char hour[KEY_STORE_HOUR_ROOM], name[256];
        uint8_t hour_key[32], key[16];
        struct err e;

        buf_init(&text, KEY_STORE_FILE_MAX);
        buf_init(&clear, FILE_MAX);
        key_store_hour(vault_walk_time_of(object_key), hour);
        key_store_path(c->stream, hour, s->head.hour_key_id, name, sizeof name);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->dir, name);
        int r = file_read(path, KEY_STORE_FILE_MAX, &text, &e);
        if (r == 0)
                r = key_store_unwrap(buf_bytes(&text), c->stream, s->head.hour_key_id,
                        c->site->private_key, hour_key, &e);
        if (r == 0) {
                seal_segment_key(hour_key, s->head.kid, key);
                r = segment_decrypt(s, 0, 1, key, &clear, &e);
        }
        check(r == 0, "the key of %s: %s", object_key, e.text);
}

static int scan_segment(void *owner, const char *object_key, struct err *e)
{
        struct scan *c = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->dir, object_key);
        CLEANUP(buf_done) struct buf bytes;
        struct segment s;

        buf_init(&bytes, FILE_MAX);
        must(file_read(path, FILE_MAX, &bytes, e), e);
        if (bytes.n == 0)
                return 0; /* made ahead */
        int r = segment_read(buf_bytes(&bytes), &s, e);
        check(r == 0, "%s: %s", object_key, r < 0 ? e->text : "");
        for (unsigned i = 0; i < s.fragments_n; i++) {
                const struct seal *seal = &s.fragments[i].seal;
                if (c->fragments == ARRAY_LEN(c->links))
                        abort();
                c->links[c->fragments++] = seal_link_of(seal, s.fragments[i].seal_payload);
                c->beginnings += seal->previous.sequence == 0;
                if (c->epoch && memcmp(seal->epoch, c->epoch, 16) == 0 && seal->sequence == 1) {
                        c->epoch_cause = seal->gaps_n == 1 ? seal->gaps[0].cause : 0;
                        c->epoch_from_us = seal->gaps_n ? seal->gaps[0].from_us : 0;
                }
        }
        if (c->index && s.fragments_n)
                check_row(c, object_key, &s);
        if (c->keys && s.fragments_n)
                check_key(c, object_key, &s);
        c->segments++;
        segment_done(&s);
        return 0;
}

static void scan_stream(struct scan *c)
{
        struct err e;

        must(vault_walk_segments(c->dir, c->stream, NULL, scan_segment, c, &e), &e);
}

static bool scan_has(const struct scan *c, const struct seal_link *link)
{
        for (unsigned i = 0; i < c->fragments; i++) {
                if (memcmp(&c->links[i], link, sizeof *link) == 0)
                        return true;
        }
        return false;
}

static void check_verdict(const char *dir, const struct recording_site *site)
{
        struct verify_options o = { .trust = site->site->fingerprint };
        struct verdict v;
        struct err e;

        verdict_init(&v);
        must(verify_path(dir, &o, &v, &e), &e);
        for (size_t i = 0; i < v.items_n; i++) {
                const struct verdict_item *item = &v.items[i];
                check(item->kind == VERDICT_AUTHENTIC || item->kind == VERDICT_GAP ||
                                item->kind == VERDICT_NOTE,
                        "%s: %s: %s", verdict_name(item->kind), item->where, item->text);
        }
        verdict_done(&v);
}

/* --- a recorder that starts on it --- */

/* Looking again changes nothing and finds the same, and so does the index. */
static void check_tail_again(const struct recording_stream *s, const char *dir)
{
        struct vault_tail first, again;
        struct index_segment row;
        unsigned before;
        struct err e;

        check(vault_tail_read(dir, s->name, s->newest, NULL, &first, &e) == 0, "%s: %s", s->name,
                e.text);
        if (!first.empty) {
                must(index_tail_find(s->recording->index, first.object_key, &row, &e), &e);
                check(row.ended && row.last_seq == first.last.sequence &&
                                row.fragments == first.fragments && row.bytes == first.bytes,
                        "the index says of %s: %u fragments, %llu bytes", row.object_key,
                        row.fragments, (unsigned long long)row.bytes);
        }
        before = power_disk_count();
        check(vault_tail_read(dir, s->name, s->newest, NULL, &again, &e) == 0, "%s: %s", s->name,
                e.text);
        check(again.cut_bytes == 0 && again.deleted == 0 && !again.completed,
                "%s: a second look cuts %llu bytes, deletes %u files%s", s->name,
                (unsigned long long)again.cut_bytes, again.deleted,
                again.completed ? ", completes one" : "");
        check(!first.damaged, "%s: %s is called damaged", s->name, first.object_key);
        check(memcmp(&first.last, &again.last, sizeof first.last) == 0, "%s: two ends", s->name);
        for (unsigned i = before; i < power_disk_count(); i++)
                check(strncmp(power_disk_describe(i), "pwritev", 7) != 0 &&
                                strncmp(power_disk_describe(i), "unlink", 6) != 0,
                        "%s: a second look does %s", s->name, power_disk_describe(i));
}

/* What was acknowledged before operation k, and how much of the end may be missing. */
static void check_kept(const char *dir, unsigned k, bool judge_loss)
{
        int64_t now_us = story->start_us;

        for (unsigned i = 0; i < story->frames_n && story->frames[i].at <= k; i++)
                now_us = story->frames[i].us;
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                struct scan *c = xcalloc(1, sizeof *c);
                struct vault_tail tail;
                struct err e;

                c->dir = dir;
                c->stream = recording_stream_name(i);
                scan_stream(c);
                for (unsigned a = 0; a < story->acks_n; a++) {
                        if (story->acks[a].at <= k && story->acks[a].stream == i)
                                check(scan_has(c, &story->acks[a].link),
                                        "%s: seal %llu was acknowledged and is gone", c->stream,
                                        (unsigned long long)story->acks[a].link.sequence);
                }
                must(vault_tail_read(dir, c->stream, "", NULL, &tail, &e), &e);
                int64_t end_us = tail.empty ? story->start_us : tail.last_arrival_us;
                if (judge_loss)
                        check(now_us - end_us <= LOST_US, "%s: %lld ms are lost", c->stream,
                                (long long)(now_us - end_us) / 1000);
                free(c);
        }
}

static void check_streams(const struct recording *r, const char *dir, const bool *had)
{
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                const struct recording_stream *s = &r->streams[i];
                struct scan *c = xcalloc(1, sizeof *c);

                c->dir = dir;
                c->site = r->site;
                c->stream = s->name;
                c->epoch = s->notary.epoch;
                c->index = r->index;
                c->keys = true;
                scan_stream(c);
                /* What an index that lost rows does not know is for custos vault rebuild. */
                check(r->again || c->unknown == 0, "%s: %u segments are not in the index", s->name,
                        c->unknown);
                check(c->beginnings == 1, "%s begins %u times", s->name, c->beginnings);
                check(c->epoch_cause == (had[i] ? SEAL_GAP_UNCLEAN_STOP : SEAL_GAP_START),
                        "%s goes on with the gap %u", s->name, c->epoch_cause);
                check(c->epoch_from_us == s->found_us, "%s: the gap begins elsewhere", s->name);
                free(c);
        }
}

/* A start, two seconds, an end; then the start of another. */
static void recover(const char *dir, const struct recording_site *site, int64_t now_us)
{
        struct recording *r = xcalloc(1, sizeof *r);
        bool had[RECORDING_STREAMS];
        struct err e;

        check(recording_open(r, dir, site, now_us, &e) == 0, "no start: %s", e.text);
        for (unsigned i = 0; i < RECORDING_STREAMS; i++)
                check_tail_again(&r->streams[i], dir);
        check(recording_begin(r, &e) == 0, "no beginning: %s", e.text);
        for (unsigned i = 0; i < RECORDING_STREAMS; i++)
                had[i] = r->streams[i].found.sequence != 0;
        recording_play(r, 2);
        recording_stop(r);
        check(r->failed_n == 0, "a fault after a start: %s", r->fault.text);
        check_streams(r, dir, had);
        recording_done(r);
        check_verdict(dir, site);

        check(recording_open(r, dir, site, now_us + DOWN_US, &e) == 0, "no second start: %s",
                e.text);
        for (unsigned i = 0; i < RECORDING_STREAMS; i++)
                check_tail_again(&r->streams[i], dir);
        recording_done(r);
        free(r);
}

/* --- failing operations --- */

static void story_count_ack(
        void *owner, const struct recording_stream *s, const struct segment_writer_report *r)
{
        unsigned *acks = owner;

        (void)r;
        acks[s->number]++;
}

/* Operation n of a recording fails; it goes on by itself, or stops with a word why. */
static bool fault_one(
        const struct recording_site *site, const char *dir, unsigned n, enum power_disk_fault fault)
{
        static const char *const faults[] = { "EIO", "ENOSPC", "EROFS", "short write" };
        unsigned acks[RECORDING_STREAMS] = { 0 }, before[RECORDING_STREAMS];
        CLEANUP(own_freep) struct recording *r = xcalloc(1, sizeof *r);
        int64_t now_us = VAULT_OWNER_START_US + (9 * 3600 - 3) * SECOND;
        struct err e = { 0 };

        power_disk_remove(dir);
        if (mkdir(dir, 0700) < 0)
                abort();
        power_disk_start(dir);
        power_disk_fail(n, fault);
        int result = recording_open(r, dir, site, now_us, &e);
        r->on_durable = story_count_ack;
        r->owner = acks;
        if (result == 0)
                result = recording_begin(r, &e);
        if (result == 0) {
                recording_play(r, 4);
                recording_reconnect(r, 1);
                recording_play(r, 1);
                if (r->failed_n)
                        recording_run_ms(r, 1100); /* a file is asked for again after a second */
                memcpy(before, acks, sizeof before);
                recording_play(r, 2);
        }
        bool met = power_disk_count() > n;
        snprintf(what, sizeof what, "%s at operation %u (%s)", faults[fault], n,
                power_disk_describe(n));
        check(result == 0 || e.text[0], "no start, and no word why");
        check(result < 0 || r->failed_n == 0 || r->fault.text[0], "a fault without a word");
        for (unsigned i = 0; result == 0 && i < RECORDING_STREAMS; i++)
                check(acks[i] > before[i], "%s does not go on: %s", r->streams[i].name,
                        r->fault.text);
        if (result == 0)
                recording_stop(r);
        now_us = r->now_us;
        recording_done(r);
        if (acks[0] + acks[1])
                check_verdict(dir, site);
        recover(dir, site, now_us + DOWN_US);
        power_disk_stop();
        return met;
}

static unsigned seeds_n, only_cut = UINT32_MAX;
static bool all_faults;
static uint64_t first_seed;

static void test_failing_operations(void **state)
{
        int64_t until_us = clock_boot_us() + 2 * SECOND;
        CLEANUP(own_freep)
        char *dir = xasprintf("%s/custos-faults-%d",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
        struct recording_site *site = recording_site_new();
        unsigned done = 0;

        (void)state;
        if (seeds_n || all_faults) {
                for (int f = POWER_DISK_EIO; f <= POWER_DISK_SHORT; f++) {
                        for (unsigned n = 0; fault_one(site, dir, n, f); n++)
                                done++;
                }
        } else if (only_cut == UINT32_MAX) {
                for (uint64_t x = first_seed; done < 3 || clock_boot_us() < until_us; x += 7919)
                        done += fault_one(site, dir, x % 110, x / 110 % 4);
        }
        print_message("%u operations failed\n", done);
        power_disk_remove(dir);
        recording_site_free(site);
}

/* --- failing allocations --- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);

static _Atomic int64_t allocations_left = INT64_MAX; /* until the one that fails */

static bool allocation_fails(void)
{
        return --allocations_left == 0;
}

void *__wrap_malloc(size_t n)
{
        return allocation_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
        return allocation_fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
        return allocation_fails() ? NULL : __real_reallocarray(p, n, size);
}

/* Three seconds of recording in a process of its own, of whose allocations the n-th fails. */
static void allocation_child(
        const struct recording_site *site, const char *dir, const char *said, int64_t n)
{
        struct recording *r = xcalloc(1, sizeof *r);
        struct err e;

        if (!freopen(said, "w", stderr))
                _exit(3);
        setvbuf(stderr, NULL, _IONBF, 0); /* what an abort leaves in a buffer is lost */
        power_disk_start(dir);
        allocations_left = n;
        int result = recording_open(r, dir, site, VAULT_OWNER_START_US, &e);
        if (result == 0)
                result = recording_begin(r, &e);
        if (result == 0) {
                recording_play(r, 3);
                recording_stop(r);
        }
        _exit(allocations_left > 0 ? 2 : 0); /* 2: there are fewer */
}

/* An error, or the end that base/own defines; then the next start finds all well. */
static bool allocation_one(const struct recording_site *site, const char *dir, int64_t n)
{
        CLEANUP(own_freep) char *said = xasprintf("%s.said", dir);
        CLEANUP(buf_done) struct buf text;
        int status;

        buf_init(&text, 65536);
        power_disk_remove(dir);
        if (mkdir(dir, 0700) < 0)
                abort();
        snprintf(what, sizeof what, "allocation %lld", (long long)n);
        pid_t pid = fork();
        if (pid == 0)
                allocation_child(site, dir, said, n);
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                abort();
        if (file_read(said, 60000, &text, NULL) < 0 || buf_append(&text, BYTES("", 1), NULL) < 0)
                abort();
        bool defined = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                       strstr((const char *)text.p, "out of memory");
        check(defined || (WIFEXITED(status) &&
                                 (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2)),
                "status %d: %.1000s", status, (const char *)text.p);
        power_disk_start(dir);
        recover(dir, site, VAULT_OWNER_START_US + 3 * SECOND + DOWN_US);
        power_disk_stop();
        unlink(said);
        return !(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

static void test_failing_allocations(void **state)
{
        CLEANUP(own_freep)
        char *dir = xasprintf("%s/custos-memory-%d",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
        int64_t until_us = clock_boot_us() + 2 * SECOND;
        struct recording_site *site = recording_site_new();
        unsigned done = 0;

        (void)state;
        if (seeds_n || all_faults) { /* each of the first, of what follows every seventh */
                for (int64_t n = 1; allocation_one(site, dir, n); n += n < 200 ? 1 : 7)
                        done++;
        } else if (only_cut == UINT32_MAX) {
                for (uint64_t x = first_seed; done < 2 || clock_boot_us() < until_us;
                        x += 7919, done++)
                        allocation_one(site, dir, 1 + (int64_t)(x % 1200));
        }
        print_message("%u allocations failed\n", done);
        power_disk_remove(dir);
        recording_site_free(site);
}

/* --- cuts --- */

/* The index is as it was, older, not there, or spoilt. */
static const char *place_index(unsigned k, uint64_t seed, const char *dir)
{
        static const char *const kinds[] = { "present", "stale", "missing", "corrupt" };
        CLEANUP(own_freep) char *to = xasprintf("%s/%s", dir, INDEX_NAME);
        unsigned n = 0, kind = (unsigned)((seed + k) % 4);

        while (n < story->snaps_n && story->snaps[n] <= k)
                n++;
        if (n == 0 || kind == 2)
                return "missing";
        unsigned which = kind == 1 ? (unsigned)(seed % n) : n - 1;
        CLEANUP(own_freep) char *from = xasprintf("%s/index.%u", story->dir, which);
        copy_index(from, to);
        if (kind == 3) {
                CLEANUP(own_freep) char *log = xasprintf("%s-wal", to);
                unlink(log);
                CLEANUP(own_closep) int fd = open(to, O_WRONLY | O_CLOEXEC);
                if (pwrite(fd, "spoilt spoilt spoilt", 20, 0) != 20 || ftruncate(fd, 5000) < 0)
                        abort();
        }
        return kinds[kind];
}

static void cut_one(unsigned k, uint64_t seed)
{
        CLEANUP(own_freep) char *dir = xasprintf("%s/cut", story->dir);
        CLEANUP(own_freep) char *second = xasprintf("%s/cut-twice", story->dir);
        int64_t now_us = story->frames[story->frames_n - 1].us + DOWN_US;
        const char *done = power_disk_describe(k);

        power_disk_remove(dir);
        power_disk_cut(k, seed, dir);
        snprintf(what, sizeof what, "seed %llu, cut %u (%s), index %s", (unsigned long long)seed, k,
                done, place_index(k, seed, dir));
        power_disk_start(dir);
        CLEANUP(own_freep) struct recording *r = xcalloc(1, sizeof *r);
        struct err e;
        check(recording_open(r, dir, story->site, now_us, &e) == 0, "no start: %s", e.text);
        recording_done(r);
        unsigned mended = power_disk_count();
        check_kept(dir, k, true);
        /* The power goes again while that was mended. */
        if (mended) {
                power_disk_remove(second);
                power_disk_cut((unsigned)((seed * 31 + k) % (mended + 1)), seed, second);
        }
        recover(dir, story->site, now_us);
        power_disk_stop();
        if (!mended)
                return;
        size_t used = strlen(what);
        snprintf(what + used, sizeof what - used, ", and again");
        power_disk_start(second);
        recover(second, story->site, now_us + DOWN_US);
        check_kept(second, k, true);
        power_disk_stop();
}

static void test_power_cuts(void **state)
{
        int64_t until_us = clock_boot_us() + 2 * SECOND;
        unsigned done = 0;

        (void)state;
        story = story_new(8);
        unsigned n = power_disk_count();
        if (only_cut != UINT32_MAX) {
                cut_one(only_cut, first_seed);
                done = 1;
        } else if (seeds_n) {
                for (uint64_t seed = first_seed; seed < first_seed + seeds_n; seed++) {
                        for (unsigned k = 0; k <= n; k++, done++)
                                cut_one(k, seed);
                }
        } else { /* a sample: over all of it, as many as there is time for */
                for (unsigned k = 0; done < 8 || clock_boot_us() < until_us; done++) {
                        cut_one(k, first_seed + done);
                        k = (k + 37) % (n + 1);
                }
        }
        print_message(
                "%u operations, %u cuts from seed %llu\n", n, done, (unsigned long long)first_seed);
        story = story_free(story);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_power_cuts),
                cmocka_unit_test(test_failing_operations),
                cmocka_unit_test(test_failing_allocations) };

        /* One thread in the pool: the order of operations is the same each time. */
        setenv("UV_THREADPOOL_SIZE", "1", 1);
        first_seed = (uint64_t)clock_wall_us() % 1000000;
        if (argc > 1 && strcmp(argv[1], "all") == 0) {
                seeds_n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
        } else if (argc > 1 && strcmp(argv[1], "faults") == 0) {
                all_faults = true;
                only_cut = 0;
        } else if (argc == 3) {
                first_seed = strtoull(argv[1], NULL, 10);
                only_cut = (unsigned)strtoul(argv[2], NULL, 10);
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
