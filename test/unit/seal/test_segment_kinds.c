/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kinds of tracks of format version 2 in one segment: JPEG, G.711, G.726 in both packings, Opus
 * and ONVIF metadata, made by ffmpeg, encrypted and sealed as docs/spec/vault.md says. Nothing of
 * them can be read in the file. With the segment key ffmpeg finds the bytes that went in, and shows
 * the same pictures and sounds where it knows the codec; metadata, which ffmpeg does not decrypt,
 * come out of our own reader. Skipped with a reason where ffmpeg is not installed.
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

#define SECONDS 2

static char dir[] = "/tmp/custos-kinds-XXXXXX";

/* What the command prints; fails when it does. */
static void PRINTF(2, 3) run(struct buf *out, const char *fmt, ...)
{
        char command[1024];
        va_list args;

        va_start(args, fmt);
        assert_true(vsnprintf(command, sizeof command, fmt, args) < (int)sizeof command);
        va_end(args);
        FILE *f = popen(command, "r");
        assert_non_null(f);
        buf_init(out, 64u << 20);
        for (size_t n = 1; n > 0;) {
                uint8_t *to = buf_reserve(out, 1 << 16);
                assert_non_null(to);
                n = fread(to, 1, 1 << 16, f);
                out->n += n;
        }
        if (pclose(f) != 0)
                fail_msg("%s: failed", command);
}

struct kind {
        const char *name;
        const char *make;   /* a command that writes its bytes */
        const char *decode; /* ffmpeg's arguments in front of those; NULL: no player knows them */
        size_t packet;      /* bytes of each sample; 0: pictures and documents, see cut() */
        uint32_t duration;  /* of each */
        struct media_config config;
        struct buf source;
};

#define SOUND(rest) "ffmpeg -v error -f lavfi -i sine=frequency=500:duration=2 " rest " -"
static struct kind kinds[] = {
        { .name = "jpeg",
                .make = "ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=10:duration=2 "
                        "-c:v mjpeg -pix_fmt yuvj420p -huffman default -f mjpeg -",
                .decode = "-f mjpeg -framerate 10",
                .duration = 9000,
                .config = { .codec = MEDIA_JPEG, .clock_rate = 90000, .width = 64, .height = 48 } },
        { .name = "ulaw",
                .make = SOUND("-ar 8000 -c:a pcm_mulaw -f mulaw"),
                .decode = "-f mulaw -ar 8000",
                .packet = 160,
                .duration = 160 },
        { .name = "alaw",
                .make = SOUND("-ar 16000 -ac 2 -c:a pcm_alaw -f alaw"),
                .decode = "-f alaw -ar 16000 -ac 2",
                .packet = 640,
                .duration = 320 },
        { .name = "g726-aal2",
                .make = SOUND("-ar 8000 -c:a g726 -b:a 32k -f g726"),
                .decode = "-f g726 -code_size 4 -ar 8000",
                .packet = 80,
                .duration = 160 },
        { .name = "g726-rfc3551",
                .make = SOUND("-ar 8000 -c:a g726le -b:a 24k -f g726le"),
                .packet = 60,
                .duration = 160 },
        { .name = "opus",
                .make = SOUND(
                        "-c:a libopus -vbr off -b:a 64k -f ogg") " | ffmpeg -v error -i - -map 0:a -c copy -f data -",
                .packet = 160,
                .duration = 960 },
        { .name = "metadata",
                .make = "for i in 1 2 3 4; do echo \"<tt:MetadataStream n='$i'/>\"; done",
                .packet = 26,
                .duration = 45000,
                .config = { .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 } },
};

static void configure(void)
{
        struct err e;
        int r = sound_config_pcm(MEDIA_PCMU, 8000, 1, &kinds[1].config, &e);

        r |= sound_config_pcm(MEDIA_PCMA, 16000, 2, &kinds[2].config, &e);
        r |= sound_config_g726("AAL2-G726-32", 8000, 1, &kinds[3].config, &e);
        r |= sound_config_g726("G726-24", 8000, 1, &kinds[4].config, &e);
        r |= sound_config_opus(48000, 2, &kinds[5].config, &e);
        assert_int_equal(r, 0);
}

/* The sample that begins at `at`: a picture ends where the next SOI is. */
static size_t cut(const struct kind *k, size_t at)
{
        if (k->packet)
                return k->source.n - at < k->packet ? k->source.n - at : k->packet;
        const uint8_t *next = memmem(k->source.p + at + 2, k->source.n - at - 2, "\xff\xd8\xff", 3);
        return next ? (size_t)(next - k->source.p) - at : k->source.n - at;
}

static struct segment_builder *record(void)
{
        struct segment_builder *b =
                segment_builder_new(&(struct segment_builder_options){ .seed = 5 });
        struct media_config tracks[ARRAY_LEN(kinds)];

        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                tracks[i] = kinds[i].config;
        segment_builder_open(b, tracks, ARRAY_LEN(kinds));
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
                uint64_t time = 0;
                for (size_t at = 0, n; at < kinds[i].source.n; at += n) {
                        n = cut(&kinds[i], at);
                        segment_builder_add(b, i, BYTES(kinds[i].source.p + at, n), time,
                                kinds[i].duration, 0, true);
                        time += kinds[i].duration;
                }
        }
        b->now_us += SECONDS * 1000000;
        segment_builder_close(b, true);
        return b;
}

static bool installed(void)
{
        if (system("ffmpeg -version >/dev/null 2>&1") == 0)
                return true;
        print_message("skipped: ffmpeg is not installed\n");
        return false;
}

static void save(const char *name, struct bytes data)
{
        char path[96];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(data.p, 1, data.n, f), data.n);
        fclose(f);
}

static void same(const char *name, const char *what, const struct buf *want, const struct buf *have)
{
        if (want->n != have->n || memcmp(want->p, have->p, want->n) != 0)
                fail_msg(
                        "%s: %s: %zu bytes, %zu expected, or others", name, what, have->n, want->n);
}

/* Any 16 bytes that follow each other in a sample would be in the file in the clear, too. */
static void assert_hidden(const struct kind *k, const struct buf *file)
{
        for (size_t at = 0; at + 16 <= k->source.n && at < 4096; at += 16)
                if (memmem(file->p, file->n, k->source.p + at, 16))
                        fail_msg("%s: bytes at %zu can be read in the segment", k->name, at);
}

static void check_own_reader(const struct kind *k, const struct segment_builder *b, uint32_t track)
{
        CLEANUP(buf_done) struct buf clear;
        struct segment s;

        buf_init(&clear, 1u << 20);
        segment_builder_read(b, 0, &s);
        for (unsigned i = 0; i < s.fragments_n; i++)
                assert_int_equal(
                        segment_decrypt(&s, i, track, b->segments[0].key, &clear, NULL), 0);
        segment_done(&s);
        same(k->name, "decrypted", &k->source, &clear);
}

static void test_plays(void **state)
{
        char key[33];

        (void)state;
        if (!installed())
                skip();
        configure();
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                run(&kinds[i].source, "%s", kinds[i].make);
        struct segment_builder *b = record();
        struct segment s;
        segment_builder_read(b, 0, &s);
        assert_int_equal(s.faults_n, 0);
        assert_int_equal(s.head.version, 2);
        for (unsigned i = 0; i < s.fragments_n; i++)
                assert_int_equal(segment_check_fragment(&s, i, NULL), 0);
        assert_int_equal(segment_check_index(&s, NULL), 0);
        segment_done(&s);
        save("segment.mp4", buf_bytes(&b->segments[0].file));
        str_hex(key, BYTES(b->segments[0].key, 16));
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                struct kind *k = &kinds[i];
                CLEANUP(buf_done) struct buf copy = { 0 };
                assert_hidden(k, &b->segments[0].file);
                check_own_reader(k, b, (uint32_t)i + 1);
                if (k->config.codec == MEDIA_ONVIF_METADATA)
                        continue;
                run(&copy,
                        "ffmpeg -v error -decryption_key %s -i %s/segment.mp4 -map 0:%zu -c copy "
                        "-copy_unknown -f data -",
                        key, dir, i);
                same(k->name, "packets", &k->source, &copy);
                if (!k->decode)
                        continue;
                CLEANUP(buf_done) struct buf want, have;
                const char *form = i == 0 ? "-f rawvideo -pix_fmt yuvj420p" : "-f s16le";
                save(k->name, buf_bytes(&k->source));
                run(&want, "ffmpeg -v error %s -i %s/%s %s -", k->decode, dir, k->name, form);
                run(&have, "ffmpeg -v error -decryption_key %s -i %s/segment.mp4 -map 0:%zu %s -",
                        key, dir, i, form);
                assert_true(want.n > 10000);
                same(k->name, "what is decoded", &want, &have);
        }
        segment_builder_free(b);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                buf_done(&kinds[i].source);
}

static int setup(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        CLEANUP(buf_done) struct buf out;

        (void)state;
        run(&out, "rm -r %s", dir);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plays),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
