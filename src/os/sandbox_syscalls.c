/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The allow lists of seccomp, by name, so that one list serves every architecture: a name that an
 * architecture does not have is passed over. What is not listed fails with EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "os/sandbox.h"
#include "os/sanitizer.h"

/* Every role: descriptors that it holds, memory, time, its own threads. */
static const char *const sandbox_basic[] = {
        /* bytes in and out of what is open */
        "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "pwritev2",
        "recvfrom", "recvmsg", "recvmmsg", "lseek", "_llseek", "ftruncate", "ftruncate64",
        "fallocate", "fsync", "fdatasync", "syncfs", "sync_file_range", "close", "close_range",
        "dup", "dup2", "dup3", "fstat", "fstat64", "fstatfs", "fadvise64", "shutdown", "getsockopt",
        "getsockname", "getpeername", "pipe2",
        /* waiting */
        "poll", "ppoll", "ppoll_time64", "select", "pselect6", "pselect6_time64", "epoll_create1",
        "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create",
        "timerfd_settime", "timerfd_gettime", "nanosleep", "clock_nanosleep", "sched_yield",
        "futex", "futex_time64", "futex_waitv", "restart_syscall", "membarrier", "rseq",
        "set_robust_list", "get_robust_list",
        /* memory */
        "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "msync",
        /* time, numbers, limits */
        "clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time", "times",
        "getrandom", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid",
        "getresuid", "getresgid", "getgroups", "getrusage", "getrlimit", "ugetrlimit", "sysinfo",
        "uname", "getcpu", "sched_getaffinity", "getpriority", "umask", "capget",
        /* its own signals and end */
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "exit",
        "exit_group"
};

/* Opening files; which ones is up to Landlock and their modes. */
static const char *const sandbox_open[] = { "open", "openat" };

/* Looking at files by name. */
static const char *const sandbox_look[] = { "stat", "stat64", "lstat", "lstat64", "newfstatat",
        "fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
        "getdents64", "getcwd", "statfs", "statfs64", "flock" };

/* Making, renaming and removing files; the modes that SQLite gives its journals. */
static const char *const sandbox_change[] = { "mkdir", "mkdirat", "rename", "renameat", "renameat2",
        "unlink", "unlinkat", "rmdir", "fchmod", "fchown", "truncate", "copy_file_range" };

/* Peers on a listening socket that was given, and pairs for processes that are given one end. */
static const char *const sandbox_accept[] = { "accept", "accept4", "socketpair" };

/* The first alone. */
static const char *const sandbox_take[] = { "accept", "accept4" };

/* bind is for getaddrinfo's netlink socket; without listen nobody can reach a bound one by TCP. */
static const char *const sandbox_connect[] = { "connect", "bind" };

/* With sandbox_connect: a port of its own. */
static const char *const sandbox_listen[] = { "listen", "accept", "accept4" };

struct sandbox_filter {
        scmp_filter_ctx ctx;
        int failed; /* the first negative errno */
};

static void sandbox_note(struct sandbox_filter *f, int r)
{
        if (r < 0 && !f->failed)
                f->failed = r;
}

static void sandbox_allow_names(struct sandbox_filter *f, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int nr = seccomp_syscall_resolve_name(names[i]);
                if (nr >= 0)
                        sandbox_note(f, seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, nr, 0));
        }
}

/* Allows the call where argument `arg`, under `mask`, is `value`. */
static void sandbox_allow_arg(
        struct sandbox_filter *f, const char *name, unsigned arg, uint64_t mask, uint64_t value)
{
        int nr = seccomp_syscall_resolve_name(name);
        struct scmp_arg_cmp cmp = {
                .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value
        };

        if (nr >= 0)
                sandbox_note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, nr, 1, &cmp));
}

/* The kernel reads these arguments as 32 bits; the upper half of the register means nothing. */
#define SANDBOX_INT 0xffffffffu

static void sandbox_allow_ints(
        struct sandbox_filter *f, const char *name, unsigned arg, const int *values, size_t n)
{
        for (size_t i = 0; i < n; i++)
                sandbox_allow_arg(f, name, arg, SANDBOX_INT, (uint32_t)values[i]);
}

static void sandbox_allow_limited(struct sandbox_filter *f)
{
        static const int fcntls[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD,
                F_DUPFD_CLOEXEC };
        static const int ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCGWINSZ };
        static const int prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE,
                PR_GET_NO_NEW_PRIVS, PR_GET_PDEATHSIG };

        /* No memory that can be run, by any of the ways. */
        sandbox_allow_arg(f, "mmap", 2, PROT_EXEC, 0);
        sandbox_allow_arg(f, "mmap2", 2, PROT_EXEC, 0);
        sandbox_allow_arg(f, "mprotect", 2, PROT_EXEC, 0);
        /* Not F_SETOWN and F_SETSIG, which send signals. */
        sandbox_allow_ints(f, "fcntl", 1, fcntls, ARRAY_LEN(fcntls));
        sandbox_allow_ints(f, "fcntl64", 1, fcntls, ARRAY_LEN(fcntls));
        sandbox_allow_ints(f, "ioctl", 1, ioctls, ARRAY_LEN(ioctls));
        sandbox_allow_ints(f, "prctl", 0, prctls, ARRAY_LEN(prctls));
        /* abort() raises a signal in its own process. */
        sandbox_allow_arg(f, "tgkill", 0, SANDBOX_INT, (uint32_t)getpid());
        /* Its own limits; another's would need a process id. */
        sandbox_allow_arg(f, "prlimit64", 0, SANDBOX_INT, 0);
}

/* SQLite's locks. */
static void sandbox_allow_locks(struct sandbox_filter *f)
{
        static const int locks[] = { F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK,
                F_OFD_SETLKW };

        sandbox_allow_ints(f, "fcntl", 1, locks, ARRAY_LEN(locks));
        sandbox_allow_ints(f, "fcntl64", 1, locks, ARRAY_LEN(locks));
}

/* Sockets of IP, and the routing table that getaddrinfo sorts by; never Unix, raw, packet or
 * another netlink one. */
static void sandbox_allow_sockets(struct sandbox_filter *f)
{
        static const int domains[] = { AF_INET, AF_INET6 };
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
        int nr = seccomp_syscall_resolve_name("socket");

        for (size_t d = 0; d < ARRAY_LEN(domains); d++) {
                for (size_t t = 0; t < ARRAY_LEN(types); t++) {
                        struct scmp_arg_cmp cmp[] = { SCMP_A0_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT,
                                                              (scmp_datum_t)domains[d]),
                                SCMP_A1_64(SCMP_CMP_MASKED_EQ,
                                        SANDBOX_INT & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
                                        (scmp_datum_t)types[t]) };
                        sandbox_note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, nr, 2, cmp));
                }
        }
        struct scmp_arg_cmp route[] = { SCMP_A0_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT, AF_NETLINK),
                SCMP_A2_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT, NETLINK_ROUTE) };
        sandbox_note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, nr, 2, route));
}

/* Channels alone: a pair of datagram sockets could be connected to a socket of the machine. */
static void sandbox_allow_channels(struct sandbox_filter *f)
{
        int nr = seccomp_syscall_resolve_name("socketpair");
        struct scmp_arg_cmp cmp[] = { SCMP_A0_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT, AF_UNIX),
                SCMP_A1_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
                        SOCK_SEQPACKET) };

        sandbox_note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, nr, 2, cmp));
}

static void sandbox_allow_open_to_read(struct sandbox_filter *f)
{
        const unsigned writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;

        sandbox_allow_arg(f, "open", 1, writes, O_RDONLY);
        sandbox_allow_arg(f, "openat", 2, writes, O_RDONLY);
}

static void sandbox_allow_role(struct sandbox_filter *f, enum sandbox_role role)
{
        bool keeps_index = role == SANDBOX_PARENT || role == SANDBOX_MANAGER;
        bool changes = keeps_index || role == SANDBOX_VOLUME || role == SANDBOX_PORTER;
        bool serves = keeps_index || role == SANDBOX_EDGE;
        bool reads = role == SANDBOX_EDGE || role == SANDBOX_CONNECTOR || role == SANDBOX_GATEWAY;
        bool connects = role == SANDBOX_CONNECTOR || role == SANDBOX_PORTER;

        sandbox_allow_names(f, sandbox_basic, ARRAY_LEN(sandbox_basic));
        sandbox_allow_limited(f);
        if (serves || changes || reads)
                sandbox_allow_names(f, sandbox_look, ARRAY_LEN(sandbox_look));
        if (serves)
                sandbox_allow_names(f, sandbox_accept, ARRAY_LEN(sandbox_accept));
        if (role == SANDBOX_GATEWAY)
                sandbox_allow_names(f, sandbox_take, ARRAY_LEN(sandbox_take));
        if (reads)
                sandbox_allow_open_to_read(f);
        /* Whether something keeps the clock right. To set it takes a capability that no role has.
         */
        if (role == SANDBOX_PARENT)
                sandbox_allow_arg(f, "clock_adjtime", 0, SANDBOX_INT, CLOCK_REALTIME);
        if (changes) {
                sandbox_allow_names(f, sandbox_open, ARRAY_LEN(sandbox_open));
                sandbox_allow_names(f, sandbox_change, ARRAY_LEN(sandbox_change));
        }
        if (keeps_index)
                sandbox_allow_locks(f);
        if (connects) {
                sandbox_allow_sockets(f);
                sandbox_allow_names(f, sandbox_connect, ARRAY_LEN(sandbox_connect));
        }
        if (role == SANDBOX_PORTER) {
                sandbox_allow_names(f, sandbox_listen, ARRAY_LEN(sandbox_listen));
                sandbox_allow_channels(f);
        }
}

static void sandbox_allow_option(struct sandbox_filter *f, int level, const int *options, size_t n)
{
        int nr = seccomp_syscall_resolve_name("setsockopt");

        for (size_t i = 0; i < n; i++) {
                struct scmp_arg_cmp cmp[] = { SCMP_A1_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT,
                                                      (scmp_datum_t)level),
                        SCMP_A2_64(SCMP_CMP_MASKED_EQ, SANDBOX_INT, (scmp_datum_t)options[i]) };
                sandbox_note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, nr, 2, cmp));
        }
}

/*
 * A worker, a sealer, a scrubber and a transcoder speak to whom their sockets are connected to: no
 * address can be named (sendmsg names it in memory, where no filter looks), so the UDP sockets that
 * bring a camera's media reach nobody, and no descriptor goes out. The kernel's packet filters and
 * multicast groups are out of reach of their setsockopt. The resolver of connector and porter and
 * the edge's media by UDP name addresses; the others hand descriptors on.
 */
static void sandbox_allow_talking(struct sandbox_filter *f, enum sandbox_role role)
{
        static const char *const with_descriptors[] = { "sendmsg" };
        static const char *const to_anybody[] = { "sendto", "sendmmsg" };
        static const int levels[] = { SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6 };
        static const int of_sockets[] = { SO_KEEPALIVE, SO_RCVBUF, SO_SNDBUF };
        static const int of_tcp[] = { TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT };

        bool given = role == SANDBOX_WORKER || role == SANDBOX_SEALER || role == SANDBOX_SCRUBBER ||
                     role == SANDBOX_TRANSCODER;

        sandbox_allow_arg(f, "sendto", 4, UINT64_MAX, 0);
        if (given || role == SANDBOX_VOLUME) {
                sandbox_allow_option(f, SOL_SOCKET, of_sockets, ARRAY_LEN(of_sockets));
                sandbox_allow_option(f, IPPROTO_TCP, of_tcp, ARRAY_LEN(of_tcp));
        } else {
                sandbox_allow_ints(f, "setsockopt", 1, levels, ARRAY_LEN(levels));
        }
        if (given)
                return;
        sandbox_allow_names(f, with_descriptors, ARRAY_LEN(with_descriptors));
        if (role == SANDBOX_CONNECTOR || role == SANDBOX_EDGE || role == SANDBOX_PORTER)
                sandbox_allow_names(f, to_anybody, ARRAY_LEN(to_anybody));
}

/* --- libuv's pool, while threads can still be made --- */

static void sandbox_pool_work(uv_work_t *w)
{
        (void)w;
}

static void sandbox_pool_done(uv_work_t *w, int status)
{
        (void)w;
        (void)status;
}

/* A worker writes to several volumes: five may hang (os/file_lane) before the others feel it. */
#define SANDBOX_WORKER_THREADS "16"
#define SANDBOX_VOLUME_THREADS "8" /* recorder/volume_role: the sum of its lanes */
#define SANDBOX_THREADS "4"

/* The first work starts all the threads that the pool will ever have. */
static int sandbox_start_pool(enum sandbox_role role, struct err *e)
{
        uv_loop_t loop;
        uv_work_t work;

        (void)setenv("UV_THREADPOOL_SIZE",
                role == SANDBOX_WORKER   ? SANDBOX_WORKER_THREADS
                : role == SANDBOX_VOLUME ? SANDBOX_VOLUME_THREADS
                                         : SANDBOX_THREADS,
                1);
        int r = uv_loop_init(&loop);

        if (r < 0)
                return err_set(e, ERR_INTERNAL, "start the thread pool: %s", uv_strerror(r));
        r = uv_queue_work(&loop, &work, sandbox_pool_work, sandbox_pool_done);
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_loop_close(&loop);
        return r < 0 ? err_set(e, ERR_INTERNAL, "start the thread pool: %s", uv_strerror(r)) : 0;
}

int sandbox_syscalls(enum sandbox_role role, struct err *e)
{
        int r = sandbox_start_pool(role, e);

        if (r < 0)
                return r;
        struct sandbox_filter f = { .ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM)) };
        if (!f.ctx)
                return err_set(e, ERR_INTERNAL, "seccomp: no filter can be made");
        sandbox_note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        sandbox_note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_NNP, 1));
        sandbox_note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1));
        sandbox_note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
        sandbox_allow_role(&f, role);
        sandbox_allow_talking(&f, role);
        if (!f.failed)
                sandbox_note(&f, seccomp_load(f.ctx));
        seccomp_release(f.ctx);
        if (f.failed)
                return err_os(e, ERR_UNAVAILABLE, -f.failed, "seccomp: put the filter in force");
        return 0;
}
