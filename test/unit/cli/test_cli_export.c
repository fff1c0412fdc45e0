/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos export and custos verify, run as a person would, on a vault that a segment writer made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_export.h"
#include "cli/cli_verify.h"
#include "os/file.h"
#include "command_run.c"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)

struct fixture {
        struct vault_owner *o;
        char state[80], out[120], trust[65];
};

/* Twice 9 seconds of 25 frames with sound; the second without, so that it cannot be joined. */
static void record(struct vault_owner *o, bool audio)
{
        struct media_config tracks[2] = { vault_owner_h264, vault_owner_aac };
        CLEANUP(buf_done) struct buf frame;
        static const uint8_t sound[200] = { 1, 2, 3 };

        buf_init(&frame, 1u << 20);
        vault_owner_begin(o, tracks, audio ? 2 : 1, SEAL_GAP_START);
        for (unsigned i = 0; i < 225; i++) {
                vault_owner_frame(i, i % 25 == 0, i % 25 == 0 ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (int64_t)i * 3600,
                        .key = i % 25 == 0,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, NULL), 0);
                struct access_unit a = { .data = BYTES(sound, sizeof sound),
                        .pts = (int64_t)i * vault_owner_aac.clock_rate / 25,
                        .key = true,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                if (audio)
                        assert_int_equal(segment_writer_push(o->writer, 1, &a, NULL), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_settle(o);
}

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        char path[200], hex[65];

        f->o = vault_owner_new(SECOND, 4 * SECOND, 0);
        record(f->o, true);
        segment_writer_end(f->o->writer);
        record(f->o, false);
        vault_owner_stop(f->o);
        snprintf(f->state, sizeof f->state, "%s/.state", f->o->dir);
        snprintf(path, sizeof path, "%s/recorder", f->state);
        assert_int_equal(file_make_dirs(path, 0700, NULL), 0);
        snprintf(path, sizeof path, "%s/recorder/wrap.key", f->state);
        str_hex(hex, BYTES(f->o->private_key, HPKE_PRIVATE_BYTES));
        assert_int_equal(file_write_atomic(path, bytes_str(hex), 0600, NULL), 0);
        str_hex(f->trust, BYTES(f->o->site->fingerprint, 32));
        snprintf(f->out, sizeof f->out, "%s/clip.mp4", f->state);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        vault_owner_free(f->o);
        free(f);
        return 0;
}

#define COMMON "--state", f->state, "--vault", f->o->dir, "--camera", "lobby", "--output", f->out
#define WITH_SOUND "--from", "2026-11-22T15:00:00Z", "--to", "2026-11-22T15:00:08.5Z"

static void test_export(void **state)
{
        struct fixture *f = *state;
        struct stat st;

        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 0);
        SAYS("complete from seal 1");
        SAYS("gap              start");
        SAYS("each opens its whole minute");
        SAYS(f->trust);
        assert_int_equal(stat(f->out, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 0);
        SAYS("AUTHENTIC");
        assert_int_equal(command_run(cli_verify, f->out, NULL), 2);
        SAYS("CANNOT TELL: unchanged and complete, but nobody said whose site");
        SAYS(f->trust);

        /* Never over what is there. */
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 1);
        SAYS("exists already and is not overwritten");
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 0);
        unlink(f->out);
}

static void test_range(void **state)
{
        struct fixture *f = *state;

        /* Inside of one second: the whole fragment, shown from and to the times asked for. */
        assert_int_equal(command_run(cli_export, COMMON, "--from", "2026-11-22T15:00:05.3Z", "--to",
                                 "2026-11-22T15:00:05.6Z", "--json", NULL),
                0);
        json_t *o = json_loads(command_run_output, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        json_t *files = json_object_get(o, "files");
        assert_int_equal(json_array_size(files), 1);
        assert_string_equal(json_string_value(json_object_get(o, "fingerprint")), f->trust);
        json_decref(o);
        assert_int_equal(command_run(cli_verify, "--json", "--trust", f->trust, f->out, NULL), 0);
        o = json_loads(command_run_output, JSON_REJECT_DUPLICATES, NULL);
        assert_string_equal(json_string_value(json_object_get(o, "verdict")), "authentic");
        assert_int_equal(json_integer_value(json_object_get(o, "fragments")), 1);
        json_decref(o);
        unlink(f->out);
        assert_int_equal(command_run(cli_export, COMMON, "--from", "2026-11-22T11:00:00Z", "--to",
                                 "2026-11-22T12:00:00Z", NULL),
                1);
        SAYS("nothing of lobby-main was recorded in that time");
        SAYS("recorded after that: from 2026-11-22T15:00:00.000Z; custos vault ls --camera lobby");
        assert_int_equal(access(f->out, F_OK), -1);
}

/* With the clock eight seconds into the recording, the last three seconds of it. */
static void test_last(void **state)
{
        struct fixture *f = *state;
        char offset[32];

        snprintf(offset, sizeof offset, "%lld",
                (long long)(VAULT_OWNER_START_US / SECOND) + 8 - (long long)time(NULL));
        setenv("CUSTOS_CLOCK_OFFSET_S", offset, 1);
        int r = command_run(cli_export, COMMON, "--last", "3", "--json", NULL);
        unsetenv("CUSTOS_CLOCK_OFFSET_S");
        assert_int_equal(r, 0);
        assert_int_equal(command_run(cli_verify, "--json", "--trust", f->trust, f->out, NULL), 0);
        json_t *o = json_loads(command_run_output, JSON_REJECT_DUPLICATES, NULL);
        json_int_t fragments = json_integer_value(json_object_get(o, "fragments"));
        assert_true(fragments == 4 || fragments == 5);
        json_decref(o);
        unlink(f->out);
}

/* The second recording has no sound: it cannot be joined, and goes to a file of its own. */
static void test_two_files(void **state)
{
        struct fixture *f = *state;
        char second[200];

        assert_int_equal(command_run(cli_export, COMMON, "--from", "2026-11-22T15:00:00Z", "--to",
                                 "2026-11-22T15:01:00Z", NULL),
                0);
        snprintf(second, sizeof second, "%s/clip.2.mp4", f->state);
        SAYS(second);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 0);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, second, NULL), 0);
        unlink(f->out);
        unlink(second);
        /* The vault's own name of the stream; without sound all of it is still two films, for the
         * tracks differ. */
        assert_int_equal(
                command_run(cli_export, "--state", f->state, "--vault", f->o->dir, "--camera",
                        "lobby", "--output", f->out, WITH_SOUND, "--without-audio", NULL),
                0);
        SAYS("without sound");
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 0);
        unlink(f->out);
}

/* A bit of the picture in the third fragment of a segment. */
static void flip(struct fixture *f, unsigned segment)
{
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", f->o->dir, f->o->segments[segment].object_key);
        CLEANUP(own_closep) int fd = open(path, O_RDWR);
        CLEANUP(buf_done) struct buf file;
        size_t at = 0;

        buf_init(&file, 1u << 24);
        assert_int_equal(file_read(path, 1u << 24, &file, NULL), 0);
        for (unsigned i = 0; i < 3; i++) {
                const uint8_t *hit = memmem(file.p + at, file.n - at, "mdat", 4);
                assert_non_null(hit);
                at = (size_t)(hit - file.p) + 4;
        }
        uint8_t byte = file.p[at + 500] ^ 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at + 500), 1);
}

static void test_damaged(void **state)
{
        struct fixture *f = *state;

        flip(f, 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 1);
        SAYS(f->o->segments[0].object_key);
        SAYS("--skip-damaged exports the rest");
        assert_int_equal(access(f->out, F_OK), -1);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, "--skip-damaged", NULL), 0);
        SAYS("damaged: ");
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 1);
        SAYS("NOT AUTHENTIC: removed");
        unlink(f->out);
        flip(f, 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 0);
        unlink(f->out);
}

static void test_missing(void **state)
{
        struct fixture *f = *state;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", f->o->dir, f->o->segments[1].object_key);
        CLEANUP(own_freep) char *away = xasprintf("%s/away", f->state);

        assert_int_equal(rename(path, away), 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 1);
        SAYS("the footage is not whole: removed: ");
        assert_int_equal(access(f->out, F_OK), -1);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->o->dir, NULL), 1);
        SAYS("NOT AUTHENTIC: removed");
        assert_int_equal(rename(away, path), 0);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->o->dir, NULL), 0);
        SAYS("AUTHENTIC");
}

/* What a crash leaves is no damage, and damage that is not in the range is not asked about. */
static void test_leftovers(void **state)
{
        struct fixture *f = *state;
        CLEANUP(own_freep)
        char *first = xasprintf("%s/%s", f->o->dir, f->o->segments[0].object_key);
        CLEANUP(own_freep) char *hour = xasprintf("%s/lobby-main/2026-11-22/14", f->o->dir);
        CLEANUP(own_freep)
        char *cut = xasprintf("%s/lobby-main/2026-11-22/15/00-01.500Z.0.mp4", f->o->dir);
        CLEANUP(own_freep) char *early = xasprintf("%s/20-00.000Z.0.mp4", hour);
        CLEANUP(own_freep) char *close_by = xasprintf("%s/59-30.000Z.0.mp4", hour);
        CLEANUP(buf_done) struct buf file;

        buf_init(&file, 1u << 24);
        assert_int_equal(file_read(first, 1u << 24, &file, NULL), 0);
        assert_int_equal(file_make_dirs(hour, 0700, NULL), 0);
        assert_int_equal(
                file_write_atomic(cut, bytes_sub(buf_bytes(&file), 0, 700), 0600, NULL), 0);
        static const char junk[] = "a header that nobody can read";
        assert_int_equal(file_write_atomic(early, bytes_str(junk), 0600, NULL), 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 0);
        assert_int_equal(command_run(cli_verify, "--trust", f->trust, f->out, NULL), 0);
        unlink(f->out);
        assert_int_equal(rename(early, close_by), 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, NULL), 1);
        SAYS("14/59-30.000Z.0.mp4");
        unlink(close_by);
        unlink(cut);
}

static void test_keys(void **state)
{
        struct fixture *f = *state;
        char other[200], hex[65] = "";

        snprintf(other, sizeof other, "%s/other.key", f->state);
        memset(hex, '1', 64);
        assert_int_equal(file_write_atomic(other, bytes_str(hex), 0644, NULL), 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, "--key", other, NULL),
                1); /* others may read it */
        assert_int_equal(chmod(other, 0600), 0);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, "--key", other, NULL),
                1); /* opens nothing */
        SAYS(f->o->segments[0].object_key);
        assert_int_equal(access(f->out, F_OK), -1);
        assert_null(strstr(command_run_output, hex));
}

static void test_names(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(command_run(cli_export, "--state", f->state, "--vault", f->o->dir,
                                 "--camera", "nobody", "--output", f->out, WITH_SOUND, NULL),
                1);
        SAYS("there is nothing recorded of camera nobody in ");
        SAYS("recorded are: lobby\n");
        assert_int_equal(command_run(cli_export, COMMON, "--stream", "sub", WITH_SOUND, NULL), 1);
        SAYS("of stream sub of camera lobby; recorded are: main\n");
        /* The state directory alone: its vault is not there. */
        assert_int_equal(command_run(cli_export, "--state", f->state, "--camera", "lobby",
                                 "--output", f->out, WITH_SOUND, NULL),
                1);
        SAYS("there is no vault of ");
        assert_int_equal(command_run(cli_export, "--state", "/nonexistent", "--vault", f->o->dir,
                                 "--camera", "lobby", "--output", f->out, WITH_SOUND, NULL),
                1);
        SAYS("there is no recorder's key at /nonexistent/recorder/wrap.key: ");
        assert_null(strstr(command_run_output, "vault ls"));
        assert_int_equal(command_run(cli_verify, "--vault", f->o->dir, "--camera", "lobby",
                                 "--trust", f->trust, NULL),
                0);
        SAYS("AUTHENTIC");
        assert_int_equal(
                command_run(cli_verify, "--vault", f->o->dir, "--camera", "nobody", NULL), 2);
        SAYS("recorded are: lobby\n");
        assert_int_equal(access(f->out, F_OK), -1);
}

static void test_usage(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(command_run(cli_export, "--help", NULL), 0);
        assert_int_equal(command_run(cli_verify, "--help", NULL), 0);
        assert_int_equal(command_run(cli_export, NULL), 64);
        assert_int_equal(command_run(cli_export, COMMON, NULL), 64);
        assert_int_equal(command_run(cli_export, COMMON, WITH_SOUND, "--last", "5", NULL), 64);
        assert_int_equal(command_run(cli_export, COMMON, "--last", "0", NULL), 64);
        assert_int_equal(command_run(cli_export, COMMON, "--from", "now", NULL), 64);
        assert_int_equal(command_run(cli_export, "--camera", "../x", NULL), 64);
        assert_int_equal(command_run(cli_export, "--nonsense", NULL), 64);
        assert_int_equal(command_run(cli_export, COMMON, "--from", "2026-11-22T15:00:05Z", "--to",
                                 "2026-11-22T15:00:00Z", NULL),
                64);
        assert_int_equal(command_run(cli_verify, NULL), 64);
        assert_int_equal(command_run(cli_verify, "--camera", "lobby", f->out, NULL), 64);
        SAYS("PATH or --camera, not both");
        assert_int_equal(command_run(cli_verify, "--trust", "12", f->out, NULL), 64);
        assert_int_equal(command_run(cli_verify, "a", "b", NULL), 64);
        assert_int_equal(command_run(cli_verify, "/nonexistent", NULL), 2);
        assert_int_equal(command_run(cli_verify, "--json", "/etc/passwd", NULL), 2);
        SAYS("not a segment or an export");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_export),
                cmocka_unit_test(test_range),
                cmocka_unit_test(test_last),
                cmocka_unit_test(test_two_files),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_leftovers),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_usage),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
