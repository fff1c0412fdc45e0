/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every forbidden thing is tried twice in a process of its own: without the sandbox it must
 * succeed, or the test would prove nothing; with it, fail with EPERM or EACCES.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERR_STATE openssl_ERR_STATE /* OpenSSL has a type of this name */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#undef ERR_STATE

#include "os/chan.h"
#include "os/file.h"
#include "os/sandbox.h"

#define EXIT_BROKEN 99 /* the sandbox itself could not be put up */

static char dir[64];      /* with "file" in it */
static int listener = -1; /* TCP on loopback */
static struct sockaddr_in listener_address;
static pid_t tester;

/* Each returns 0 or an errno. */

static int errno_if(bool failed)
{
        return failed ? errno : 0;
}

static int try_open(void)
{
        return errno_if(open("file", O_RDONLY) < 0);
}

static int try_create(void)
{
        int fd = open("created", O_WRONLY | O_CREAT, 0600);
        int r = errno_if(fd < 0);

        unlink("created");
        return r;
}

static int try_unlink(void)
{
        return errno_if(
                unlink("file") < 0 || file_write_atomic("file", bytes_str("x"), 0600, NULL) < 0);
}

static int try_socket_ip(void)
{
        return errno_if(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) < 0);
}

static int try_socket_ip6(void)
{
        return errno_if(socket(AF_INET6, SOCK_DGRAM, 0) < 0);
}

static int try_socket_unix(void)
{
        return errno_if(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
}

static int try_socket_packet(void)
{
        return errno_if(socket(AF_NETLINK, SOCK_RAW, 15 /* NETLINK_KOBJECT_UEVENT */) < 0);
}

static int given_socket = -1; /* made before the sandbox */

static int try_connect(void)
{
        return errno_if(connect(given_socket, (struct sockaddr *)&listener_address,
                                sizeof listener_address) < 0);
}

static int given_udp = -1; /* likewise */

static int try_sendto(void)
{
        return errno_if(sendto(given_udp, "x", 1, MSG_DONTWAIT,
                                (struct sockaddr *)&listener_address, sizeof listener_address) < 0);
}

static int try_sendmmsg(void)
{
        static char text[] = "x";
        struct iovec iov = { text, 1 };
        struct mmsghdr m = { .msg_hdr = { .msg_name = &listener_address,
                                     .msg_namelen = sizeof listener_address,
                                     .msg_iov = &iov,
                                     .msg_iovlen = 1 } };

        return errno_if(sendmmsg(given_udp, &m, 1, MSG_DONTWAIT) < 0);
}

static int try_listen(void)
{
        return errno_if(listen(given_socket, 1) < 0);
}

static int try_accept(void)
{
        int flags = fcntl(listener, F_GETFL);

        fcntl(listener, F_SETFL, flags | O_NONBLOCK);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        return fd < 0 && errno == EAGAIN ? 0 : errno_if(fd < 0);
}

static int try_pair(int type)
{
        int fds[2];

        return errno_if(socketpair(AF_UNIX, type, 0, fds) < 0);
}

static int try_channel_pair(void)
{
        return try_pair(SOCK_SEQPACKET | SOCK_CLOEXEC);
}

static int try_datagram_pair(void)
{
        return try_pair(SOCK_DGRAM);
}

static int try_stream_pair(void)
{
        return try_pair(SOCK_STREAM);
}

static int try_kill(void)
{
        return errno_if(kill(tester, 0) < 0);
}

static int try_tgkill(void)
{
        return errno_if(syscall(SYS_tgkill, tester, tester, 0) < 0);
}

static int try_pidfd(void)
{
        return errno_if(syscall(SYS_pidfd_open, tester, 0) < 0);
}

static int try_setown(void)
{
        return errno_if(fcntl(given_socket, F_SETOWN, tester) < 0);
}

static int try_exec(void)
{
        char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };

        execve("/bin/true", argv, envp); /* which would end with 0 */
        return errno;
}

static int try_fork(void)
{
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        return errno_if(pid < 0);
}

static int try_clone3(void)
{
        uint64_t args[8] = { 0, 0, 0, 0, SIGCHLD };
        long pid = syscall(SYS_clone3, args, sizeof args);

        if (pid == 0)
                _exit(0);
        return errno_if(pid < 0);
}

static int try_ptrace(void)
{
        return errno_if(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
}

static int try_peek(void)
{
        char byte, *at = (char *)&tester;
        struct iovec here = { &byte, 1 }, there = { at, 1 };

        return errno_if(process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0);
}

static int try_mmap_exec(void)
{
        return errno_if(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                                0) == MAP_FAILED);
}

static int try_mprotect_exec(void)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return errno_if(p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
}

static int try_memfd(void)
{
        return errno_if(memfd_create("x", 0) < 0);
}

static int try_chmod(void)
{
        return errno_if(syscall(SYS_fchmodat, AT_FDCWD, "file", 0600) < 0);
}

static int try_symlink(void)
{
        int r = errno_if(symlink("file", "made-link") < 0);

        unlink("made-link");
        return r;
}

static int try_dumpable(void)
{
        return errno_if(prctl(PR_SET_DUMPABLE, 1) < 0);
}

/* The same open from a thread of the pool, which was there before the filter. */
static int pool_result;

static void pool_open(uv_work_t *w)
{
        (void)w;
        pool_result = try_open();
}

static void pool_done(uv_work_t *w, int status)
{
        (void)w;
        (void)status;
}

static int try_open_in_pool(void)
{
        struct loop *l = loop_new();
        uv_work_t w;

        uv_queue_work(loop_uv(l), &w, pool_open, pool_done);
        loop_run(l);
        loop_free(l);
        return pool_result;
}

/* --- one try in a process of its own --- */

typedef int (*try_fn)(void);

static int try_apart(try_fn fn, int role)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                struct err e;
                given_socket = socket(AF_INET, SOCK_STREAM, 0);
                given_udp = socket(AF_INET, SOCK_DGRAM, 0);
                if (role >= 0) {
                        sandbox_warm_up();
                        if (sandbox_syscalls((enum sandbox_role)role, &e) < 0) {
                                fprintf(stderr, "%s\n", e.text);
                                _exit(EXIT_BROKEN);
                        }
                }
                _exit(fn());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status))
                return -WTERMSIG(status);
        return WEXITSTATUS(status);
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
        G = 1 << SANDBOX_GATEWAY,
        ALL = W | S | P | C | M | E | V | T | G
};

static const struct {
        const char *name;
        try_fn fn;
        int denied_to;
} tries[] = {
        { "open", try_open, W | S },
        { "open in the pool", try_open_in_pool, W | S },
        { "create", try_create, W | S | C | E | G },
        { "unlink", try_unlink, W | S | C | E | G },
        { "socket inet", try_socket_ip, W | S | P | M | E | V | G },
        { "socket inet6", try_socket_ip6, W | S | P | M | E | V | G },
        { "socket unix", try_socket_unix, ALL },
        { "socket netlink", try_socket_packet, ALL },
        { "connect", try_connect, W | S | P | M | E | V | G },
        { "sendto an address", try_sendto, W | S | P | M | V | G },
        { "sendmmsg", try_sendmmsg, W | S | P | M | V | G },
        { "listen", try_listen, ALL & ~T },
        { "accept", try_accept, W | S | C | V },
        { "channel pair", try_channel_pair, W | S | C | V | G },
        { "datagram pair", try_datagram_pair, W | S | C | V | T | G },
        { "stream pair", try_stream_pair, W | S | C | V | T | G },
        { "kill", try_kill, ALL },
        { "tgkill", try_tgkill, ALL },
        { "pidfd_open", try_pidfd, ALL },
        { "F_SETOWN", try_setown, ALL },
        { "execve", try_exec, ALL },
        { "clone", try_fork, ALL },
        { "clone3", try_clone3, ALL },
        { "ptrace", try_ptrace, ALL },
        { "process_vm_readv", try_peek, ALL },
        { "mmap PROT_EXEC", try_mmap_exec, ALL },
        { "mprotect PROT_EXEC", try_mprotect_exec, ALL },
        { "memfd_create", try_memfd, ALL },
        { "fchmodat", try_chmod, ALL },
        { "symlink", try_symlink, ALL },
        { "PR_SET_DUMPABLE", try_dumpable, ALL },
};

static void test_syscalls_by_role(void **state)
{
        int wrong = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
                int r = try_apart(tries[i].fn, -1);
                if (r != 0) {
                        print_message("%s fails without a sandbox: %d\n", tries[i].name, r);
                        wrong++;
                        continue;
                }
                for (int role = SANDBOX_WORKER; role <= SANDBOX_GATEWAY; role++) {
                        bool denied = tries[i].denied_to & 1 << role;
                        r = try_apart(tries[i].fn, role);
                        if (r != (denied ? EPERM : 0)) {
                                print_message("%s, role %d: %d\n", tries[i].name, role, r);
                                wrong++;
                        }
                }
        }
        assert_int_equal(wrong, 0);
}

/* --- what a worker still does --- */

static void on_written(void *owner, int result, const struct err *e)
{
        (void)e;
        *(int *)owner = result == 0;
}

static int got_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)c;
        (void)e;
        *(int *)owner = m->type == 5 && m->fds_n == 1;
        return 0;
}

static void got_end(void *owner, struct chan *c, const struct err *e)
{
        (void)owner;
        (void)c;
        (void)e;
}

static bool crypto_works(void)
{
        uint8_t random[16], key[16] = { 1 }, out[64];
        int n = 0;
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        EVP_PKEY *pair = EVP_EC_gen("P-256");
        bool ok = RAND_bytes(random, sizeof random) == 1 && pair &&
                  EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, random) == 1 &&
                  EVP_EncryptUpdate(c, out, &n, random, sizeof random) == 1;

        EVP_PKEY_free(pair);
        EVP_CIPHER_CTX_free(c);
        return ok;
}

static int work_as_worker(void)
{
        static const struct chan_events events = { got_message, got_end };
        static char page[4096] __attribute__((aligned(4096)));
        struct loop *l = loop_new();
        int pair[2], stream[2], written = 0, arrived = 0;
        struct mmsghdr none = { 0 };
        struct iovec iov = { page, sizeof page };
        int file = open("file", O_RDWR);

        if (file < 0 || chan_pair(pair, NULL) < 0 ||
                chan_write_blocking(pair[1], 5, bytes_str("hello"), &file, 1, NULL) < 0 ||
                socketpair(AF_UNIX, SOCK_STREAM, 0, stream) < 0)
                return 1;
        struct chan *c = chan_new(l, pair[0], &events, &arrived);
        sandbox_warm_up();
        if (sandbox_syscalls(SANDBOX_WORKER, NULL) < 0)
                return EXIT_BROKEN;
        if (open("file", O_RDONLY) >= 0)
                return 2;
        file_write_start(l, file, &iov, 1, 0, on_written, &written);
        if (chan_write_blocking(pair[1], 5, bytes_str("hello"), &file, 1, NULL) !=
                        ERR_IO || /* it would send a descriptor */
                chan_send(c, 6, bytes_str("there"), NULL, 0, NULL) < 0)
                return 3;
        for (int i = 0; i < 200 && !(written && arrived); i++)
                uv_run(loop_uv(l), UV_RUN_ONCE);
        if (!written || !arrived)
                return 4;
        if (ftruncate(file, 100) < 0 || dup(file) < 0 || lseek(file, 0, SEEK_END) != 100)
                return 5;
        /* what a camera's connection and its datagrams need */
        if (send(stream[0], "x", 1, MSG_NOSIGNAL) != 1 ||
                recv(stream[1], page, sizeof page, MSG_DONTWAIT) != 1 ||
                (recvmmsg(stream[1], &none, 1, MSG_DONTWAIT, NULL) < 0 && errno != EAGAIN))
                return 7;
        void *big = malloc(64u << 20); /* from mmap, grown by mremap */
        big = realloc(big, 96u << 20);
        if (!big || !crypto_works())
                return 6;
        memset(big, 1, 1 << 20);
        free(big);
        c = chan_free(c);
        loop_free(l);
        return 0;
}

static int role_abort(void)
{
        struct sigaction plain = { .sa_handler = SIG_DFL };

        sigaction(SIGABRT, &plain, NULL);
        abort();
}

static void test_a_worker_can_work(void **state)
{
        (void)state;
        assert_int_equal(try_apart(work_as_worker, -1), 0);
        /* assert() and abort() still say what they are. */
        assert_int_equal(try_apart(role_abort, SANDBOX_WORKER), -SIGABRT);
}

static int look_up(void)
{
        struct addrinfo *found = NULL, hints = { .ai_socktype = SOCK_STREAM };
        int r = getaddrinfo("localhost", "554", &hints, &found);

        if (r == 0)
                freeaddrinfo(found);
        return r == 0 ? 0 : 1;
}

static int look_up_in_landlock(void)
{
        struct sandbox_path paths[SANDBOX_RESOLVER_PATHS_MAX];
        unsigned n = sandbox_resolver_paths(paths);

        sandbox_warm_up();
        int abi = sandbox_files(paths, n, NULL);
        if (abi < 0 || sandbox_syscalls(SANDBOX_CONNECTOR, NULL) < 0)
                return EXIT_BROKEN;
        if (abi > 0 && open("/etc/passwd", O_RDONLY) >= 0)
                return 2;
        return look_up();
}

/* As the porter: names, a port, a file of its own and no other. */
static int serve_in_landlock(void)
{
        struct sandbox_path paths[SANDBOX_RESOLVER_PATHS_MAX + 1];
        unsigned n = sandbox_resolver_paths(paths);
        struct sockaddr_in any = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        if (mkdir("node", 0700) < 0 && errno != EEXIST)
                return 1;
        paths[n++] = (struct sandbox_path){ "node", true };
        sandbox_warm_up();
        int abi = sandbox_files(paths, n, NULL);
        if (abi < 0 || sandbox_syscalls(SANDBOX_PORTER, NULL) < 0)
                return EXIT_BROKEN;
        int s = socket(AF_INET, SOCK_STREAM, 0);
        if (s < 0 || bind(s, (struct sockaddr *)&any, sizeof any) < 0 || listen(s, 1) < 0)
                return 2;
        if (file_write_atomic("node/node.key", bytes_str("x"), 0600, NULL) < 0)
                return 3;
        if (abi > 0 && (open("file", O_RDONLY) >= 0 || open("file", O_WRONLY) >= 0 ||
                               rename("file", "node/file") == 0 || link("file", "node/file") == 0))
                return 4;
        return look_up();
}

static void test_a_porter_serves_from_its_directory(void **state)
{
        (void)state;
        if (try_apart(look_up, -1) != 0) {
                print_message("this machine does not know localhost\n");
                skip();
        }
        assert_int_equal(try_apart(serve_in_landlock, -1), 0);
}

/* What it has of the machine: its own directory, to read. */
static int gateway_in_landlock(void)
{
        const struct sandbox_path own = { "node", false };
        char byte;

        sandbox_warm_up();
        int abi = sandbox_files(&own, 1, NULL);
        if (abi < 0 || sandbox_syscalls(SANDBOX_GATEWAY, NULL) < 0)
                return EXIT_BROKEN;
        int fd = open("node/web.pem", O_RDONLY);
        if (fd < 0 || read(fd, &byte, 1) != 1)
                return 1;
        if (open("node/web.pem", O_WRONLY) >= 0 || open("node/new", O_CREAT | O_RDWR, 0600) >= 0 ||
                rename("node/web.pem", "node/other") == 0 || unlink("node/web.pem") == 0)
                return 2;
        if (abi > 0 && (open("file", O_RDONLY) >= 0 || open("/etc/passwd", O_RDONLY) >= 0))
                return 3;
        return 0;
}

static void test_a_gateway_reads_its_directory_alone(void **state)
{
        struct err e;

        (void)state;
        assert_int_equal(file_make_dirs("node", 0700, &e), 0);
        assert_int_equal(file_write_atomic("node/web.pem", bytes_str("x"), 0600, &e), 0);
        assert_int_equal(try_apart(gateway_in_landlock, -1), 0);
}

static void test_a_connector_can_look_up(void **state)
{
        (void)state;
        if (try_apart(look_up, -1) != 0) {
                print_message("this machine does not know localhost\n");
                skip();
        }
        assert_int_equal(try_apart(look_up, SANDBOX_CONNECTOR), 0);
        assert_int_equal(try_apart(look_up_in_landlock, -1), 0);
}

static int foreign_call(void)
{
#ifdef __x86_64__
        long r;
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
        return r > 0 ? 0 : 1;
#else
        return 1;
#endif
}

static void test_a_foreign_architecture_kills(void **state)
{
        (void)state;
        if (try_apart(foreign_call, -1) != 0) {
                print_message("no 32-bit system calls on this machine\n");
                skip();
        }
        assert_int_equal(try_apart(foreign_call, SANDBOX_WORKER), -SIGSYS);
}

/* --- Landlock --- */

static struct sandbox_path allowed[2];
static unsigned allowed_n;
static bool landlocked;

/* Puts Landlock up (when asked to) and tries. */
static int in_landlock(try_fn fn)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct err e;
                if (landlocked && sandbox_files(allowed, allowed_n, &e) < 0) {
                        fprintf(stderr, "%s\n", e.text);
                        _exit(EXIT_BROKEN);
                }
                _exit(fn());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int read_outside(void)
{
        return errno_if(open("/etc/passwd", O_RDONLY) < 0);
}

static int list_outside(void)
{
        return errno_if(open("/etc", O_RDONLY | O_DIRECTORY) < 0);
}

static int write_in(void)
{
        return errno_if(open("in/new", O_WRONLY | O_CREAT | O_TRUNC, 0600) < 0 ||
                        rename("in/new", "in/newer") < 0 || mkdir("in/d", 0700) < 0 ||
                        rmdir("in/d") < 0 || unlink("in/newer") < 0);
}

static int read_in(void)
{
        return errno_if(open("in/known", O_RDONLY) < 0 || open("in", O_RDONLY | O_DIRECTORY) < 0);
}

static int write_known(void)
{
        return errno_if(open("in/known", O_WRONLY) < 0);
}

static int link_in(void)
{
        int r = errno_if(symlink("/etc/passwd", "in/link") < 0);

        unlink("in/link");
        return r;
}

static int signal_outside(void)
{
        return errno_if(kill(tester, 0) < 0);
}

static int landlock_abi(void)
{
        return (int)syscall(444, NULL, 0, 1);
}

static bool expect(const char *name, try_fn fn, int want)
{
        landlocked = false;
        int without = in_landlock(fn);
        landlocked = true;
        int with = in_landlock(fn);
        if (without != 0 || with != want)
                print_message("%s: %d without, %d with, %d expected\n", name, without, with, want);
        return without == 0 && with == want;
}

static void test_landlock(void **state)
{
        bool ok = true;
        int abi = landlock_abi();

        (void)state;
        if (abi < 1) {
                print_message("no Landlock in this kernel\n");
                skip();
        }
        assert_int_equal(mkdir("in", 0700), 0);
        assert_int_equal(file_write_atomic("in/known", bytes_str("x"), 0600, NULL), 0);
        allowed_n = 0;
        ok &= expect("nothing: read outside", read_outside, EACCES);
        ok &= expect("nothing: list outside", list_outside, EACCES);
        ok &= expect("nothing: exec", try_exec, EACCES);
        allowed[0] = (struct sandbox_path){ "in", false };
        allowed_n = 1;
        ok &= expect("read only: read", read_in, 0);
        ok &= expect("read only: write", write_known, EACCES);
        ok &= expect("read only: create", write_in, EACCES);
        allowed[0].write = true;
        ok &= expect("write: read", read_in, 0);
        ok &= expect("write: all", write_in, 0);
        ok &= expect("write: symbolic link", link_in, EACCES);
        ok &= expect("write: outside", try_create, EACCES);
        allowed[0] = (struct sandbox_path){ "in/known", true };
        ok &= expect("a file: write", write_known, 0);
        ok &= expect("a file: its neighbours", write_in, EACCES);
        if (abi >= 6)
                ok &= expect("signal", signal_outside, EPERM);
        assert_true(ok);
}

static int landlock_returns_abi(void)
{
        struct err e;
        struct sandbox_path none = { "/none/such", false };

        if (sandbox_files(&none, 1, &e) != ERR_NOT_FOUND || !strstr(e.text, "/none/such"))
                return 1;
        int want = landlock_abi();
        return sandbox_files(NULL, 0, &e) == (want < 0 ? 0 : want) ? 0 : 2;
}

static void *wait_here(void *arg)
{
        (void)arg;
        pause();
        return NULL;
}

static int refuse_threads(void)
{
        pthread_t t;
        struct err e;

        if (pthread_create(&t, NULL, wait_here, NULL))
                return 1;
        if (sandbox_files(NULL, 0, &e) != ERR_STATE || !strstr(e.text, "2 threads"))
                return 2;
        if (sandbox_drop(&e) != ERR_STATE)
                return 3;
        return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 4; /* nothing is half done */
}

static void test_landlock_answers(void **state)
{
        (void)state;
        assert_int_equal(try_apart(landlock_returns_abi, -1), 0);
        assert_int_equal(try_apart(refuse_threads, -1), 0);
}

/* --- capabilities --- */

static int drop_caps(void)
{
        struct err e;
        int death = 0;

        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (sandbox_drop(&e) < 0)
                return 1;
        capng_clear(CAPNG_SELECT_ALL);
        if (capng_get_caps_process() < 0 ||
                capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
                return 2;
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 3;
        if (prctl(PR_GET_PDEATHSIG, &death) < 0 || death != SIGTERM)
                return 4;
        return chroot("/") < 0 && errno == EPERM ? 0 : 5;
}

static void test_drop(void **state)
{
        (void)state;
        assert_int_equal(try_apart(drop_caps, -1), 0);
        if (geteuid() != 0) {
                print_message("what only root has is tested as root only\n");
                return;
        }
        assert_int_equal(chroot("/"), 0); /* what drop_caps finds denied is possible here */
}

/* In the order of sandbox.h, as a role does it. */
static int whole_order(void)
{
        struct sandbox_path state_dir = { dir, true };
        struct err e;

        sandbox_warm_up();
        if (sandbox_drop(&e) < 0 || sandbox_files(&state_dir, 1, &e) < 0 ||
                sandbox_syscalls(SANDBOX_PARENT, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                return EXIT_BROKEN;
        }
        if (try_open_in_pool() != 0 || try_create() != 0)
                return 1;
        return try_kill() == EPERM ? 0 : 2;
}

/* A thread that the pool starts later is inside Landlock as well. */
static void pool_outside(uv_work_t *w)
{
        (void)w;
        pool_result = read_outside();
}

static int pool_is_landlocked(void)
{
        struct sandbox_path state_dir = { dir, true };
        uv_work_t w;

        if (sandbox_files(&state_dir, 1, NULL) < 0 || sandbox_syscalls(SANDBOX_PARENT, NULL) < 0)
                return EXIT_BROKEN;
        struct loop *l = loop_new();
        uv_queue_work(loop_uv(l), &w, pool_outside, pool_done);
        loop_run(l);
        loop_free(l);
        return pool_result;
}

static void test_order(void **state)
{
        (void)state;
        assert_int_equal(try_apart(whole_order, -1), 0);
        if (landlock_abi() >= 1)
                assert_int_equal(try_apart(pool_is_landlocked, -1), EACCES);
}

static int begin(void **state)
{
        socklen_t n = sizeof listener_address;

        (void)state;
        tester = getpid();
        snprintf(dir, sizeof dir, "/tmp/custos-sandbox-XXXXXX");
        if (!mkdtemp(dir) || chdir(dir) < 0 ||
                file_write_atomic("file", bytes_str("x"), 0600, NULL) < 0)
                return -1;
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        listener_address = (struct sockaddr_in){ .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        return bind(listener, (struct sockaddr *)&listener_address, n) < 0 ||
                               listen(listener, 100) < 0 ||
                               getsockname(listener, (struct sockaddr *)&listener_address, &n) < 0
                       ? -1
                       : 0;
}

static int end(void **state)
{
        CLEANUP(own_freep) char *command = xasprintf("rm -rf '%s'", dir);

        (void)state;
        close(listener);
        return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_syscalls_by_role),
                cmocka_unit_test(test_a_worker_can_work),
                cmocka_unit_test(test_a_gateway_reads_its_directory_alone),
                cmocka_unit_test(test_a_connector_can_look_up),
                cmocka_unit_test(test_a_porter_serves_from_its_directory),
                cmocka_unit_test(test_a_foreign_architecture_kills),
                cmocka_unit_test(test_landlock),
                cmocka_unit_test(test_landlock_answers),
                cmocka_unit_test(test_drop),
                cmocka_unit_test(test_order),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
