/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault_owner.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "os/file.h"
#include "segment_builder.c"

#define RESERVE (1u << 20)

const struct media_config vault_owner_h264 = { .codec = MEDIA_H264,
        .clock_rate = 90000,
        .width = 640,
        .height = 360,
        .parameters = { 1, 100, 0, 30, 0xff, 0xe1, 0, 4, 0x67, 100, 0, 30, 1, 0, 2, 0x68, 0xee },
        .parameters_n = 17 };
const struct media_config vault_owner_aac = { .codec = MEDIA_AAC,
        .clock_rate = 48000,
        .sample_rate = 48000,
        .channels = 2,
        .parameters = { 0x11, 0x90 },
        .parameters_n = 2 };

static void must(int r, const struct err *e)
{
        if (r < 0) {
                fprintf(stderr, "vault_owner: %s\n", e->text);
                abort();
        }
}

static void owner_new_hour(struct vault_owner *o)
{
        struct key_store_recipient to = { .kind = "recorder" };
        char hour[KEY_STORE_HOUR_ROOM], name[256];
        CLEANUP(buf_done) struct buf text;
        struct err e;

        random_bytes(o->hour_key, sizeof o->hour_key);
        seal_hour_key_id(o->hour_key, VAULT_OWNER_STREAM, o->hour_key_id);
        memcpy(to.public_key, o->public_key, sizeof to.public_key);
        key_store_hour(o->now_us, hour);
        buf_init(&text, KEY_STORE_FILE_MAX);
        must(key_store_wrap(VAULT_OWNER_STREAM, hour, o->hour_key, &to, 1, &text, &e), &e);
        key_store_path(VAULT_OWNER_STREAM, hour, o->hour_key_id, name, sizeof name);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, name);
        CLEANUP(own_freep) char *dir = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        must(file_make_dirs(dir, 0700, &e), &e);
        must(file_write_atomic(path, buf_bytes(&text), 0600, &e), &e);
}

static int owner_make_file(struct vault_owner *o, struct segment_writer_grant *g)
{
        char time[STR_TIME_ROOM];
        struct err e;
        int r = ERR_STATE;

        str_time(time, o->now_us);
        CLEANUP(own_freep)
        char *dir = xasprintf("%s/%s/%.10s/%.2s", o->dir, VAULT_OWNER_STREAM, time, time + 11);
        must(file_make_dirs(dir, 0700, &e), &e);
        CLEANUP(own_closep) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (unsigned n = 0; r == ERR_STATE; n++) {
                CLEANUP(own_freep)
                char *name = xasprintf("%.2s-%.6sZ.%u.mp4", time + 14, time + 17, n);
                r = file_create_segment(fd, name, RESERVE, &g->fd, &g->direct, &e);
                snprintf(g->object_key, sizeof g->object_key, "%s/%.10s/%.2s/%s",
                        VAULT_OWNER_STREAM, time, time + 11, name);
        }
        must(r, &e);
        return r;
}

void vault_owner_grant(struct vault_owner *o)
{
        struct segment_writer_grant g = { .fd = -1 };
        struct vault_owner_segment *s = &o->segments[o->segments_n];

        o->wants_segment = false;
        if (o->segments_n++ == VAULT_OWNER_SEGMENTS_MAX)
                abort();
        owner_make_file(o, &g);
        if (o->break_next_file) { /* cannot be written */
                CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, g.object_key);
                close(g.fd);
                g.fd = open(path, O_RDONLY | O_CLOEXEC);
                o->break_next_file = false;
        }
        random_bytes(g.kid, sizeof g.kid);
        seal_segment_key(o->hour_key, g.kid, g.key);
        memcpy(g.hour_key_id, o->hour_key_id, sizeof g.hour_key_id);
        snprintf(s->object_key, sizeof s->object_key, "%s", g.object_key);
        memcpy(s->kid, g.kid, sizeof s->kid);
        memcpy(s->key, g.key, sizeof s->key);
        g.lane = o->lane;
        segment_writer_granted(o->writer, &g);
}

static const struct vault_owner_segment *owner_segment_of(
        const struct vault_owner *o, const uint8_t kid[16])
{
        for (unsigned i = 0; i < o->segments_n; i++) {
                if (memcmp(o->segments[i].kid, kid, 16) == 0)
                        return &o->segments[i];
        }
        return NULL;
}

/* docs/spec/seal.md section 2; the first thing that it would refuse, or NULL. */
static const char *owner_objection(struct vault_owner *o, const struct seal *s)
{
        bool step = false, same = memcmp(s->kid, o->kid, 16) == 0;

        for (unsigned i = 0; i < s->gaps_n; i++) {
                const struct seal_gap *g = &s->gaps[i];
                step |= g->cause == SEAL_GAP_CLOCK_STEP;
                if (g->from_us != SEAL_UNKNOWN_US && g->from_us > g->to_us &&
                        g->cause != SEAL_GAP_CLOCK_STEP)
                        return "a gap that ends before it begins";
        }
        if (!owner_segment_of(o, s->kid))
                return "a KID that was not given";
        if (s->fragment != (same ? o->fragment + 1 : 1))
                return "not the next fragment";
        if (same && memcmp(s->header_hash, o->header_hash, 32) != 0)
                return "another header";
        if (s->last_arrival_us < s->first_arrival_us ||
                s->last_arrival_us - s->first_arrival_us > 2500000)
                return "more media than a fragment may hold";
        if (!step && o->last_arrival_us != SEAL_UNKNOWN_US &&
                s->first_arrival_us < o->last_arrival_us)
                return "older than what was sealed before";
        if (s->tracks_n == 0 && !(s->flags & SEAL_LAST))
                return "no media, and not the end";
        if (o->previous.sequence == 0 && s->gaps_n == 0)
                return "a beginning without its gap";
        return NULL;
}

void vault_owner_seal(struct vault_owner *o)
{
        struct seal s = o->held_request;
        const struct vault_owner_segment *segment = owner_segment_of(o, s.kid);
        const char *objection = owner_objection(o, &s);
        CLEANUP(buf_done) struct buf payload;
        struct err e;

        buf_init(&payload, SEAL_BYTES_MAX);
        o->wants_seal = false;
        if (objection || o->deny_next_seal) {
                o->refused_n += objection != NULL;
                if (objection)
                        fprintf(stderr, "vault_owner: seal refused: %s\n", objection);
                o->deny_next_seal = false;
                err_set(&e, ERR_DENIED, "refused: %s",
                        objection ? objection : "as the test wants it");
                segment_writer_not_sealed(o->writer, &e);
                return;
        }
        s.flags = (uint8_t)((s.fragment == 1 ? SEAL_FIRST : 0) | (s.flags & SEAL_LAST));
        snprintf(s.stream, sizeof s.stream, "%s", VAULT_OWNER_STREAM);
        memcpy(s.epoch, o->epoch, 16);
        s.sequence = ++o->sequence;
        s.previous = o->previous;
        seal_commit_key(segment->key, s.kid, s.stream, s.key_commitment);
        s.sealed_us = s.last_arrival_us;
        s.monotonic_us = s.last_arrival_us - VAULT_OWNER_START_US + 1000000000;
        must(seal_sign(&s, o->site->seal_key, &payload, &e), &e);
        o->previous = seal_link_of(&s, buf_bytes(&payload));
        o->last_arrival_us = s.last_arrival_us;
        o->fragment = s.fragment;
        memcpy(o->kid, s.kid, 16);
        memcpy(o->header_hash, s.header_hash, 32);
        o->sealed_n++;
        segment_writer_sealed(o->writer, buf_bytes(&payload));
}

static void owner_answer(void *owner)
{
        struct vault_owner *o = owner;

        if (o->wants_segment && !o->hold_grants)
                vault_owner_grant(o);
        if (o->wants_seal && !o->hold_seals)
                vault_owner_seal(o);
}

static void owner_answer_when(struct vault_owner *o)
{
        if (o->later)
                timer_start(&o->answer, o->loop, 0, 0, owner_answer, o);
        else
                owner_answer(o);
}

static void owner_want_segment(void *owner, struct segment_writer *w)
{
        struct vault_owner *o = owner;

        if (w != o->writer && o->writer)
                abort();
        if (o->refuse_grants) {
                struct err why;
                err_set(&why, ERR_UNAVAILABLE, "as the test wants it");
                segment_writer_not_granted(w, &why);
                return;
        }
        o->wants_segment = true;
        owner_answer_when(o);
}

static void owner_want_seal(void *owner, struct segment_writer *w, const struct seal *request)
{
        struct vault_owner *o = owner;

        if (o->wants_seal || w != o->writer)
                abort(); /* at most one under way */
        o->wants_seal = true;
        o->held_request = *request;
        owner_answer_when(o);
}

static void owner_on_written(
        void *owner, struct segment_writer *w, const struct segment_writer_report *r)
{
        struct vault_owner *o = owner;

        (void)w;
        o->written_n++;
        o->last_report = *r;
}

static void owner_on_fault(void *owner, struct segment_writer *w, const struct err *why)
{
        struct vault_owner *o = owner;

        (void)w;
        o->faults_n++;
        o->fault = *why;
}

static void owner_on_not_written(
        void *owner, struct segment_writer *w, const char *object_key, const struct err *why)
{
        struct vault_owner *o = owner;

        (void)w;
        o->not_written_n++;
        o->fault = *why;
        snprintf(o->not_written, sizeof o->not_written, "%s", object_key);
}

static void owner_on_stopped(void *owner, struct segment_writer *w)
{
        struct vault_owner *o = owner;

        if (segment_writer_left(w)) {
                o->left_n++;
                segment_writer_take_back(w, &o->back);
        }
        o->wants_seal = o->wants_segment = false;
        o->stopped_n++;
        o->writer = segment_writer_free(w);
}

static void owner_on_unused(void *owner, struct segment_writer *w, const char *object_key)
{
        struct vault_owner *o = owner;

        (void)w;
        o->unused_n++;
        for (unsigned i = 0; i < o->segments_n; i++) {
                if (strcmp(o->segments[i].object_key, object_key) == 0)
                        o->segments[i].unused = true;
        }
}

static void owner_new_writer(struct vault_owner *o, int64_t fragment_us, int64_t segment_us)
{
        static const struct segment_writer_events events = { owner_want_segment, owner_want_seal,
                owner_on_written, owner_on_fault, owner_on_not_written, owner_on_stopped,
                owner_on_unused };
        struct segment_writer_options options = { .loop = o->loop,
                .pool = o->pool,
                .stream = VAULT_OWNER_STREAM,
                .recorder = o->site->recorder,
                .seal_cert = buf_bytes(&o->site->seal_cert),
                .issuer_cert = buf_bytes(&o->site->issuer),
                .root_cert = buf_bytes(&o->site->root),
                .fragment_us = fragment_us,
                .segment_us = segment_us,
                .budget = &o->budget,
                .patience_ms = o->patience_ms };

        random_bytes(o->epoch, sizeof o->epoch);
        o->sequence = 0;
        o->fragment = 0;
        memset(o->kid, 0, sizeof o->kid);
        o->wants_seal = o->wants_segment = false;
        owner_new_hour(o);
        o->writer = segment_writer_new(&options, &events, o);
}

struct vault_owner *vault_owner_new(int64_t fragment_us, int64_t segment_us, size_t pool_bytes)
{
        struct vault_owner *o = xcalloc(1, sizeof *o);

        snprintf(o->dir, sizeof o->dir, "/tmp/custos-vault-XXXXXX");
        if (!mkdtemp(o->dir))
                abort();
        o->site = segment_builder_site_new("test");
        o->loop = loop_new();
        o->lane = file_lane_new(o->loop);
        o->budget.max = UNIT_QUEUE_MAX;
        o->back.budget = &o->budget;
        o->pool = chunk_pool_new(pool_bytes ? pool_bytes : 256u << 20);
        hpke_generate(o->private_key, o->public_key);
        o->now_us = VAULT_OWNER_START_US;
        o->last_arrival_us = SEAL_UNKNOWN_US;
        owner_new_writer(o, fragment_us, segment_us);
        return o;
}

static int owner_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

struct vault_owner *vault_owner_free(struct vault_owner *o)
{
        timer_done(&o->answer);
        segment_writer_free(o->writer);
        unit_queue_done(&o->back);
        if (o->budget.used != 0)
                abort(); /* a unit was not given back */
        file_lane_free(o->lane);
        loop_free(o->loop);
        if (chunk_pool_in_use(o->pool) != 0)
                abort(); /* a chunk was not given back */
        chunk_pool_free(o->pool);
        segment_builder_site_free(o->site);
        nftw(o->dir, owner_remove, 16, FTW_DEPTH | FTW_PHYS);
        free(o);
        return NULL;
}

void vault_owner_reseal(struct vault_owner *o, int64_t fragment_us, int64_t segment_us,
        const struct media_config *tracks, unsigned n)
{
        struct segment_writer_connection c = { .tracks_n = n,
                .gap_cause = SEAL_GAP_DISK,
                .gap_from_us = o->last_report.last_arrival_us };
        uint64_t sequence = o->sequence;
        uint8_t epoch[16];
        struct err e;

        if (o->writer)
                abort();
        memcpy(epoch, o->epoch, 16);
        owner_new_writer(o, fragment_us, segment_us);
        memcpy(o->epoch, epoch, 16);
        o->sequence = sequence;
        o->previous = (struct seal_link){ .sequence = o->last_report.sequence };
        memcpy(o->previous.epoch, o->last_report.epoch, 16);
        memcpy(o->previous.hash, o->last_report.seal_hash, 32);
        o->last_arrival_us = o->last_report.last_arrival_us;
        o->not_written_n = 0;
        o->sealed_n = o->written_n;
        memcpy(c.tracks, tracks, n * sizeof *tracks);
        snprintf(c.source, sizeof c.source, "rtsps://192.0.2.7/main");
        segment_writer_begin(o->writer, &c);
        while (o->back.head) {
                struct unit_queue_item *item = unit_queue_take(&o->back);
                must(segment_writer_push(o->writer, item->track, &item->unit, &e), &e);
                unit_queue_free(item);
        }
}

void vault_owner_restart(struct vault_owner *o, int64_t fragment_us, int64_t segment_us)
{
        o->writer = segment_writer_free(o->writer);
        vault_owner_run_ms(o, 20);
        owner_new_writer(o, fragment_us, segment_us);
}

void vault_owner_begin(
        struct vault_owner *o, const struct media_config *tracks, unsigned n, unsigned gap_cause)
{
        struct segment_writer_connection *c = xcalloc(1, sizeof *c);

        c->tracks_n = n;
        memcpy(c->tracks, tracks, n * sizeof *tracks);
        c->protection = PROTECTION_VERIFIED;
        c->tls_version = 0x0304;
        c->connected_us = o->now_us;
        snprintf(c->source, sizeof c->source, "rtsps://192.0.2.7/main");
        c->gap_cause = gap_cause;
        c->gap_from_us =
                gap_cause == SEAL_GAP_START ? SEAL_UNKNOWN_US : segment_writer_last_us(o->writer);
        if (gap_cause != SEAL_GAP_START && c->gap_from_us == SEAL_UNKNOWN_US)
                c->gap_from_us = o->last_arrival_us; /* a new writer: as found on the disk */
        segment_writer_begin(o->writer, c);
        free(c);
}

void vault_owner_settle(struct vault_owner *o)
{
        for (unsigned i = 0; i < 20000 && (o->written_n < o->sealed_n && o->faults_n == 0); i++)
                uv_run(loop_uv(o->loop), UV_RUN_ONCE);
        uv_run(loop_uv(o->loop), UV_RUN_NOWAIT);
}

void vault_owner_run_ms(struct vault_owner *o, unsigned ms)
{
        uint64_t until = uv_hrtime() + ms * UINT64_C(1000000);

        while (uv_hrtime() < until) {
                uv_run(loop_uv(o->loop), UV_RUN_NOWAIT);
                usleep(2000);
        }
}

void vault_owner_stop(struct vault_owner *o)
{
        unsigned before = o->stopped_n;

        segment_writer_stop(o->writer);
        for (unsigned i = 0; i < 20000 && o->stopped_n == before; i++)
                uv_run(loop_uv(o->loop), UV_RUN_ONCE);
        if (o->writer)
                abort();
}

void vault_owner_read(struct vault_owner *o, unsigned i, struct vault_owner_file *ret)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, o->segments[i].object_key);
        struct err e;

        buf_init(&ret->bytes, 256u << 20);
        must(file_read(path, 256u << 20, &ret->bytes, &e), &e);
        must(segment_read(buf_bytes(&ret->bytes), &ret->segment, &e), &e);
        if (ret->segment.faults_n) {
                fprintf(stderr, "%s: %s\n", path, ret->segment.faults[0].text);
                abort();
        }
        for (unsigned k = 0; k < ret->segment.fragments_n; k++)
                must(segment_check_fragment(&ret->segment, k, &e), &e);
        must(segment_check_index(&ret->segment, &e), &e);
}

void vault_owner_file_done(struct vault_owner_file *f)
{
        segment_done(&f->segment);
        buf_done(&f->bytes);
}

void vault_owner_decrypt(struct vault_owner *o, uint32_t track_id, struct buf *out)
{
        for (unsigned i = 0; i < o->segments_n; i++) {
                struct vault_owner_file f;
                struct err e;

                if (o->segments[i].unused)
                        continue;
                vault_owner_read(o, i, &f);
                for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                        int r = segment_decrypt(
                                &f.segment, k, track_id, o->segments[i].key, out, &e);
                        if (r != ERR_NOT_FOUND)
                                must(r, &e);
                }
                vault_owner_file_done(&f);
        }
}

void vault_owner_frame(uint64_t seed, bool key, size_t bytes, struct buf *out)
{
        uint64_t random = seed * 2862933555777941757u + 3037000493u;
        size_t left = bytes > 16 ? bytes : 16;

        buf_clear(out);
        while (left >= 16) { /* NAL units of 1 byte up to what is left */
                random = random * 6364136223846793005u + 1442695040888963407u;
                size_t n = 1 + (size_t)(random >> 33) % (left - 4);
                if (n > left - 4 || left - 4 - n < 16)
                        n = left - 4;
                uint8_t *p = buf_reserve(out, 4 + n);
                if (!p) {
                        fputs("vault_owner: out of memory\n", stderr);
                        abort();
                }
                for (unsigned i = 0; i < 4; i++)
                        p[i] = (uint8_t)(n >> (24 - 8 * i));
                for (size_t i = 0; i < n; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        p[4 + i] = (uint8_t)(random >> 40);
                }
                p[4] = key ? 0x65 : 0x41;
                out->n += 4 + n;
                left -= 4 + n;
        }
}
