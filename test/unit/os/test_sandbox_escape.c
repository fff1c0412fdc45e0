/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ways out of the sandbox that a role's code, taken over, could try. What each way needs is given
 * to it first. Every way must work in a process without a sandbox, or the test would prove nothing;
 * and fail in a role that was confined as roles are. Calls that have no place in any role are tried
 * by number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"
#include "os/chan.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"

#define BROKEN 99 /* the sandbox itself could not be put up */

static char dir[64];
static pid_t tester;

/* What a process holds before it is confined. */
static struct {
        int file;       /* as a segment that was handed over */
        int udp;        /* connected to `here` */
        int tcp;        /* a stream to a peer */
        int channel[2]; /* SOCK_SEQPACKET, as chan's */
        int terminal;   /* -1 where none can be had */
        struct sockaddr_in here, elsewhere;
} have;

static int bound_udp(struct sockaddr_in *ret)
{
        socklen_t n = sizeof *ret;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        *ret = (struct sockaddr_in){ .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        if (bind(fd, (struct sockaddr *)ret, n) < 0 || getsockname(fd, (struct sockaddr *)ret, &n))
                abort();
        return fd;
}

static void take_hold(void)
{
        int pair[2];

        have.file = open("file", O_RDWR);
        (void)bound_udp(&have.here);
        (void)bound_udp(&have.elsewhere);
        have.udp = socket(AF_INET, SOCK_DGRAM, 0);
        have.tcp = socket(AF_INET, SOCK_STREAM, 0);
        if (have.file < 0 || chan_pair(have.channel, NULL) < 0 ||
                socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
                connect(have.udp, (struct sockaddr *)&have.here, sizeof have.here) < 0)
                abort();
        have.terminal = posix_openpt(O_RDWR | O_NOCTTY);
}

/* --- the ways: each returns 0 when it worked, or an errno --- */

static int of(bool worked)
{
        return worked ? 0 : errno;
}

static int way_openat2(void)
{
        struct open_how how = { .flags = O_RDONLY };

        return of(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how) >= 0);
}

static int way_creat(void)
{
        return of(syscall(SYS_creat, "made", 0600) >= 0);
}

static int way_open_to_write(void)
{
        return of(open("file", O_WRONLY) >= 0);
}

static int way_reopen_by_proc(void)
{
        char path[40];

        snprintf(path, sizeof path, "/proc/self/fd/%d", have.file);
        return of(open(path, O_RDWR) >= 0);
}

static int way_own_memory_file(void)
{
        return of(open("/proc/self/mem", O_RDWR) >= 0);
}

static int way_stat_by_name(void)
{
        struct stat st;

        return of(syscall(SYS_newfstatat, AT_FDCWD, "file", &st, 0) == 0);
}

/* The C library's fstat is this call with an empty name. */
static int way_stat_by_name_or_empty(void)
{
        struct stat st;

        return of(syscall(SYS_newfstatat, AT_FDCWD, "file", &st, 0x1000 /* AT_EMPTY_PATH */) == 0);
}

static int way_statx(void)
{
        uint8_t room[256];

        return of(syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, room) == 0);
}

static int way_access(void)
{
        return of(access("file", R_OK) == 0);
}

static int way_rename(void)
{
        return of(rename("file", "other") == 0 && rename("other", "file") == 0);
}

static int way_link(void)
{
        int r = of(link("file", "linked") == 0);

        unlink("linked");
        return r;
}

static int way_mkdir(void)
{
        int r = of(mkdir("made-dir", 0700) == 0);

        rmdir("made-dir");
        return r;
}

static int way_chmod_given(void)
{
        return of(fchmod(have.file, 0644) == 0);
}

static int way_chdir(void)
{
        return of(chdir("/") == 0);
}

static int way_socketpair(void)
{
        int pair[2];

        return of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
}

static int way_bind(void)
{
        struct sockaddr_in any = { .sin_family = AF_INET };

        return of(bind(have.tcp, (struct sockaddr *)&any, sizeof any) == 0);
}

static int way_aim_again(void)
{
        return of(
                connect(have.udp, (struct sockaddr *)&have.elsewhere, sizeof have.elsewhere) == 0);
}

static int way_sendto_elsewhere(void)
{
        return of(sendto(have.udp, "x", 1, 0, (struct sockaddr *)&have.elsewhere,
                          sizeof have.elsewhere) == 1);
}

static int way_sendmsg_elsewhere(void)
{
        char byte = 0;
        struct iovec iov = { &byte, 1 };
        struct msghdr m = { .msg_name = &have.elsewhere,
                .msg_namelen = sizeof have.elsewhere,
                .msg_iov = &iov,
                .msg_iovlen = 1 };

        return of(sendmsg(have.udp, &m, 0) == 1);
}

static int way_sendmmsg_elsewhere(void)
{
        char byte = 0;
        struct iovec iov = { &byte, 1 };
        struct mmsghdr m = { .msg_hdr = { .msg_name = &have.elsewhere,
                                     .msg_namelen = sizeof have.elsewhere,
                                     .msg_iov = &iov,
                                     .msg_iovlen = 1 } };

        return of(sendmmsg(have.udp, &m, 1, 0) == 1);
}

/* TCP Fast Open connects without connect. */
static int way_fast_open(void)
{
        int r = of(sendto(have.tcp, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&have.elsewhere,
                           sizeof have.elsewhere) >= 0);

        return r == ECONNREFUSED ? 0 : r; /* it was tried, and nobody listens there */
}

static int way_pass_descriptor(void)
{
        return chan_write_blocking(have.channel[0], 1, bytes_str("x"), &have.file, 1, NULL) == 0
                       ? 0
                       : EPERM;
}

static int way_kernel_filter(void)
{
        struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0xffff);
        struct sock_fprog program = { 1, &code };

        return of(
                setsockopt(have.udp, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
}

static int way_multicast(void)
{
        struct ip_mreqn group = { .imr_multiaddr.s_addr = htonl(0xe0000005),
                .imr_address.s_addr = htonl(INADDR_LOOPBACK) };

        return of(setsockopt(have.udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
}

static int way_other_device(void)
{
        return of(setsockopt(have.udp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
}

static int way_signal_by_io(void)
{
        return of(
                fcntl(have.udp, F_SETSIG, SIGUSR1) == 0 && fcntl(have.udp, F_SETOWN, tester) == 0);
}

static int way_signal_queue(void)
{
        siginfo_t info = { .si_code = SI_QUEUE };

        return of(syscall(SYS_rt_sigqueueinfo, tester, 0, &info) == 0);
}

static int way_tkill(void)
{
        return of(syscall(SYS_tkill, tester, 0) == 0);
}

/* The last stretch of the way to another's memory: the pages of this program are at the same place
 * there, having been forked. */
static int way_write_memory(void)
{
        static char spot = 'x';
        struct iovec here = { &spot, 1 }, there = { &spot, 1 };

        return of(syscall(SYS_process_vm_writev, getppid(), &here, 1, &there, 1, 0) == 1);
}

static int way_map_file_to_run(void)
{
        return of(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, have.file, 0) != MAP_FAILED);
}

static int way_map_writable_to_run(void)
{
        return of(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0) != MAP_FAILED);
}

static int way_code_made_writable(void)
{
        uintptr_t page = (uintptr_t)way_map_file_to_run & ~(uintptr_t)4095;

        return of(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
}

static int way_exec_given(void)
{
        char *argv[] = { NULL };
        int fd = have.file;

        syscall(SYS_execveat, fd, "", argv, argv, 0x1000);
        return errno == EACCES || errno == ENOEXEC ? 0 : errno; /* it is no program; it was asked */
}

static int way_unshare(void)
{
        return of(unshare(CLONE_FS) == 0);
}

static int way_namespace(void)
{
        return of(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
}

static int way_strict_seccomp(void)
{
        struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = { 1, &code };

        return of(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int way_dumpable(void)
{
        return of(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static int way_death_signal_off(void)
{
        return of(prctl(PR_SET_PDEATHSIG, 0) == 0);
}

static int way_tracer(void)
{
        return of(prctl(0x59616d61 /* PR_SET_PTRACER */, -1L) == 0 || errno == EINVAL);
}

static int way_limits(void)
{
        struct rlimit much = { RLIM_INFINITY, RLIM_INFINITY };

        return of(setrlimit(RLIMIT_CORE, &much) == 0);
}

static int way_terminal_input(void)
{
        int result = ioctl(have.terminal, TIOCSTI, "x");

        if (result < 0 && errno == EPERM && geteuid() != 0)
                return -1; /* an ordinary user may do it to his own terminal alone */
        /* Newer kernels know better than to do it at all. */
        return result == 0 || errno == EIO || errno == ENOTTY ? 0 : errno;
}

static int way_personality(void)
{
        return of(syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */) >= 0);
}

static int way_user(void)
{
        return of(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1) == 0);
}

static int way_ring(void)
{
        uint8_t params[120] = { 0 };
        int r = of(syscall(SYS_io_uring_setup, 2, params) >= 0);

        return r == EPERM || r == ENOSYS ? -1 : r; /* off on this machine */
}

/* The parent may read it by the same call. Set to what it is, so that the machine stays as it is.
 */
static int way_clock_state(void)
{
        struct timex t = { .modes = 0 };
        int r = adjtimex(&t);

        if (r < 0)
                return errno;
        t.modes = ADJ_STATUS;
        if (adjtimex(&t) >= 0)
                return 0;
        return errno == EPERM ? -1 : errno; /* without a sandbox: no root here */
}

enum {
        W = 1 << SANDBOX_WORKER,
        S = 1 << SANDBOX_SEALER | 1 << SANDBOX_SCRUBBER | 1 << SANDBOX_TRANSCODER,
        P = 1 << SANDBOX_PARENT,
        C = 1 << SANDBOX_CONNECTOR,
        M = 1 << SANDBOX_MANAGER,
        E = 1 << SANDBOX_EDGE,
        V = 1 << SANDBOX_VOLUME,
        T = 1 << SANDBOX_PORTER,
        ALL = W | S | P | C | M | E | V | T
};

/* Who must not: some roles need the like for what they are there for (design: section 2). */
static const struct {
        const char *name;
        int (*way)(void);
        int denied_to;
} ways[] = {
        { "openat2", way_openat2, ALL },
        { "creat", way_creat, ALL },
        { "open to write", way_open_to_write, W | S | C | E },
        { "open again by /proc", way_reopen_by_proc, W | S | C | E },
        { "/proc/self/mem", way_own_memory_file, ALL },
        { "stat", way_stat_by_name, W | S },
        { "stat, by the C library's fstat", way_stat_by_name_or_empty, W | S },
        { "statx", way_statx, W | S },
        { "access", way_access, W | S },
        { "rename", way_rename, W | S | C | E },
        { "link", way_link, ALL },
        { "mkdir", way_mkdir, W | S | C | E },
        { "fchmod", way_chmod_given, W | S | C | E },
        { "chdir", way_chdir, ALL },
        { "socketpair", way_socketpair, W | S | C | V | T },
        { "bind", way_bind, W | S | P | M | E | V },
        { "connect a UDP socket anew", way_aim_again, W | S | P | M | E | V },
        { "sendto elsewhere", way_sendto_elsewhere, W | S | P | M | V },
        { "sendmsg elsewhere", way_sendmsg_elsewhere, W | S },
        { "sendmmsg elsewhere", way_sendmmsg_elsewhere, W | S | P | M | V },
        { "TCP fast open", way_fast_open, W | S | P | M | V },
        { "pass a descriptor on", way_pass_descriptor, W | S },
        { "SO_ATTACH_FILTER", way_kernel_filter, W | S | V },
        { "IP_ADD_MEMBERSHIP", way_multicast, W | S | V },
        { "SO_BINDTODEVICE", way_other_device, W | S | V },
        { "F_SETSIG", way_signal_by_io, ALL },
        { "rt_sigqueueinfo", way_signal_queue, ALL },
        { "tkill", way_tkill, ALL },
        { "process_vm_writev", way_write_memory, ALL },
        { "mmap a file to run", way_map_file_to_run, ALL },
        { "mmap writable to run", way_map_writable_to_run, ALL },
        { "make code writable", way_code_made_writable, ALL },
        { "execveat", way_exec_given, ALL },
        { "unshare", way_unshare, ALL },
        { "a namespace", way_namespace, ALL },
        { "another filter", way_strict_seccomp, ALL },
        { "PR_SET_DUMPABLE", way_dumpable, ALL },
        { "PR_SET_PDEATHSIG", way_death_signal_off, ALL },
        { "PR_SET_PTRACER", way_tracer, ALL },
        { "RLIMIT_CORE", way_limits, ALL },
        { "TIOCSTI", way_terminal_input, ALL },
        { "personality", way_personality, ALL },
        { "set how the clock is kept", way_clock_state, ALL },
        { "setresuid", way_user, ALL },
        { "io_uring_setup", way_ring, ALL },
};

/* As confine_role does it, in the order of sandbox.h. */
static int confine(enum sandbox_role role)
{
        struct sandbox_path own = { dir, role == SANDBOX_PARENT || role == SANDBOX_MANAGER ||
                                                 role == SANDBOX_VOLUME || role == SANDBOX_PORTER };
        bool files = role != SANDBOX_WORKER && role != SANDBOX_SEALER && role != SANDBOX_SCRUBBER &&
                     role != SANDBOX_TRANSCODER;
        struct err e;

        proc_harden(NULL);
        sandbox_warm_up();
        if (sandbox_drop(&e) < 0 || sandbox_files(&own, files, &e) < 0 ||
                sandbox_syscalls(role, &e) < 0) {
                dprintf(2, "%s\n", e.text);
                return BROKEN;
        }
        return 0;
}

/* What fn returns, in a process of its own; minus the signal that ended it. */
static int apart(int (*fn)(int), int arg)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                alarm(20);
                _exit(fn(arg));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int one_way(int i)
{
        take_hold();
        return ways[i].way() & 0xff;
}

/* All ways in one process: what is denied changes nothing for the next. */
static int all_ways(int role)
{
        int wrong = 0;

        take_hold();
        if (confine((enum sandbox_role)role) != 0)
                return BROKEN;
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
                int r = ways[i].denied_to & 1 << role ? ways[i].way() : EPERM;
                if (r != EPERM && r != EACCES && r != -1) {
                        dprintf(2, "role %d can: %s (%d)\n", role, ways[i].name, r);
                        wrong++;
                }
        }
        return wrong;
}

static void test_ways_are_ways(void **state)
{
        int closed = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
                int r = apart(one_way, (int)i);
                if (r == 255) {
                        print_message("%s: not on this machine\n", ways[i].name);
                } else if (r != 0) {
                        print_message("%s fails without a sandbox: %d\n", ways[i].name, r);
                        closed++;
                }
        }
        assert_int_equal(closed, 0);
}

static void test_no_way_out(void **state)
{
        (void)state;
        for (int role = SANDBOX_WORKER; role <= SANDBOX_EDGE; role++)
                assert_int_equal(apart(all_ways, role), 0);
}

/* --- calls that no role has a use for --- */

static const char *const calls[] = {
        /* other processes and programs */
        "execve", "execveat", "fork", "vfork", "clone", "clone3", "ptrace", "process_vm_readv",
        "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_open",
        "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
        "setsid", "setpgid", "setpriority", "sched_setscheduler", "sched_setaffinity", "ioprio_set",
        "migrate_pages", "move_pages",
        /* another world */
        "unshare", "setns", "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig",
        "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "chdir", "fchdir",
        /* the kernel's machines */
        "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "io_setup", "io_submit", "keyctl", "add_key", "request_key",
        "modify_ldt", "init_module", "finit_module", "delete_module", "kexec_load",
        "kexec_file_load", "memfd_create", "memfd_secret", "remap_file_pages", "pkey_mprotect",
        "pkey_alloc", "mbind", "set_mempolicy", "vmsplice", "splice", "tee", "sendfile",
        "fanotify_init", "fanotify_mark", "inotify_init1", "inotify_add_watch", "signalfd4",
        "timer_create", "mq_open", "shmget", "shmat", "semget", "semop", "msgget", "msgsnd",
        "lookup_dcookie", "quotactl", "quotactl_fd", "nfsservctl", "uselib", "ustat",
        /* who it is, and what holds it */
        "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
        "setfsuid", "setfsgid", "capset", "seccomp", "personality", "arch_prctl", "setrlimit",
        "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
        /* the machine */
        "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "clock_adjtime",
        "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "syslog", "vhangup",
        /* files by other means */
        "openat2", "creat", "open_by_handle_at", "name_to_handle_at", "mknod", "mknodat", "link",
        "linkat", "symlink", "symlinkat", "chmod", "fchmodat", "fchmodat2", "chown", "lchown",
        "fchownat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "utimensat",
        /* sockets */
        "listen"
};

static const char *const calls_of_files[] = { "open", "openat", "stat", "lstat", "newfstatat",
        "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
        "getcwd", "statfs", "flock", "mkdir", "mkdirat", "rename", "renameat", "renameat2",
        "unlink", "unlinkat", "rmdir", "fchmod", "fchown", "truncate", "copy_file_range", "socket",
        "socketpair", "connect", "bind", "accept", "accept4", "sendmsg", "sendmmsg" };

static long call(const char *name)
{
        int nr = seccomp_syscall_resolve_name(name);

        errno = ENOSYS;
        return nr < 0 ? -1 : syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L);
}

static int call_all(const char *const *names, size_t n, int role)
{
        int wrong = 0;

        for (size_t i = 0; i < n; i++) {
                if (seccomp_syscall_resolve_name(names[i]) < 0)
                        continue; /* not on this architecture */
                if (call(names[i]) != -1 || errno != EPERM) {
                        dprintf(2, "role %d may call %s (%d)\n", role, names[i], errno);
                        wrong++;
                }
        }
        return wrong;
}

static int all_calls(int role)
{
        if (confine((enum sandbox_role)role) != 0)
                return BROKEN;
        int wrong = call_all(calls, ARRAY_LEN(calls), role);
        if (role == SANDBOX_WORKER || role == SANDBOX_SEALER || role == SANDBOX_SCRUBBER ||
                role == SANDBOX_TRANSCODER)
                wrong += call_all(calls_of_files, ARRAY_LEN(calls_of_files), role);
        return wrong;
}

/* Not with arguments that mean nothing: these would do something all the same. */
static bool is_harmless(const char *name)
{
        static const char *const not [] = { "fork", "vfork", "vhangup", "msgget", "shmget",
                "setsid" };

        for (size_t i = 0; i < ARRAY_LEN(not ); i++) {
                if (strcmp(name, not [i]) == 0)
                        return false;
        }
        return true;
}

static int calls_without(int first)
{
        int told = 0;

        for (size_t i = (size_t)first; i < ARRAY_LEN(calls); i++)
                told += is_harmless(calls[i]) && !(call(calls[i]) == -1 && errno == EPERM);
        return told;
}

static void test_no_call(void **state)
{
        (void)state;
        /* Without a sandbox, EPERM is not what these calls say to such arguments: as root nearly
         * never, else where a privilege is asked for first. */
        int told = apart(calls_without, 0);
        print_message("%d of %zu calls tell a sandbox from none\n", told, ARRAY_LEN(calls));
        assert_true(told >= (int)ARRAY_LEN(calls) / 2);
        for (int role = SANDBOX_WORKER; role <= SANDBOX_EDGE; role++)
                assert_int_equal(apart(all_calls, role), 0);
}

/* --- sockets of every kind --- */

static int all_sockets(int role)
{
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_PACKET,
                SOCK_RDM, SOCK_DCCP };
        int wrong = 0;

        if (confine((enum sandbox_role)role) != 0)
                return BROKEN;
        for (int family = 0; family < AF_MAX + 4; family++) {
                for (size_t t = 0; t < ARRAY_LEN(types); t++) {
                        bool media = (family == AF_INET || family == AF_INET6) && t < 2;
                        int fd = socket(family, types[t], 0);
                        bool resolves = role == SANDBOX_CONNECTOR || role == SANDBOX_PORTER;
                        /* IP for who connects, and the routes that the resolver sorts by */
                        if (resolves && (media || family == AF_NETLINK)) {
                                close(fd);
                        } else if (fd >= 0 || errno != EPERM) {
                                dprintf(2, "role %d: socket(%d, %d) %d\n", role, family, types[t],
                                        errno);
                                wrong++;
                        }
                }
        }
        return wrong > 250 ? 250 : wrong;
}

static void test_no_socket(void **state)
{
        (void)state;
        for (int role = SANDBOX_WORKER; role <= SANDBOX_EDGE; role++)
                assert_int_equal(apart(all_sockets, role), 0);
}

/* --- other tables of calls --- */

#ifdef __x86_64__
static long call_32(long nr)
{
        long r = nr;

        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
        return r;
}

/* 20 is getpid there. */
static int call_of_32_bits(int role)
{
        if (role >= 0 && confine((enum sandbox_role)role) != 0)
                return BROKEN;
        return call_32(20) > 0 ? 0 : 1;
}

static int call_of_x32(int role)
{
        if (role >= 0 && confine((enum sandbox_role)role) != 0)
                return BROKEN;
        return syscall(0x40000000 | SYS_getpid) > 0 ? 0 : 1;
}

static void test_other_tables(void **state)
{
        (void)state;
        bool has_32 = apart(call_of_32_bits, -1) == 0;
        for (int role = SANDBOX_WORKER; role <= SANDBOX_EDGE; role++) {
                if (has_32)
                        assert_int_equal(apart(call_of_32_bits, role), -SIGSYS);
                assert_int_equal(apart(call_of_x32, role), -SIGSYS); /* the kernel's or not */
        }
        if (!has_32)
                print_message("no 32-bit system calls on this machine\n");
}
#endif

/* --- nothing of it is left lying about --- */

static int no_core(int role)
{
        struct rlimit core, more = { 1, 1 };

        if (confine((enum sandbox_role)role) != 0)
                return BROKEN;
        if (prctl(PR_GET_DUMPABLE) != 0)
                return 1;
        if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
                return 2;
        /* Its own limit, by the one call that the filter lets through for reading. */
        if (syscall(SYS_prlimit64, 0, RLIMIT_CORE, &more, NULL) == 0)
                return 3;
        return prctl(PR_SET_DUMPABLE, 1) == 0 ? 4 : 0;
}

static int crash(int role)
{
        struct sigaction plain = { .sa_handler = SIG_DFL };

        sigaction(SIGABRT, &plain, NULL);
        if (role >= 0 && confine((enum sandbox_role)role) != 0)
                return BROKEN;
        abort();
}

/* Whether a core was written of a process that crashes. */
static bool dumps(int role)
{
        struct rlimit most;
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                getrlimit(RLIMIT_CORE, &most);
                most.rlim_cur = most.rlim_max;
                setrlimit(RLIMIT_CORE, &most);
                _exit(crash(role));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        return WCOREDUMP(status);
}

static void test_no_core(void **state)
{
        (void)state;
        for (int role = SANDBOX_WORKER; role <= SANDBOX_EDGE; role++) {
                assert_int_equal(apart(no_core, role), 0);
                assert_false(dumps(role));
        }
        if (!dumps(-1))
                print_message("this machine writes no cores at all\n");
}

static int begin(void **state)
{
        (void)state;
        tester = getpid();
        snprintf(dir, sizeof dir, "/tmp/custos-escape-XXXXXX");
        return mkdtemp(dir) && chdir(dir) == 0 &&
                               file_write_atomic("file", bytes_str("x"), 0600, NULL) == 0
                       ? 0
                       : -1;
}

static int end(void **state)
{
        CLEANUP(own_freep) char *command = xasprintf("rm -rf '%s'", dir);

        (void)state;
        return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ways_are_ways),
                cmocka_unit_test(test_no_way_out),
                cmocka_unit_test(test_no_call),
                cmocka_unit_test(test_no_socket),
#ifdef __x86_64__
                cmocka_unit_test(test_other_tables),
#endif
                cmocka_unit_test(test_no_core),
        };
        return cmocka_run_group_tests(tests, begin, end);
}
