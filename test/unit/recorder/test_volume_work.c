/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a volume's process does on its disk, and what the kernel keeps it from. The volume is the
 * working directory; beside it lie a secret and another directory, which no name may reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/proc.h"
#include "os/role.h"
#include "recorder/volume_work.h"
#include "vault/volume.h"
#include "vault/lock_record.h"

#define WALL_US INT64_C(1795359600221000) /* 2026-11-22T15:00:00.221Z */
#define HOUR "lobby-main/2026-11-22/15"
#define KEY_ID "00112233445566778899aabbccddeeff"
#define KEY_FILE "keys/lobby-main/2026-11-22/15." KEY_ID ".json"

static char folder[64];
static struct volume_work work;

static int set_up(void **state)
{
        (void)state;
        snprintf(folder, sizeof folder, "/tmp/custos-work-XXXXXX");
        if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("volume", 0700) < 0 ||
                mkdir("outside", 0700) < 0)
                return -1;
        volume_work_init(&work);
        return file_write_atomic("secret", bytes_str("secret"), 0600, NULL) == 0 &&
                               file_write_atomic("outside/00-00.221Z.0.mp4", bytes_str("evidence"),
                                       0600, NULL) == 0 &&
                               chdir("volume") == 0
                       ? 0
                       : -1;
}

static int tear_down(void **state)
{
        CLEANUP(own_freep) char *command = xasprintf("rm -rf %s", folder);

        (void)state;
        volume_work_done(&work);
        return chdir("/") < 0 ? -1 : system(command);
}

static uint64_t room_for_a_segment(void)
{
        struct statvfs room;

        assert_int_equal(statvfs(".", &room), 0);
        return volume_segment_room((uint64_t)room.f_blocks * room.f_frsize);
}

static int remove_one(const char *name, struct err *e)
{
        char names[1][HEAD_KEY_MAX] = { 0 };

        snprintf(names[0], sizeof names[0], "%s", name);
        return volume_work_remove(&work, (const char(*)[HEAD_KEY_MAX])names, 1, e);
}

static void test_names(void **state)
{
        static const char *const wrong[] = { "", "/", "..", "../../etc/passwd", "/etc/passwd",
                "volume.json", "lock", ".probe", "locks/" KEY_ID ".json", "keys", "keys/lobby-main",
                HOUR, HOUR "/", HOUR "/00-00.221Z.0.mp4/", HOUR "/../00-00.221Z.0.mp4",
                HOUR "/00-00.221Z.0.mp4\n", HOUR "/00-00.221Z.0.mp3", HOUR "/00-00.221Z..mp4",
                "./" HOUR "/00-00.221Z.0.mp4", "/" HOUR "/00-00.221Z.0.mp4",
                "lobby/2026-11-22/15/00-00.221Z.0.mp4", "lobby-main//2026-11-22/00-00.221Z.0.mp4",
                "../lobby-main/2026-11-22/15/00-00.221Z.0.mp4", "keys/../" HOUR "/00-00.221Z.0.mp4",
                "keys/lobby-main/2026-11-22/../../../volume.json",
                "keys/lobby-main/2026-11-22/15." KEY_ID ".json/x",
                "keys/lobby-main/2026-11-22/15.00112233445566778899AABBCCDDEEFF.json",
                "keys/lobby-main/2026-11-22/15.0011.json",
                "keys/lobby-main/2026-11-22/15." KEY_ID "00.json", "keys/../../etc/passwd",
                "keys/lobby-main/2026-1--22/15." KEY_ID ".json" };
        struct err e;

        (void)state;
        assert_true(volume_work_is_segment(HOUR "/00-00.221Z.0.mp4"));
        assert_true(volume_work_is_key(KEY_FILE));
        assert_false(volume_work_is_segment(KEY_FILE));
        assert_false(volume_work_is_key(HOUR "/00-00.221Z.0.mp4"));
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                assert_false(volume_work_is_segment(wrong[i]) || volume_work_is_key(wrong[i]));
                assert_int_equal(remove_one(wrong[i], &e), ERR_INVALID);
        }
        struct volume_work_file f;
        assert_int_equal(volume_work_create(&work, "../x-main", WALL_US, &f, &e), ERR_INVALID);
        assert_int_equal(volume_work_read("../secret", &f, &e), ERR_INVALID);
        assert_int_equal(volume_work_lock(&work, "../../secret", BYTES(NULL, 0), &e), ERR_INVALID);
        assert_int_equal(volume_work_key(&work, "keys/../../x", bytes_str("x"), &e), ERR_INVALID);
        assert_true(file_exists("../secret"));
}

static void test_files_come_and_go(void **state)
{
        struct volume_work_file a, b, read;
        struct stat st;
        struct err e;

        (void)state;
        assert_int_equal(volume_work_create(&work, "lobby-main", WALL_US, &a, &e), 0);
        assert_string_equal(a.object_key, HOUR "/00-00.221Z.0.mp4");
        assert_int_equal(volume_work_create(&work, "lobby-main", WALL_US, &b, &e), 0);
        assert_string_equal(b.object_key, HOUR "/00-00.221Z.1.mp4");
        assert_true(stat(HOUR, &st) == 0 && (st.st_mode & 07777) == 0700);
        assert_true(stat(a.object_key, &st) == 0 && (st.st_mode & 07777) == 0600);
        assert_true((uint64_t)st.st_blocks * 512 >= room_for_a_segment());
        assert_int_equal(volume_work_read(a.object_key, &read, &e), 0);
        assert_int_equal(fcntl(read.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        close(read.fd);
        close(a.fd);
        close(b.fd);
        assert_int_equal(volume_work_key(&work, KEY_FILE, bytes_str("{}"), &e), 0);
        assert_true(stat(KEY_FILE, &st) == 0 && st.st_size == 2 && (st.st_mode & 07777) == 0600);

        /* Directories go with their last file. */
        assert_int_equal(remove_one(a.object_key, &e), 0);
        assert_true(file_exists(HOUR));
        assert_int_equal(remove_one(b.object_key, &e), 0);
        assert_false(file_exists("lobby-main"));
        assert_int_equal(remove_one(b.object_key, &e), 0); /* as good as removed */
        assert_int_equal(remove_one(KEY_FILE, &e), 0);
        assert_false(file_exists("keys/lobby-main"));
        assert_true(file_exists("keys"));
        assert_int_equal(volume_work_read(a.object_key, &read, &e), ERR_NOT_FOUND);
}

static void test_locks(void **state)
{
        struct err e;

        (void)state;
        assert_int_equal(volume_work_lock(&work, KEY_ID, BYTES(NULL, 0), &e), 0); /* none there */
        assert_int_equal(volume_work_lock(&work, KEY_ID, bytes_str("text"), &e), 0);
        assert_true(file_exists("locks/" KEY_ID ".json"));
        assert_int_equal(volume_work_lock(&work, KEY_ID, BYTES(NULL, 0), &e), 0);
        assert_false(file_exists("locks/" KEY_ID ".json"));
}

/* Somebody who had the disk put links where directories and files were. */
static void test_links_lead_nowhere(void **state)
{
        char names[2][HEAD_KEY_MAX] = { HOUR "/00-00.221Z.0.mp4", KEY_FILE };
        struct volume_work_file f;
        struct message_volume_tail tail;
        struct err e;

        (void)state;
        assert_int_equal(file_make_dirs("lobby-main/2026-11-22", 0700, NULL), 0);
        assert_int_equal(symlink("../../../outside", HOUR), 0);
        assert_int_equal(volume_work_create(&work, "lobby-main", WALL_US, &f, &e), ERR_DENIED);
        assert_int_equal(volume_work_read(names[0], &f, &e), ERR_DENIED);
        assert_int_equal(remove_one(names[0], &e), ERR_DENIED);
        assert_int_equal(volume_work_tail("lobby-main", names[0], false, NULL, &tail, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_NONE); /* of these files, not of the volume */

        assert_int_equal(symlink("../outside", "keys"), 0);
        assert_int_equal(volume_work_key(&work, KEY_FILE, bytes_str("{}"), &e), ERR_DENIED);
        assert_int_equal(symlink("../outside", "locks"), 0);
        assert_int_equal(volume_work_lock(&work, KEY_ID, bytes_str("text"), &e), ERR_DENIED);
        /* One that cannot be removed does not keep the others. */
        assert_int_equal(unlink(HOUR), 0);
        assert_int_equal(file_make_dirs(HOUR, 0700, NULL), 0);
        assert_int_equal(symlink("../../../../outside/00-00.221Z.0.mp4", names[0]), 0);
        assert_int_equal(volume_work_read(names[0], &f, &e), ERR_IO);
        assert_int_equal(e.fault, FAULT_NONE);
        char both[2][HEAD_KEY_MAX] = { KEY_FILE, HOUR "/00-00.221Z.0.mp4" };
        assert_int_equal(
                volume_work_remove(&work, (const char(*)[HEAD_KEY_MAX])both, 2, &e), ERR_DENIED);
        assert_false(file_exists(names[0])); /* the link, and not what it leads to */
        assert_true(file_exists("../outside/00-00.221Z.0.mp4"));
        assert_int_equal(chdir("../outside"), 0);
        assert_int_equal(system("test $(ls | wc -l) = 1"), 0); /* nothing was made there */

        assert_int_equal(chdir("../volume"), 0);
        assert_int_equal(file_make_dirs(HOUR, 0700, NULL), 0);
        assert_int_equal(mkfifo(names[0], 0600), 0);
        assert_int_equal(volume_work_read(names[0], &f, &e), ERR_DENIED); /* and does not wait */
}

/* --- the kernel's part, when all of the above were wrong --- */

static int denied(int r)
{
        int wrong = r >= 0 || (errno != EACCES && errno != EPERM && errno != EXDEV);

        if (wrong)
                dprintf(2, "not denied: %d, errno %d\n", r, errno);
        return wrong;
}

/* As the role does it; then everything that a name could reach. */
static int confined(void)
{
        const struct sandbox_path volume = { ".", true };
        struct volume_work_file f;
        struct err e = { 0 };
        int wrong = 0;

        proc_harden(NULL);
        if (role_confine(SANDBOX_VOLUME, &volume, 1, &e) < 0) {
                dprintf(2, "%s\n", e.text);
                return 99;
        }
        wrong += denied(open("/etc/passwd", O_RDONLY));
        wrong += denied(open("../secret", O_RDONLY));
        wrong += denied(open("link", O_RDONLY));
        wrong += denied(open("/proc/self/mem", O_RDWR));
        wrong += denied(open("../outside/new", O_WRONLY | O_CREAT, 0600));
        wrong += denied(open("/dev/null", O_RDONLY));
        wrong += denied(unlink("../outside/00-00.221Z.0.mp4"));
        wrong += denied(rename("../outside/00-00.221Z.0.mp4", "taken"));
        wrong += denied(mkdir("../outside/dir", 0700));
        wrong += denied(rmdir("../outside"));
        wrong += denied(truncate("../secret", 0));
        wrong += denied(symlink("x", "y"));
        wrong += denied(mkfifo("fifo", 0600));
        wrong += denied(chdir(".."));
        wrong += denied(socket(AF_UNIX, SOCK_STREAM, 0));
        wrong += denied(kill(getppid(), 0));
        wrong += denied(fork());
        /* What it is there for. */
        if (volume_work_create(&work, "lobby-main", WALL_US, &f, &e) < 0 ||
                ftruncate(f.fd, 4096) < 0 || fsync(f.fd) < 0 ||
                volume_work_key(&work, KEY_FILE, bytes_str("{}"), &e) < 0 ||
                remove_one(f.object_key, &e) < 0) {
                dprintf(2, "in its own directory: %s\n", e.text);
                wrong++;
        }
        return wrong;
}

static void test_the_kernel_keeps_it_there(void **state)
{
        int status = 0;

        (void)state;
        assert_int_equal(symlink("../secret", "link"), 0);
        pid_t pid = fork();
        if (pid == 0)
                _exit(confined());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_true(file_exists("../outside/00-00.221Z.0.mp4") && !file_exists("taken"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_files_come_and_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_locks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_links_lead_nowhere, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_kernel_keeps_it_there, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
