/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The committed segments of each format version (test/data/golden/vault-1 to vault-3): whatever
 * this program becomes, it goes on reading them, and finds in them what their facts.txt says. A
 * changed format gets a new version and a new folder; those before stay.
 *
 *     test_vault_golden --make FOLDER DIR     writes segment.mp4 and facts.txt anew
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "media/sound_config.h"
#include "segment_builder.c"

#define GOLDEN TEST_SOURCE_ROOT "/test/data/golden/vault-"
#define HEAD_VERSIONS 2

/* By folder: the version of its head, and the seals' by fragment. */
static const struct golden {
        unsigned head;
        const char *seals;
} goldens[] = { { 1, "11111" }, { 2, "11" }, { 1, "1122212" } };

static unsigned folder; /* under test */
static unsigned version;
static struct buf file, facts;

static void load(const char *name, struct buf *to)
{
        char path[512];

        snprintf(path, sizeof path, "%s%u/%s", GOLDEN, folder, name);
        FILE *f = fopen(path, "rb");
        if (!f)
                fail_msg("%s cannot be read", path);
        buf_init(to, 1 << 20);
        uint8_t *room = buf_reserve(to, (1 << 20) - 1);
        to->n = fread(room, 1, (1 << 20) - 1, f);
        room[to->n] = '\0';
        fclose(f);
}

/* The value of a line "name value" of facts.txt. */
static const char *fact(const char *name)
{
        static char value[256];
        char line[64];

        snprintf(line, sizeof line, "\n%s ", name);
        const char *at = strstr((char *)facts.p, line);
        if (!at)
                fail_msg("facts.txt has no %s", name);
        assert_int_equal(sscanf(at + strlen(line), "%255[^\n]", value), 1);
        return value;
}

static void assert_fact(const char *name, const char *value)
{
        const char *expected = fact(name);

        if (strcmp(expected, value) != 0)
                fail_msg("%s is %s, not %s", name, value, expected);
}

static void assert_hex(const char *name, const void *p, size_t n)
{
        char hex[129];

        assert_true(n <= 64);
        assert_fact(name, str_hex(hex, BYTES(p, n)));
}

static void assert_number(const char *name, int64_t value)
{
        char text[32];

        snprintf(text, sizeof text, "%lld", (long long)value);
        assert_fact(name, text);
}

static void assert_sha256(const char *name, struct bytes b)
{
        uint8_t hash[32];

        hash_once(b, hash);
        assert_hex(name, hash, sizeof hash);
}

static void test_reads(void **state)
{
        struct segment s;

        (void)state;
        assert_sha256("file-sha256", buf_bytes(&file));
        assert_int_equal(segment_read(buf_bytes(&file), &s, NULL), 0);
        assert_int_equal(s.head.version, version);
        assert_int_equal(s.faults_n, 0);
        assert_true(s.closed);
        assert_int_equal(s.unsealed_from, file.n);
        assert_number("fragments", s.fragments_n);
        assert_number("tracks", s.header.tracks_n);
        assert_fact("stream", s.head.stream);
        assert_fact("object-key", s.head.object_key);
        assert_fact("recorder", s.head.recorder);
        assert_fact("source", s.head.source);
        assert_number("connected-us", s.head.connected_us);
        assert_hex("kid", s.head.kid, 16);
        assert_hex("hour-key-id", s.head.hour_key_id, 16);
        assert_hex("header-sha256", s.header_hash, 32);
        for (unsigned i = 0; i < s.fragments_n; i++)
                assert_int_equal(segment_check_fragment(&s, i, NULL), 0);
        assert_int_equal(segment_check_index(&s, NULL), 0);
        const struct seal *last = &s.fragments[s.fragments_n - 1].seal;
        assert_hex("epoch", last->epoch, 16);
        assert_number("last-sequence", (int64_t)last->sequence);
        assert_number("last-arrival-us", last->last_arrival_us);
        assert_sha256("last-seal-sha256", s.fragments[s.fragments_n - 1].seal_payload);
        segment_done(&s);
}

static void test_proves(void **state)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        uint8_t fingerprint[32];
        struct segment s;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(segment_read(buf_bytes(&file), &s, NULL), 0);
        if (x509_check_seal_chain(s.head.seal_cert, s.head.issuer_cert, s.head.root_cert,
                    s.fragments[0].seal.sealed_us, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(x509_key_id(s.head.root_cert, fingerprint, NULL), 0);
        assert_hex("fingerprint", fingerprint, 32);
        assert_int_equal(verify_key_of_cert(s.head.seal_cert, &key, NULL), 0);
        for (unsigned i = 0; i < s.fragments_n; i++) {
                assert_true(seal_signature_ok(s.fragments[i].seal_payload, key));
                if (i > 0) {
                        struct seal_link link = seal_link_of(
                                &s.fragments[i - 1].seal, s.fragments[i - 1].seal_payload);
                        assert_memory_equal(link.hash, s.fragments[i].seal.previous.hash, 32);
                        assert_int_equal(link.sequence, s.fragments[i].seal.previous.sequence);
                }
        }
        segment_done(&s);
}

static void test_decrypts(void **state)
{
        uint8_t hour_key[32], key[16], id[16];
        struct segment s;

        (void)state;
        assert_int_equal(segment_read(buf_bytes(&file), &s, NULL), 0);
        assert_int_equal(str_unhex(hour_key, 32, fact("hour-key"), NULL), 0);
        seal_segment_key(hour_key, s.head.kid, key);
        assert_hex("key", key, 16);
        seal_hour_key_id(hour_key, s.head.stream, id);
        assert_memory_equal(id, s.head.hour_key_id, 16);
        for (unsigned t = 1; t <= s.header.tracks_n; t++) {
                CLEANUP(buf_done) struct buf clear;
                char name[32];
                buf_init(&clear, 1 << 20);
                for (unsigned i = 0; i < s.fragments_n; i++)
                        if (segment_decrypt(&s, i, t, key, &clear, NULL) < 0)
                                assert_true(t > 1 || s.fragments[i].seal.tracks_n == 0);
                snprintf(name, sizeof name, "clear-%u-sha256", t);
                assert_sha256(name, buf_bytes(&clear));
        }
        segment_done(&s);
}

/* Which gaps there are, and that nothing but "not asked for" makes a seal of version 2. */
static void test_gaps(void **state)
{
        const char *versions = goldens[folder - 1].seals;
        struct segment s;

        (void)state;
        assert_int_equal(segment_read(buf_bytes(&file), &s, NULL), 0);
        assert_int_equal(s.fragments_n, strlen(versions));
        for (unsigned i = 0; i < s.fragments_n; i++) {
                const struct segment_fragment *f = &s.fragments[i];
                char name[32], text[128];

                assert_int_equal(f->seal_payload.p[0], versions[i] - '0');
                if (folder < 3)
                        continue;
                for (unsigned k = 0; k < f->seal.gaps_n; k++) {
                        const struct seal_gap *g = &f->seal.gaps[k];
                        snprintf(name, sizeof name, "gap-%u-%u", i + 1, k + 1);
                        snprintf(text, sizeof text, "%s, %lld to %lld, %u frames",
                                seal_gap_name(g->cause), (long long)g->from_us, (long long)g->to_us,
                                g->frames);
                        assert_fact(name, text);
                }
        }
        segment_done(&s);
}

/* A header that says another version than its tracks need was written by somebody else. */
static void test_another_version(void **state)
{
        CLEANUP(buf_done) struct buf copy;
        struct segment s;
        struct err e;

        (void)state;
        buf_init(&copy, 1 << 20);
        assert_int_equal(buf_append(&copy, buf_bytes(&file), NULL), 0);
        uint8_t *head = memmem(copy.p, copy.n, head_user_type, sizeof head_user_type);
        assert_non_null(head);
        assert_int_equal(head[16], version);
        head[16] = (uint8_t)(HEAD_VERSIONS + 1 - version);
        assert_int_equal(segment_read(buf_bytes(&copy), &s, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "its tracks are of version"));
        head[16] = HEAD_VERSIONS + 1;
        assert_int_equal(segment_read(buf_bytes(&copy), &s, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "this reader knows 1 to 2"));
}

static void put_hex(FILE *f, const char *name, struct bytes b)
{
        char hex[129];

        fprintf(f, "%s %s\n", name, str_hex(hex, b));
}

static void put_sha256(FILE *f, const char *name, struct bytes b)
{
        uint8_t hash[32];

        hash_once(b, hash);
        put_hex(f, name, BYTES(hash, 32));
}

/* Every codec that came with version 2, and AAC beside them. */
static void record_kinds(struct segment_builder *b)
{
        struct media_config t[8] = {
                { .codec = MEDIA_JPEG, .clock_rate = 90000, .width = 640, .height = 480 },
                { .codec = MEDIA_AAC,
                        .sample_rate = 48000,
                        .channels = 2,
                        .parameters = { 0x11, 0x90 },
                        .parameters_n = 2 },
                [7] = { .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 },
        };
        static const uint32_t durations[8] = { 45000, 1024, 160, 320, 160, 160, 960, 90000 };
        uint8_t sample[300];

        SURE(sound_config_pcm(MEDIA_PCMU, 8000, 1, &t[2], &sure_e));
        SURE(sound_config_pcm(MEDIA_PCMA, 16000, 2, &t[3], &sure_e));
        SURE(sound_config_g726("G726-16", 8000, 1, &t[4], &sure_e));
        SURE(sound_config_g726("AAL2-G726-40", 8000, 1, &t[5], &sure_e));
        SURE(sound_config_opus(48000, 2, &t[6], &sure_e));
        segment_builder_open(b, t, 8);
        for (unsigned fragment = 0; fragment < 2; fragment++) {
                for (unsigned track = 0; track < 8; track++)
                        for (unsigned i = 0; i < 2; i++) {
                                unsigned n = 2 * fragment + i;
                                memset(sample, (int)(16 * track + n), sizeof sample);
                                segment_builder_add(b, track, BYTES(sample, 100 + 10 * track + n),
                                        (uint64_t)n * durations[track], durations[track], 0, true);
                        }
                b->now_us += 1000000;
                if (fragment == 0)
                        segment_builder_cut(b);
        }
        segment_builder_close(b, true);
}

static void put_gaps(FILE *f, const struct segment *s)
{
        for (unsigned i = 0; i < s->fragments_n; i++)
                for (unsigned k = 0; k < s->fragments[i].seal.gaps_n; k++) {
                        const struct seal_gap *g = &s->fragments[i].seal.gaps[k];
                        fprintf(f, "gap-%u-%u %s, %lld to %lld, %u frames\n", i + 1, k + 1,
                                seal_gap_name(g->cause), (long long)g->from_us, (long long)g->to_us,
                                g->frames);
                }
}

/* By the folder's number. */
static void record(struct segment_builder *b, unsigned made)
{
        if (made == 1)
                segment_builder_run(b, "SIPAPAGIPPA|PPIAP|");
        else if (made == 2)
                record_kinds(b);
        else
                segment_builder_run(b, "SIPPAIPAPNIPAKKIPAPGNIPPA");
}

static int make(unsigned made_folder, const char *to)
{
        struct segment_builder *b = segment_builder_new(
                &(struct segment_builder_options){ .seed = made_folder, .frame_bytes = 400 });
        struct segment s;
        char path[512];

        record(b, made_folder);
        segment_builder_read(b, 0, &s);
        const struct segment_builder_segment *made = &b->segments[0];
        snprintf(path, sizeof path, "%s/segment.mp4", to);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(made->file.p, 1, made->file.n, f) != made->file.n || fclose(f) != 0)
                return 1;
        snprintf(path, sizeof path, "%s/facts.txt", to);
        f = fopen(path, "w");
        if (!f)
                return 1;
        const struct segment_fragment *last = &s.fragments[s.fragments_n - 1];
        fprintf(f,
                "# What segment.mp4 holds (docs/spec/vault.md version %u, seal.md). Times: "
                "microseconds since 1970.\n",
                s.head.version);
        put_sha256(f, "file-sha256", buf_bytes(&made->file));
        fprintf(f,
                "fragments %u\ntracks %u\nstream %s\nobject-key %s\nrecorder %s\nsource "
                "%s\nconnected-us %lld\n",
                s.fragments_n, s.header.tracks_n, s.head.stream, s.head.object_key, s.head.recorder,
                s.head.source, (long long)s.head.connected_us);
        put_hex(f, "kid", BYTES(made->kid, 16));
        put_hex(f, "key", BYTES(made->key, 16));
        put_hex(f, "hour-key", BYTES(made->hour_key, 32));
        put_hex(f, "hour-key-id", BYTES(made->hour_key_id, 16));
        put_hex(f, "fingerprint", BYTES(b->site->fingerprint, 32));
        put_hex(f, "header-sha256", BYTES(s.header_hash, 32));
        put_hex(f, "epoch", BYTES(last->seal.epoch, 16));
        fprintf(f, "last-sequence %llu\nlast-arrival-us %lld\n",
                (unsigned long long)last->seal.sequence, (long long)last->seal.last_arrival_us);
        put_sha256(f, "last-seal-sha256", last->seal_payload);
        for (unsigned i = 0; i < s.header.tracks_n; i++) {
                char name[32];
                snprintf(name, sizeof name, "clear-%u-sha256", i + 1);
                put_sha256(f, name, buf_bytes(&made->clear[i]));
        }
        if (made_folder >= 3)
                put_gaps(f, &s);
        segment_done(&s);
        segment_builder_free(b);
        return fclose(f) == 0 ? 0 : 1;
}

static int setup(void **state)
{
        (void)state;
        load("segment.mp4", &file);
        load("facts.txt", &facts);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        buf_done(&file);
        buf_done(&facts);
        return 0;
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads),
                cmocka_unit_test(test_proves),
                cmocka_unit_test(test_decrypts),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_another_version),
        };

        int failed = 0;

        if (argc == 4 && strcmp(argv[1], "--make") == 0)
                return make((unsigned)atoi(argv[2]), argv[3]);
        for (folder = 1; folder <= ARRAY_LEN(goldens); folder++) {
                version = goldens[folder - 1].head;
                failed += cmocka_run_group_tests(tests, setup, teardown);
        }
        return failed;
}
