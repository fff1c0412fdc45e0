/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The children are this very program: main looks at its first argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/chan.h"
#include "os/proc.h"
#include "os/sanitizer.h"

struct watch {
        struct loop *loop;
        int exits, status, signal, free_in_it;
};

static void on_exit_note(void *owner, struct proc *p, int status, int number)
{
        struct watch *w = owner;

        w->exits++;
        w->status = status;
        w->signal = number;
        proc_signal(p, SIGKILL); /* reaches nobody */
        if (w->free_in_it)
                proc_free(p);
}

static struct proc *start(struct watch *w, const char *what, const int *fds, unsigned fds_n)
{
        const char *args[] = { what, "more", NULL };
        struct proc_options o = {
                .args = args, .fds = fds, .fds_n = fds_n, .on_exit = on_exit_note, .owner = w
        };
        struct proc *p = NULL;
        struct err e;

        if (proc_start(w->loop, &o, &p, &e) < 0)
                fail_msg("%s", e.text);
        return p;
}

static void test_exit_status(void **state)
{
        struct watch w = { .loop = loop_new() };
        struct proc *p = start(&w, "child-exit-42", NULL, 0);

        (void)state;
        assert_true(proc_pid(p) > 0);
        assert_int_equal(w.exits, 0);
        loop_run(w.loop);
        assert_int_equal(w.exits, 1);
        assert_int_equal(w.status, 42);
        assert_int_equal(w.signal, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
        assert_int_equal(errno, ECHILD);
        assert_null(proc_free(p));
        loop_free(w.loop);
}

static void test_ends_by_signal(void **state)
{
        struct watch w = { .loop = loop_new(), .free_in_it = 1 };
        struct proc *p = start(&w, "child-wait", NULL, 0);

        (void)state;
        proc_signal(p, SIGTERM); /* default action: the mask and handlers are fresh */
        loop_run(w.loop);
        assert_int_equal(w.exits, 1);
        assert_int_equal(w.signal, SIGTERM);
        assert_int_equal(w.status, -1);
        assert_null(proc_free(NULL));
        loop_free(w.loop);
}

/* Descriptors in every order, on and around the numbers that they are to have. */
static const int places[][3] = { { 3, 4, 5 }, { 5, 4, 3 }, { 4, 5, 3 }, { 20, 3, 4 }, { 12, 13, 3 },
        { 6, 5, 4 } };

/* A pipe that holds one letter, its reading end at `at`. */
static bool place_letter(char letter, int at)
{
        int p[2];

        if (pipe(p) < 0 || write(p[1], &letter, 1) != 1)
                return false;
        int up = fcntl(p[0], F_DUPFD, 200);
        close(p[0]);
        close(p[1]);
        bool ok = dup2(up, at) == at;
        close(up);
        return ok;
}

/* In a program of its own, where no library has taken any number yet. */
static int child_places(const int *at)
{
        struct watch w = { 0 };
        int report[2], fds[4] = { at[0], at[1], at[2], 100 };
        const char *args[] = { "child-read-fds", NULL };
        struct proc_options o = {
                .args = args, .fds = fds, .fds_n = 4, .on_exit = on_exit_note, .owner = &w
        };
        struct proc *p = NULL;
        char got[4] = "";

        if (pipe(report) < 0 || dup2(report[1], 100) != 100 || dup2(report[0], 101) != 101)
                return 2;
        close(report[0]);
        close(report[1]);
        for (int i = 0; i < 3; i++) {
                if (!place_letter((char)('a' + i), at[i]))
                        return 3;
        }
        w.loop = loop_new();
        if (proc_start(w.loop, &o, &p, NULL) < 0)
                return 4;
        loop_run(w.loop);
        proc_free(p);
        loop_free(w.loop);
        if (w.status != 0)
                return 10 + w.status;
        return read(101, got, 3) == 3 && memcmp(got, "abc", 3) == 0 ? 0 : 5;
}

static void test_descriptors_are_moved(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                CLEANUP(own_freep) char *index = xasprintf("%zu", i);
                int status;
                pid_t pid = fork();
                if (pid == 0) {
                        close_range(3, 63, 0);
                        execl("/proc/self/exe", "test", "child-places", index, NULL);
                        _exit(9);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 0);
        }
}

static void test_nothing_else_is_inherited(void **state)
{
        struct watch w = { .loop = loop_new() };
        int leak = open("/etc/hostname", O_RDONLY); /* without close-on-exec */
        int high = fcntl(leak, F_DUPFD, 500);
        struct proc *p;

        (void)state;
        setenv("CUSTOS_TEST_HANDED_ON", "yes", 1);
        int fds[] = { STDERR_FILENO, STDERR_FILENO };
        p = start(&w, "child-check", fds, 2);
        loop_run(w.loop);
        assert_int_equal(w.status, 0); /* see child_check for the numbers */
        proc_free(p);
        close(leak);
        close(high);
        loop_free(w.loop);
}

static void test_dies_with_its_parent(void **state)
{
        int pair[2], got[CHAN_FDS_MAX];
        uint16_t type;
        CLEANUP(buf_done) struct buf b;
        pid_t grandchild;

        (void)state;
        buf_init(&b, 100);
        assert_int_equal(chan_pair(pair, NULL), 0);
        pid_t pid = fork();
        if (pid == 0) {
                struct watch w = { .loop = loop_new() };
                struct proc *p = start(&w, "child-wait", &pair[1], 1);
                grandchild = proc_pid(p);
                if (chan_write_blocking(
                            pair[1], 1, BYTES(&grandchild, sizeof grandchild), NULL, 0, NULL) < 0)
                        _exit(1);
                raise(SIGKILL);
        }
        close(pair[1]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(chan_read_blocking(pair[0], 5000, &type, &b, got, NULL), 0);
        /* The grandchild held the other end too: that it goes says that it died. */
        assert_int_equal(chan_read_blocking(pair[0], 5000, &type, &b, got, NULL), ERR_UNAVAILABLE);
        close(pair[0]);
}

static void test_a_failed_start_is_told(void **state)
{
        struct loop *l = loop_new();
        struct proc_options o = { .fds_n = PROC_FDS_MAX + 1 };
        struct proc *p = (struct proc *)l;
        struct err e;
        int bad = 999;

        (void)state;
        assert_int_equal(proc_start(l, &o, &p, &e), ERR_INVALID);
        o = (struct proc_options){ .fds = &bad, .fds_n = 1 };
        assert_int_equal(proc_start(l, &o, &p, &e), ERR_INTERNAL);
        assert_int_equal(e.os_errno, EBADF);
        /* Arguments beyond the kernel's limit: exec itself fails, in the child. */
        char *huge = malloc(1 << 20);
        memset(huge, 'x', (1 << 20) - 1);
        huge[(1 << 20) - 1] = '\0';
        const char *args[] = { huge, NULL };
        o = (struct proc_options){ .args = args };
        assert_int_equal(proc_start(l, &o, &p, &e), ERR_INTERNAL);
        assert_int_equal(e.os_errno, E2BIG);
        free(huge);
        assert_ptr_equal(p, l);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        loop_free(l);
}

static void test_free_forgets_a_running_child(void **state)
{
        struct watch w = { .loop = loop_new() };
        struct proc *p = start(&w, "child-wait", NULL, 0);
        pid_t pid = proc_pid(p);

        (void)state;
        proc_free(p);
        loop_run(w.loop);
        assert_int_equal(w.exits, 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        loop_free(w.loop);
}

static void test_many_at_once(void **state)
{
        enum { N = 10 };
        struct watch w[N];
        struct proc *p[N];
        struct loop *l = loop_new();

        (void)state;
        for (int i = 0; i < N; i++) {
                w[i] = (struct watch){ .loop = l };
                p[i] = start(&w[i], i % 2 ? "child-exit-42" : "child-wait", NULL, 0);
                if (i % 2 == 0)
                        proc_signal(p[i], SIGKILL);
        }
        loop_run(l);
        for (int i = 0; i < N; i++) {
                assert_int_equal(w[i].exits, 1);
                assert_int_equal(w[i].status, i % 2 ? 42 : -1);
                assert_int_equal(w[i].signal, i % 2 ? 0 : SIGKILL);
                proc_free(p[i]);
        }
        loop_free(l);
}

/* A hardened process still starts children: /proc/self/exe stays within its own reach. */
static int child_harden(void)
{
        struct rlimit core = { 1, 1 }, files;
        struct sigaction pipe_action;
        char name[17] = "";

        umask(0);
        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return 19;
        files.rlim_cur = 64;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                return 20;
        proc_harden("worker.0-longer-than-15");
        if (prctl(PR_GET_DUMPABLE) != 0)
                return 11;
        if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur || core.rlim_max)
                return 12;
        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur != files.rlim_max)
                return 21;
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 13;
        if (umask(0) != 077)
                return 14;
        if (sigaction(SIGPIPE, NULL, &pipe_action) < 0 || pipe_action.sa_handler != SIG_IGN)
                return 15;
        if (prctl(PR_GET_NAME, name) < 0 || strcmp(name, "worker.0-longer") != 0)
                return 16;
        struct watch w = { .loop = loop_new() };
        const char *args[] = { "child-exit-42", NULL };
        struct proc_options o = { .args = args, .on_exit = on_exit_note, .owner = &w };
        struct proc *p = NULL;
        if (proc_start(w.loop, &o, &p, NULL) < 0)
                return 17;
        loop_run(w.loop);
        proc_free(p);
        loop_free(w.loop);
        return w.status == 42 ? 0 : 18;
}

static void test_harden(void **state)
{
        struct watch w = { .loop = loop_new() };
        struct proc *p;

        (void)state;
        /* Each is as it is by default before: the test would notice if proc_harden did nothing. */
        assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
        assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
        p = start(&w, "child-harden", NULL, 0);
        loop_run(w.loop);
        assert_int_equal(w.status, 0);
        proc_free(p);
        loop_free(w.loop);
}

/* --- the children --- */

static int child_read_fds(void)
{
        char text[3];

        for (int i = 0; i < 3; i++) {
                if (read(PROC_FIRST_FD + i, text + i, 1) != 1)
                        return 2;
        }
        return write(PROC_FIRST_FD + 3, text, 3) == 3 && fcntl(PROC_FIRST_FD + 4, F_GETFD) < 0 ? 0
                                                                                               : 3;
}

static int child_check(int argc, char **argv)
{
        struct stat null_st, in_st;
        struct sigaction usr1;
        int death = 0, open_n = 0;
        sigset_t blocked;
        char c;

        if (argc != 3 || strcmp(argv[2], "more") != 0)
                return 2;
        if (stat("/dev/null", &null_st) < 0 || fstat(0, &in_st) < 0 ||
                in_st.st_rdev != null_st.st_rdev)
                return 3;
        if (read(0, &c, 1) != 0)
                return 4;
        for (int fd = 0; fd < 1024; fd++)
                open_n += fcntl(fd, F_GETFD) >= 0;
        if (open_n != 5)
                return 5;
        if (prctl(PR_GET_PDEATHSIG, &death) < 0 || death != SIGTERM)
                return 6;
        if (sigprocmask(SIG_BLOCK, NULL, &blocked) < 0 || sigismember(&blocked, SIGTERM) ||
                sigismember(&blocked, SIGUSR1))
                return 7;
        if (sigaction(SIGUSR1, NULL, &usr1) < 0 || usr1.sa_handler != SIG_DFL)
                return 8;
        const char *env = getenv("CUSTOS_TEST_HANDED_ON");
        return env && strcmp(env, "yes") == 0 ? 0 : 9;
}

/* Another user, alone: every id, no group, no capability, and no way back. */
static int child_user(void)
{
        gid_t groups[4];
        uid_t u[3];
        gid_t g[3];
        int death = 0;

        if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
                return 1;
        for (int i = 0; i < 3; i++) {
                if (u[i] != 12345 || g[i] != 23456)
                        return 2;
        }
        if (getgroups(4, groups) != 0)
                return 3;
        if (setuid(0) == 0 || setgid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
                return 4;
        if (prctl(PR_CAPBSET_READ, 0) != 0 || prctl(PR_CAPBSET_READ, 7) != 0)
                return 5;
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 6;
        if (prctl(PR_GET_PDEATHSIG, &death) < 0 || death != SIGTERM)
                return 7;
        return open("/etc/shadow", O_RDONLY) < 0 ? 42 : 8;
}

static void test_another_user(void **state)
{
        const struct proc_user other = { 12345, 23456, 0 },
                               roots[] = { { 0, 23456, 0 }, { 12345, 0, 0 } };
        const char *args[] = { "child-user", NULL };
        struct watch w = { .loop = loop_new() };
        struct proc_options o = { .args = args, .on_exit = on_exit_note, .owner = &w };
        struct proc *p = NULL;
        struct err e;

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                o.user = &roots[i];
                assert_int_equal(proc_start(w.loop, &o, &p, &e), ERR_INVALID);
        }
        o.user = &other;
        if (geteuid() == 0) /* one to lose */
                assert_int_equal(setgroups(1, &(gid_t){ 34567 }), 0);
        int r = proc_start(w.loop, &o, &p, &e);
        if (geteuid() != 0) {
                assert_true(r < 0); /* said, and not begun as somebody else */
        } else {
                assert_int_equal(r, 0);
                loop_run(w.loop);
                assert_int_equal(w.status, 42);
                proc_free(p);
        }
        loop_free(w.loop);
}

static int child(int argc, char **argv)
{
        if (strcmp(argv[1], "child-exit-42") == 0)
                return 42;
        if (strcmp(argv[1], "child-user") == 0)
                return child_user();
        if (strcmp(argv[1], "child-read-fds") == 0)
                return child_read_fds();
        if (strcmp(argv[1], "child-places") == 0)
                return child_places(places[atoi(argv[2])]);
        if (strcmp(argv[1], "child-check") == 0)
                return child_check(argc, argv);
        if (strcmp(argv[1], "child-harden") == 0)
                return child_harden();
        if (strcmp(argv[1], "child-wait") == 0) {
                for (int i = 0; i < 20; i++)
                        sleep(1);
        }
        return 1;
}

/* 0: as it should be; the number of what is not. */
static int limited(void)
{
        static const struct proc_limits limits = {
                .memory = 256u << 20, .files = 20, .last = true
        };
        struct rlimit files, memory;

        if (proc_limit(&limits, NULL) < 0)
                return 1;
        getrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_AS, &memory);
        if (files.rlim_cur != 20 || files.rlim_max != 20 || dup2(0, 30) >= 0 || errno != EBADF)
                return 2;
        /* A sanitizer takes terabytes of addresses before main. */
        if (!SANITIZER_ADDRESS && !SANITIZER_THREAD &&
                (memory.rlim_max != 256u << 20 ||
                        mmap(NULL, 512u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                                MAP_FAILED))
                return 3;
        return getpriority(PRIO_PROCESS, 0) >= 10 ? 0 : 4;
}

static void test_limits(void **state)
{
        int status;

        (void)state;
        pid_t pid = fork();
        if (pid == 0)
                _exit(limited());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exit_status),
                cmocka_unit_test(test_ends_by_signal),
                cmocka_unit_test(test_descriptors_are_moved),
                cmocka_unit_test(test_nothing_else_is_inherited),
                cmocka_unit_test(test_dies_with_its_parent),
                cmocka_unit_test(test_a_failed_start_is_told),
                cmocka_unit_test(test_free_forgets_a_running_child),
                cmocka_unit_test(test_many_at_once),
                cmocka_unit_test(test_another_user),
                cmocka_unit_test(test_harden),
                cmocka_unit_test(test_limits),
        };

        if (argc > 1 && strncmp(argv[1], "child-", 6) == 0)
                return child(argc, argv);
        signal(SIGUSR1, SIG_IGN); /* must not be handed on */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
