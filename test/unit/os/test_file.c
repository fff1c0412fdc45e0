/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

/* A directory of its own for each test; names are relative to it. */
static int enter(void **state)
{
        char *dir = strdup("/var/tmp/custos-file-XXXXXX");

        *state = dir;
        return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave(void **state)
{
        CLEANUP(own_freep) char *dir = *state;
        CLEANUP(own_freep) char *command = xasprintf("rm -rf '%s'", dir);

        return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text, mode_t mode)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        assert_int_equal(chmod(path, mode), 0);
}

static int entries(void)
{
        DIR *d = opendir(".");
        int n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

static bool holds(const struct buf *b, const char *text)
{
        return bytes_equal(buf_bytes(b), bytes_str(text));
}

static void test_read_appends(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct err e;

        (void)state;
        buf_init(&b, 1 << 20);
        put("a", "one ", 0644);
        put("b", "two", 0644);
        put("empty", "", 0644);
        assert_int_equal(file_read("a", 4, &b, &e), 0);
        assert_int_equal(file_read("b", 100, &b, &e), 0);
        assert_int_equal(file_read("empty", 0, &b, &e), 0);
        assert_true(holds(&b, "one two"));
        /* Its size is not told by stat. */
        assert_int_equal(file_read("/proc/self/status", 100000, &b, &e), 0);
        assert_memory_equal(b.p, "one twoName:", 12);
}

static void test_read_refuses(void **state)
{
        CLEANUP(buf_done) struct buf b, tiny;
        struct err e;

        (void)state;
        buf_init(&b, 1 << 20);
        buf_init(&tiny, 3);
        put("a", "four", 0644);
        assert_int_equal(symlink("a", "link"), 0);
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(buf_append(&b, bytes_str("kept"), &e), 0);

        assert_int_equal(file_read("a", 3, &b, &e), ERR_EXHAUSTED);
        assert_int_equal(file_read("/proc/self/status", 30, &b, &e), ERR_EXHAUSTED);
        assert_int_equal(file_read("a", 4, &tiny, &e), ERR_EXHAUSTED);
        assert_int_equal(file_read("none", 4, &b, &e), ERR_NOT_FOUND);
        assert_string_equal(e.text, "open none: No such file or directory");
        assert_int_equal(file_read("link", 4, &b, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "symbolic link"));
        assert_int_equal(
                file_read("fifo", 4, &b, &e), ERR_INVALID); /* and does not wait for a writer */
        assert_int_equal(file_read(".", 4, &b, &e), ERR_INVALID);
        assert_true(holds(&b, "kept"));
        assert_int_equal(tiny.n, 0);
}

static void test_secret_is_for_its_owner_only(void **state)
{
        static const mode_t open_to[] = { 0640, 0604, 0644, 0660, 0610, 0666 };
        struct err e;

        (void)state;
        put("key", "s3cret", 0600);
        for (size_t i = 0; i < ARRAY_LEN(open_to); i++) {
                CLEANUP(buf_done) struct buf b;
                char mode[16];
                buf_init(&b, 100);
                assert_int_equal(chmod("key", open_to[i]), 0);
                assert_int_equal(file_read_secret("key", 100, &b, &e), ERR_DENIED);
                assert_int_equal(b.n, 0);
                snprintf(mode, sizeof mode, "mode %04o", (unsigned)open_to[i]);
                assert_non_null(strstr(e.text, mode));
                assert_non_null(strstr(e.text, "owner "));
                assert_non_null(strstr(e.text, "chmod 600 key"));
                assert_null(strstr(e.text, "s3cret"));
        }
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 100);
        assert_int_equal(chmod("key", 0400), 0);
        assert_int_equal(file_read_secret("key", 100, &b, &e), 0);
        assert_true(holds(&b, "s3cret"));
}

static void test_write_atomic(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct err e;
        struct stat st;

        (void)state;
        buf_init(&b, 100);
        umask(022);
        assert_int_equal(file_write_atomic("f", bytes_str("first"), 0600, &e), 0);
        assert_int_equal(stat("f", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(file_write_atomic("f", bytes_str("second"), 0640, &e), 0);
        assert_int_equal(stat("f", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(file_read("f", 100, &b, &e), 0);
        assert_true(holds(&b, "second"));
        assert_int_equal(entries(), 1);
}

static void test_write_atomic_replaces_a_link_not_its_target(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct err e;

        (void)state;
        buf_init(&b, 100);
        put("target", "old", 0644);
        assert_int_equal(symlink("target", "f"), 0);
        assert_int_equal(file_write_atomic("f", bytes_str("new"), 0600, &e), 0);
        assert_int_equal(file_read("target", 100, &b, &e), 0);
        assert_true(holds(&b, "old"));
}

static void test_write_atomic_fails_whole(void **state)
{
        struct rlimit before, small = { 4096, RLIM_INFINITY };
        CLEANUP(buf_done) struct buf b;
        struct err e;
        static uint8_t much[20000];

        (void)state;
        buf_init(&b, 100);
        put("f", "old", 0600);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        signal(SIGXFSZ, SIG_IGN);
        small.rlim_max = before.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int r = file_write_atomic("f", BYTES(much, sizeof much), 0600, &e);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(r, ERR_IO);
        assert_int_equal(file_read("f", 100, &b, &e), 0);
        assert_true(holds(&b, "old"));
        assert_int_equal(entries(), 1); /* no temporary file stays */

        assert_int_equal(file_write_atomic("none/f", bytes_str("x"), 0600, &e), ERR_NOT_FOUND);
        assert_int_equal(mkdir("d", 0700), 0);
        assert_true(file_write_atomic("d", bytes_str("x"), 0600, &e) < 0);
        assert_int_equal(entries(), 2);
}

static void test_make_dirs(void **state)
{
        CLEANUP(own_freep) char *whole = xasprintf("%s/x/y/", (char *)*state);
        struct err e;
        struct stat st;

        umask(022);
        assert_int_equal(file_make_dirs("a/b//c/", 0700, &e), 0);
        assert_int_equal(file_make_dirs("a/b/c", 0700, &e), 0);
        assert_int_equal(file_make_dirs(whole, 0700, &e), 0);
        assert_int_equal(file_make_dirs("/", 0700, &e), 0);
        assert_int_equal(stat("a/b/c", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        put("a/file", "", 0600);
        assert_int_equal(file_make_dirs("a/file", 0700, &e), ERR_STATE);
        assert_int_equal(file_make_dirs("a/file/d", 0700, &e), ERR_STATE);
        assert_int_equal(file_make_dirs("", 0700, &e), ERR_INVALID);
        assert_true(file_exists("a/file"));
        assert_false(file_exists("a/none"));
        assert_int_equal(file_sync_dir("a", &e), 0);
        assert_int_equal(file_sync_dir("a/none", &e), ERR_NOT_FOUND);
}

static void test_map(void **state)
{
        struct file_map m = { 0 };
        struct err e;

        (void)state;
        put("f", "mapped", 0600);
        put("empty", "", 0600);
        assert_int_equal(file_map_open("f", &m, &e), 0);
        assert_true(bytes_equal(m.bytes, bytes_str("mapped")));
        file_map_done(&m);
        assert_int_equal(file_map_open("empty", &m, &e), 0);
        assert_int_equal(m.bytes.n, 0);
        file_map_done(&m);
        assert_int_equal(file_map_open("none", &m, &e), ERR_NOT_FOUND);
        file_map_done(&m);
}

static void test_segment(void **state)
{
        struct err e;
        struct stat st;
        int fd = -1, other = -7;
        bool direct = false;
        void *page = NULL;
        int dir = open(".", O_RDONLY | O_DIRECTORY);

        (void)state;
        assert_int_equal(file_create_segment(dir, "s.mp4", 1 << 20, &fd, &direct, &e), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true(st.st_blocks * 512 >= 1 << 20); /* set aside, without a size */
        assert_int_equal(!!(fcntl(fd, F_GETFL) & O_DIRECT), direct);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(posix_memalign(&page, 4096, 4096), 0);
        memset(page, 7, 4096);
        assert_int_equal(pwrite(fd, page, 4096, 4096), 4096);
        free(page);

        assert_int_equal(file_create_segment(dir, "s.mp4", 0, &other, &direct, &e), ERR_STATE);
        assert_int_equal(file_create_segment(dir, "../s", 0, &other, &direct, &e), ERR_INVALID);
        assert_int_equal(file_create_segment(dir, "", 0, &other, &direct, &e), ERR_INVALID);
        assert_int_equal(symlink("dangling", "l"), 0);
        assert_int_equal(file_create_segment(dir, "l", 0, &other, &direct, &e), ERR_STATE);
        assert_int_equal(
                file_create_segment(dir, "big", (uint64_t)1 << 60, &other, &direct, &e) < 0, 1);
        assert_false(file_exists("big"));
        assert_int_equal(other, -7);
        close(fd);
        close(dir);
}

static void test_segment_without_direct(void **state)
{
        struct err e;
        struct stat st;
        int fd = -1;
        bool direct = true;
        int dir = open("/dev/shm", O_RDONLY | O_DIRECTORY);

        (void)state;
        if (dir < 0) {
                print_message("no /dev/shm on this machine\n");
                skip();
        }
        CLEANUP(own_freep) char *name = xasprintf("custos-test-%d", (int)getpid());
        assert_int_equal(file_create_segment(dir, name, 8192, &fd, &direct, &e), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(!!(fcntl(fd, F_GETFL) & O_DIRECT), direct);
        unlinkat(dir, name, 0);
        close(fd);
        close(dir);
}

struct done {
        int calls, result;
        struct err e;
};

static void on_done(void *owner, int result, const struct err *e)
{
        struct done *d = owner;

        d->calls++;
        d->result = result;
        if (result < 0)
                d->e = *e;
}

static void test_write_in_the_pool(void **state)
{
        struct loop *l = loop_new();
        struct done d = { 0 }, s = { 0 };
        char got[16] = "";
        char parts[] = "abcdefg";
        struct iovec iov[] = { { parts, 3 }, { parts, 0 }, { parts + 3, 4 }, { NULL, 0 } };
        int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        file_write_start(l, fd, iov, 4, 5, on_done, &d);
        assert_int_equal(d.calls, 0); /* never from within */
        loop_run(l);
        assert_int_equal(d.calls, 1);
        assert_int_equal(d.result, 0);
        assert_int_equal(pread(fd, got, sizeof got, 0), 12);
        assert_memory_equal(got, "\0\0\0\0\0abcdefg", 12);
        file_sync_start(l, fd, on_done, &s);
        loop_run(l);
        assert_int_equal(s.calls, 1);
        assert_int_equal(s.result, 0);
        close(fd);
        loop_free(l);
}

/* More parts than one call takes, of uneven sizes: each byte has to be where it belongs. */
static void test_write_many_parts(void **state)
{
        enum { PARTS = 2000 };
        static struct iovec iov[PARTS];
        static uint8_t want[PARTS * 7], got[PARTS * 7 + 1];
        struct loop *l = loop_new();
        struct done d = { 0 };
        size_t n = 0;
        int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        for (size_t i = 0; i < sizeof want; i++)
                want[i] = (uint8_t)(i * 31 >> 3);
        for (size_t i = 0; i < PARTS; i++) {
                iov[i] = (struct iovec){ want + n, i % 8 };
                n += i % 8;
        }
        file_write_start(l, fd, iov, PARTS, 0, on_done, &d);
        loop_run(l);
        assert_int_equal(d.result, 0);
        assert_int_equal(pread(fd, got, sizeof got, 0), n);
        assert_memory_equal(got, want, n);
        close(fd);
        loop_free(l);
}

/* A file size limit makes the kernel write a part and refuse the rest: the part is kept, the
 * failure told. */
static void test_write_partial(void **state)
{
        struct rlimit before, small;
        static uint8_t much[10000];
        struct iovec iov[] = { { much, 3000 }, { much + 3000, 7000 } };
        struct loop *l = loop_new();
        struct done d = { 0 };
        struct stat st;
        int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = (struct rlimit){ 5000, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        file_write_start(l, fd, iov, 2, 0, on_done, &d);
        loop_run(l);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(d.calls, 1);
        assert_int_equal(d.result, ERR_IO);
        assert_int_equal(d.e.os_errno, EFBIG);
        assert_non_null(strstr(d.e.text, "byte 5000"));
        fstat(fd, &st);
        assert_int_equal(st.st_size, 5000);
        close(fd);
        loop_free(l);
}

static void test_write_to_a_full_volume(void **state)
{
        struct loop *l = loop_new();
        struct done d = { 0 };
        char x[] = "x";
        struct iovec iov = { x, 1 };
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        (void)state;
        assert_true(fd >= 0);
        file_write_start(l, fd, &iov, 1, 0, on_done, &d);
        loop_run(l);
        assert_int_equal(d.result, ERR_EXHAUSTED);
        close(fd);
        d = (struct done){ 0 };
        file_sync_start(l, -1, on_done, &d);
        loop_run(l);
        assert_int_equal(d.calls, 1);
        assert_int_equal(d.result, ERR_IO);
        loop_free(l);
}

static void test_free_waits_for_writes(void **state)
{
        struct loop *l = loop_new();
        struct done d = { 0 };
        char x[] = "x";
        struct iovec iov = { x, 1 };
        int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        file_write_start(l, fd, &iov, 1, 0, on_done, &d);
        loop_free(l);
        assert_int_equal(d.calls, 1);
        close(fd);
}

/* One that the owner of its directory keeps for our group, and no other. */
static void test_shared_secret(void **state)
{
        static const unsigned dirs[] = { 0700, 0775, 0771 }, files[] = { 0660, 0644, 0440 };
        CLEANUP(buf_done) struct buf b;
        struct err e;

        (void)state;
        buf_init(&b, 100);
        assert_int_equal(mkdir("d", 0700), 0);
        assert_int_equal(file_write_atomic("d/key", bytes_str("key"), 0640, &e), 0);
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                assert_int_equal(chmod("d", dirs[i]), 0);
                assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), ERR_DENIED);
        }
        assert_int_equal(chmod("d", 01770), 0);
        assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), 0);
        assert_int_equal(file_read_own_secret("d/key", 100, &b, &e), ERR_DENIED);
        assert_int_equal(file_read_secret("d/key", 100, &b, &e), ERR_DENIED);
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                assert_int_equal(chmod("d/key", files[i]), 0);
                assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), ERR_DENIED);
        }
        assert_int_equal(chmod("d/key", 0640), 0);
        if (geteuid() != 0)
                return; /* the rest needs another user */
        assert_int_equal(chown("d/key", 12345, 0), 0);
        assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), ERR_DENIED);
        assert_int_equal(chown("d", 12345, 0), 0);
        assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), 0);
        assert_int_equal(chown("d/key", 12345, 23456), 0);
        assert_int_equal(file_read_shared_secret("d/key", 100, &b, &e), ERR_DENIED);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_DIR(test_read_appends),
                IN_DIR(test_read_refuses),
                IN_DIR(test_secret_is_for_its_owner_only),
                IN_DIR(test_shared_secret),
                IN_DIR(test_write_atomic),
                IN_DIR(test_write_atomic_replaces_a_link_not_its_target),
                IN_DIR(test_write_atomic_fails_whole),
                IN_DIR(test_make_dirs),
                IN_DIR(test_map),
                IN_DIR(test_segment),
                IN_DIR(test_segment_without_direct),
                IN_DIR(test_write_in_the_pool),
                IN_DIR(test_write_many_parts),
                IN_DIR(test_write_partial),
                IN_DIR(test_write_to_a_full_volume),
                IN_DIR(test_free_waits_for_writes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
