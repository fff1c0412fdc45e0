/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/sanitizer.h"
#if SANITIZER_ADDRESS
#include <sanitizer/lsan_interface.h>
#endif

#define PROC_ARGS_MAX 64

#define PROC_LAST_NICE 10

struct proc {
        uv_poll_t poll;
        int pid;
        int pidfd; /* -1 once reaped */
        void (*on_exit)(void *owner, struct proc *p, int status, int signal);
        void *owner;
};

/* --- in the child, between fork and exec: async-signal-safe calls only --- */

struct proc_child {
        const int *fds;
        unsigned fds_n;
        int null_fd;
        int report_fd; /* gets errno when exec fails; close-on-exec */
        pid_t parent;
        const struct proc_user *user; /* NULL: as this process */
        char *const *argv;
};

static void proc_child_signals(void)
{
        struct sigaction plain = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int s = 1; s < NSIG; s++)
                (void)sigaction(s, &plain, NULL); /* refused for KILL, STOP and libc's own */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All go up first, out of the way of the numbers that they are to have, and then down. */
static int proc_child_fds(struct proc_child *c)
{
        const int above = PROC_FIRST_FD + PROC_FDS_MAX + 1;
        int up[PROC_FDS_MAX];

        c->report_fd = fcntl(c->report_fd, F_DUPFD_CLOEXEC, above);
        if (c->report_fd < 0)
                return -1;
        for (unsigned i = 0; i < c->fds_n; i++) {
                up[i] = fcntl(c->fds[i], F_DUPFD, above);
                if (up[i] < 0)
                        return -1;
        }
        if (dup2(c->null_fd, STDIN_FILENO) < 0)
                return -1;
        for (unsigned i = 0; i < c->fds_n; i++) {
                if (dup2(up[i], PROC_FIRST_FD + (int)i) < 0)
                        return -1;
        }
        unsigned next = PROC_FIRST_FD + c->fds_n;
        if (dup3(c->report_fd, (int)next, O_CLOEXEC) < 0)
                return -1;
        c->report_fd = (int)next;
        return close_range(next + 1, ~0u, 0);
}

/* The system's own calls: those of the C library would look for this process's threads. Groups
 * before ids, the group before the user: each needs what the next gives up. */
static int proc_child_become(const struct proc_user *user)
{
        const gid_t also = user->also;

        for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
                if (prctl(PR_CAPBSET_DROP, cap) < 0)
                        return -1;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                syscall(SYS_setgroups, user->also ? 1 : 0, &also) < 0 ||
                syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
                syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
                return -1;
        if (syscall(SYS_setresuid, -1, 0, -1) == 0 || syscall(SYS_setresgid, -1, 0, -1) == 0) {
                errno = ENOTRECOVERABLE; /* there is a way back */
                return -1;
        }
        return 0;
}

static _Noreturn void proc_child(struct proc_child c)
{
        proc_child_signals();
        /* The kernel forgets the death signal when the user changes, so it comes behind that. */
        if ((!c.user || proc_child_become(c.user) == 0) && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
                proc_child_fds(&c) == 0) {
                /* The parent may have died before it could be watched. */
                if (getppid() != c.parent)
                        _exit(1);
                execve("/proc/self/exe", c.argv, environ);
        }
        int why = errno;
        ssize_t n = write(c.report_fd, &why, sizeof why);
        (void)n;
        _exit(127);
}

/* --- in the parent --- */

static pid_t proc_fork(struct proc_child c)
{
        sigset_t all, before;

        /* No handler of ours may run in the child: it would write to the loop's pipe. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        c.parent = getpid();
        pid_t pid = fork();
        if (pid == 0)
                proc_child(c);
        int saved = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        return pid;
}

/* Waits until the child has become another program, or says why not. */
static int proc_wait_exec(int report_fd, struct err *e)
{
        int why = 0;
        ssize_t n;

        do
                n = read(report_fd, &why, sizeof why);
        while (n < 0 && errno == EINTR);
        if (n == 0)
                return 0;
        return err_os(e, ERR_INTERNAL, n == sizeof why ? why : EIO, "start a process");
}

static void proc_reap(pid_t pid)
{
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

static int proc_spawn(const struct proc_options *o, char *const *argv, pid_t *ret, struct err *e)
{
        int report[2];

        if (pipe2(report, O_CLOEXEC) < 0)
                return err_os(e, ERR_EXHAUSTED, errno, "start a process: pipe");
        CLEANUP(own_closep) int reads = report[0];
        CLEANUP(own_closep) int writes = report[1];
        CLEANUP(own_closep) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0)
                return err_os(e, ERR_INTERNAL, errno, "start a process: open /dev/null");
        pid_t pid = proc_fork((struct proc_child){ .fds = o->fds,
                .fds_n = o->fds_n,
                .null_fd = null_fd,
                .report_fd = writes,
                .user = o->user,
                .argv = argv });
        if (pid < 0)
                return err_os(e, ERR_EXHAUSTED, errno, "start a process: fork");
        close(writes);
        writes = -1;
        int r = proc_wait_exec(reads, e);
        if (r < 0) {
                proc_reap(pid);
                return r;
        }
        *ret = pid;
        return 0;
}

static void proc_on_poll(uv_poll_t *poll, int status, int events)
{
        struct proc *p = poll->data;
        int how = 0;
        pid_t r;

        (void)status;
        (void)events;
        do
                r = waitpid(p->pid, &how, WNOHANG);
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return;
        uv_poll_stop(&p->poll);
        close(p->pidfd);
        p->pidfd = -1;
        /* r < 0: somebody else reaped it; that it ended is still so. */
        bool exited = r > 0 && WIFEXITED(how);
        bool killed = r > 0 && WIFSIGNALED(how);
        p->on_exit(p->owner, p, exited ? WEXITSTATUS(how) : -1, killed ? WTERMSIG(how) : 0);
}

static int proc_watch(struct loop *l, struct proc *p, struct err *e)
{
        p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
        if (p->pidfd < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "watch a process: pidfd_open");
        fcntl(p->pidfd, F_SETFD, FD_CLOEXEC);
        int r = uv_poll_init(loop_uv(l), &p->poll, p->pidfd);
        if (r < 0) {
                close(p->pidfd);
                return err_set(e, ERR_INTERNAL, "watch a process: %s", uv_strerror(r));
        }
        p->poll.data = p;
        (void)uv_poll_start(&p->poll, UV_READABLE, proc_on_poll);
        return 0;
}

int proc_start(struct loop *l, const struct proc_options *o, struct proc **ret, struct err *e)
{
        char *argv[PROC_ARGS_MAX + 2] = { (char *)(uintptr_t) "custos" };
        unsigned n = 0;

        for (; o->args && o->args[n]; n++) {
                if (n == PROC_ARGS_MAX)
                        return err_set(e, ERR_INVALID, "more than %d arguments", PROC_ARGS_MAX);
                argv[n + 1] = (char *)(uintptr_t)o->args[n];
        }
        if (o->fds_n > PROC_FDS_MAX)
                return err_set(e, ERR_INVALID, "%u descriptors for a process; at most %d", o->fds_n,
                        PROC_FDS_MAX);
        if (o->user && (o->user->uid == 0 || o->user->gid == 0))
                return err_set(
                        e, ERR_INVALID, "a process is to run as another user, and that is root");
        struct proc *p = xcalloc(1, sizeof *p);
        pid_t pid = 0;
        int r = proc_spawn(o, argv, &pid, e);
        if (r < 0) {
                free(p);
                return r;
        }
        p->pid = pid;
        p->on_exit = o->on_exit;
        p->owner = o->owner;
        r = proc_watch(l, p, e);
        if (r < 0) {
                kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
                proc_reap(pid);
                free(p);
                return r;
        }
        *ret = p;
        return 0;
}

int proc_pid(const struct proc *p)
{
        return p->pid;
}

void proc_signal(struct proc *p, int number)
{
        if (p->pidfd >= 0)
                (void)syscall(SYS_pidfd_send_signal, p->pidfd, number, NULL, 0);
}

static void proc_closed(uv_handle_t *handle)
{
        free(handle->data);
}

struct proc *proc_free(struct proc *p)
{
        if (!p)
                return NULL;
        uv_close((uv_handle_t *)&p->poll, proc_closed);
        if (p->pidfd >= 0)
                close(p->pidfd);
        return NULL;
}

static int proc_limit_set(enum __rlimit_resource which, uint64_t most, struct err *e)
{
        const struct rlimit limit = { most, most };

        if (most == 0 || setrlimit(which, &limit) == 0)
                return 0;
        return err_os(
                e, ERR_INTERNAL, errno, "limit %d to %llu", (int)which, (unsigned long long)most);
}

int proc_limit(const struct proc_limits *l, struct err *e)
{
        static const char most[] = "1000";

        if (l->last) { /* as far as that goes: a container may not let it */
                (void)setpriority(PRIO_PROCESS, 0, PROC_LAST_NICE);
                CLEANUP(own_closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
                if (fd >= 0 && write(fd, most, sizeof most - 1) < 0)
                        errno = 0;
        }
        int r = proc_limit_set(RLIMIT_NOFILE, l->files, e);
        if (r < 0 || SANITIZER_ADDRESS || SANITIZER_THREAD)
                return r;
        return proc_limit_set(RLIMIT_AS, l->memory, e);
}

void proc_harden(const char *name)
{
        const struct rlimit none = { 0, 0 };
        struct rlimit files;
        struct sigaction ignore = { .sa_handler = SIG_IGN };

#if SANITIZER_ADDRESS
        /* The leak check at exit traces its own process, which is not possible from here on: this
         * one replaces it. */
        __lsan_do_leak_check();
#endif
        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        umask(077);
        (void)sigaction(SIGPIPE, &ignore, NULL);
        (void)sigaction(SIGXFSZ, &ignore, NULL);
        if (name)
                (void)prctl(PR_SET_NAME, name);
}

int proc_leave_terminal(struct err *e)
{
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        int last = SANITIZER_ADDRESS || SANITIZER_THREAD ? 1 : 2;

        if (nothing < 0)
                return err_os(e, ERR_IO, errno, "open /dev/null");
        for (int fd = 0; fd <= last; fd++)
                if (dup2(nothing, fd) < 0)
                        return err_os(e, ERR_INTERNAL, errno, "leave the terminal");
        if (nothing > 2)
                close(nothing);
        return 0;
}
