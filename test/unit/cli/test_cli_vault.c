/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos vault and custos keys, run as a person would, on a vault that a segment writer made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "cli/cli_keys.h"
#include "cli/cli_vault.h"
#include "vault/recovery_kit.h"
#include "command_run.c"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)

struct fixture {
        struct vault_owner *o;
        char state[80]; /* wrap.key in it */
        char kit[120];  /* a recovery kit that opens the vault */
};

static void record(struct vault_owner *o, unsigned seconds)
{
        CLEANUP(buf_done) struct buf frame;

        buf_init(&frame, 1u << 20);
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        for (unsigned i = 0; i < 25 * seconds; i++) {
                vault_owner_frame(i, i % 25 == 0, i % 25 == 0 ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (int64_t)i * 3600,
                        .key = i % 25 == 0,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN,
                        .lost_before = i == 130 };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, NULL), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_stop(o);
}

static void write_text(const char *path, const char *text, unsigned mode)
{
        assert_int_equal(file_write_atomic(path, bytes_str(text), mode, NULL), 0);
}

/* The recorder's key as the state directory has it; the same key as a recovery kit. */
static void write_keys(struct fixture *f)
{
        struct recovery_kit kit = { .site = "test", .date = "2026-11-22" };
        char path[200], hex[2 * HPKE_PUBLIC_BYTES + 1], text[RECOVERY_KIT_TEXT_ROOM];

        snprintf(path, sizeof path, "%s/recorder", f->state);
        assert_int_equal(file_make_dirs(path, 0700, NULL), 0);
        snprintf(path, sizeof path, "%s/recorder/wrap.key", f->state);
        write_text(path, str_hex(hex, BYTES(f->o->private_key, HPKE_PRIVATE_BYTES)), 0600);
        snprintf(path, sizeof path, "%s/recorder/recovery.pub", f->state);
        write_text(path, str_hex(hex, BYTES(f->o->public_key, HPKE_PUBLIC_BYTES)), 0644);
        memcpy(kit.private_key, f->o->private_key, sizeof kit.private_key);
        memcpy(kit.public_key, f->o->public_key, sizeof kit.public_key);
        recovery_kit_format(&kit, text);
        snprintf(f->kit, sizeof f->kit, "%s/kit.txt", f->state);
        write_text(f->kit, text, 0600);
}

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        f->o = vault_owner_new(SECOND, 4 * SECOND, 0);
        record(f->o, 9);
        snprintf(f->state, sizeof f->state, "%s/.state", f->o->dir);
        write_keys(f);
        CLEANUP(own_freep) char *main_volume = xasprintf("%s/vault", f->state);
        if (symlink(f->o->dir, main_volume) < 0)
                return -1;
        if (command_run(cli_vault, "rebuild", "--state", f->state, NULL) != 0)
                return -1;
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

#define COMMON "--state", f->state
#define TAKEN "--state", f->state, "--vault", f->o->dir /* as a disk without its recorder */

static void test_check(void **state)
{
        struct fixture *f = *state;
        char trust[65];

        str_hex(trust, BYTES(f->o->site->fingerprint, 32));
        assert_int_equal(command_run(cli_vault, "check", COMMON, "--trust", trust, "--recovery-kit",
                                 f->kit, NULL),
                0);
        SAYS("the vault is: whole");
        SAYS("9 of 9 fragments decrypted");
        assert_int_equal(command_run(cli_vault, "check", COMMON, NULL), 2);
        SAYS(trust);
        trust[0] = trust[0] == '0' ? '1' : '0';
        assert_int_equal(command_run(cli_vault, "check", COMMON, "--trust", trust, NULL), 1);
        assert_int_equal(command_run(cli_vault, "check", COMMON, "--trust", "abc", NULL), 64);
        assert_int_equal(command_run(cli_vault, "check", "--vault", "/nonexistent", NULL), 1);
        SAYS("there is no vault at /nonexistent");
        assert_int_equal(command_run(cli_vault, "check", "--state", "/nonexistent", NULL), 1);
        SAYS("--state or --vault says where it is");
        str_hex(trust, BYTES(f->o->site->fingerprint, 32));
        assert_int_equal(command_run(cli_vault, "check", TAKEN, "--trust", trust, NULL), 0);
        SAYS("index not looked at");
}

static void test_check_finds_a_flipped_bit(void **state)
{
        struct fixture *f = *state;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", f->o->dir, f->o->segments[1].object_key);
        char trust[65];
        uint8_t byte;
        int fd = open(path, O_RDWR);

        str_hex(trust, BYTES(f->o->site->fingerprint, 32));
        assert_int_equal(pread(fd, &byte, 1, 20000), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, 20000), 1);
        assert_int_equal(
                command_run(cli_vault, "check", COMMON, "--trust", trust, "--json", NULL), 1);
        SAYS("\"edited\"");
        SAYS(f->o->segments[1].object_key);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, 20000), 1);
        close(fd);
        assert_int_equal(
                command_run(cli_vault, "check", COMMON, "--trust", trust, "--json", NULL), 0);
        json_t *o = json_loads(command_run_output, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        assert_int_equal(json_integer_value(json_object_get(o, "segments")), 3);
        json_decref(o);
}

static void test_ls(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(command_run(cli_vault, "ls", COMMON, NULL), 0);
        SAYS("lobby-main\n  2026-11-22T15:00:00.000Z to 2026-11-22T15:00:03.960Z");
        SAYS("gap, start: until 2026-11-22T15:00:00.000Z");
        SAYS("gap, frames dropped: 2026-11-22T15:00:05.160Z to 2026-11-22T15:00:05.200Z");
        SAYS("3 segments, 8 s recorded");
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--json", "--from",
                                 "2026-11-22T15:00:05Z", "--to", "2026-11-22T15:00:06Z", NULL),
                0);
        json_t *list = json_loads(command_run_output, JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(json_array_size(list), 1);
        assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "gaps")), 1);
        json_decref(list);
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--camera", "lobby", NULL), 0);
        SAYS("3 segments");
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--camera", "other", NULL), 1);
        SAYS("there is nothing recorded of camera other in ");
        SAYS("recorded are: lobby\n");
        assert_int_equal(
                command_run(cli_vault, "ls", COMMON, "--camera", "lobby", "--stream", "sub", NULL),
                1);
        SAYS("nothing recorded of stream sub of camera lobby; recorded are: main\n");
        /* The vault's own name of the stream is no camera. */
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--camera", "lobby-main", NULL), 1);
        SAYS("recorded are: lobby\n");
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--key", "k", NULL), 64);
        SAYS("ls takes no --key");
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--from", "yesterday", NULL), 64);
        assert_int_equal(command_run(cli_vault, "ls", COMMON, "--camera", "../x", NULL), 64);
}

static void test_rebuild(void **state)
{
        struct fixture *f = *state;
        CLEANUP(own_freep) char *path = xasprintf("%s/storage/index.sqlite", f->state);

        unlink(path);
        assert_int_equal(command_run(cli_vault, "ls", COMMON, NULL), 1);
        SAYS("custos vault rebuild");
        assert_int_equal(command_run(cli_vault, "ls", TAKEN, NULL), 0); /* by the files alone */
        SAYS("3 segments, 8 s recorded");
        assert_int_equal(command_run(cli_vault, "rebuild", COMMON, NULL), 0);
        SAYS("index of 3 segments in 1 streams");
        assert_int_equal(command_run(cli_vault, "ls", COMMON, NULL), 0);
        SAYS("3 segments");
}

static void test_words(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(command_run(cli_vault, NULL), 64);
        assert_int_equal(command_run(cli_vault, "mend", NULL), 64);
        assert_int_equal(command_run(cli_vault, "check", "--colour", NULL), 64);
        assert_int_equal(command_run(cli_vault, "--help", NULL), 0);
        SAYS("custos vault rebuild");
        assert_int_equal(command_run(cli_keys, NULL), 64);
        assert_int_equal(command_run(cli_keys, "show", COMMON, NULL), 64);
        assert_int_equal(command_run(cli_keys, "--help", NULL), 0);
}

static void test_keys_show(void **state)
{
        struct fixture *f = *state;
        char key[33], kid[33], both[70];

        str_hex(key, BYTES(f->o->segments[1].key, 16));
        str_hex(kid, BYTES(f->o->segments[1].kid, 16));
        snprintf(both, sizeof both, "%s:%s", kid, key);
        assert_int_equal(command_run(cli_keys, "show", COMMON, "--camera", "lobby", "--at",
                                 "2026-11-22T15:00:05Z", NULL),
                0);
        SAYS(both);
        SAYS("ffmpeg -decryption_key");
        SAYS(f->o->segments[1].object_key);
        assert_int_equal(command_run(cli_keys, "show", COMMON, "--camera", "lobby", "--at",
                                 "2026-11-22T15:00:05Z", "--recovery-kit", f->kit, "--json", NULL),
                0);
        SAYS(key);
        assert_int_equal(command_run(cli_keys, "show", COMMON, "--camera", "lobby", "--at",
                                 "2026-11-22T18:00:05Z", NULL),
                1);
        SAYS("nothing of lobby-main was recorded");
        SAYS("recorded before that: until 2026-11-22T15:00:08.960Z; custos vault ls --camera lobby");
        assert_int_equal(command_run(cli_keys, "show", TAKEN, "--camera", "lobby", "--at",
                                 "2026-11-22T15:00:05Z", NULL),
                0);
        SAYS(both);
}

static void test_keys_recovery_kit(void **state)
{
        struct fixture *f = *state;
        CLEANUP(recovery_kit_freep)
        struct recovery_kit *other = recovery_kit_new("other", VAULT_OWNER_START_US);
        char text[RECOVERY_KIT_TEXT_ROOM], path[120];

        assert_int_equal(command_run(cli_keys, "recovery-kit", COMMON, NULL), 0);
        SAYS("1 of 1 hour keys are wrapped for the recovery kit");
        assert_int_equal(command_run(cli_keys, "recovery-kit", COMMON, "--check", f->kit, NULL), 0);
        SAYS("1 of 1 hour keys are opened by this kit");
        snprintf(path, sizeof path, "%s/other.txt", f->state);
        recovery_kit_format(other, text);
        write_text(path, text, 0600);
        assert_int_equal(command_run(cli_keys, "recovery-kit", COMMON, "--check", path, NULL), 1);
        SAYS("0 of 1 hour keys");
        text[strlen(text) / 2] ^= 1;
        write_text(path, text, 0600);
        assert_true(command_run(cli_keys, "recovery-kit", COMMON, "--check", path, NULL) != 0);
        assert_int_equal(chmod(f->kit, 0644), 0); /* readable by others */
        assert_true(command_run(cli_keys, "recovery-kit", COMMON, "--check", f->kit, NULL) != 0);
        assert_int_equal(chmod(f->kit, 0600), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_check_finds_a_flipped_bit),
                cmocka_unit_test(test_ls),
                cmocka_unit_test(test_rebuild),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_keys_show),
                cmocka_unit_test(test_keys_recovery_kit),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
