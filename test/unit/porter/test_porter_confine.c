/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A porter that was taken over tries what it must not reach: secrets of its own role and of others,
 * which lie in the same state directory and belong to the same user. Every try works in a process
 * that was not confined, or the test would prove nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "porter/porter_confine.h"
#include "trust/node_identity.h"

static const char *const secrets[] = { "recorder/seal.key", "recorder/wrap.key", "site/root.key",
        "site/nodes.key", "site/cameras.key", "site.sqlite", "node/manager/node.key", "audit.log",
        "vault/keys/hour.json" };

static char state[64], node[NODE_IDENTITY_DIR_ROOM];

static char *at(const char *name)
{
        static char path[4300];

        snprintf(path, sizeof path, "%s/%s", state, name);
        return path;
}

static int make_state(void **unused)
{
        static const char *const dirs[] = { "recorder", "site", "node", "node/manager",
                "node/recorder", "vault", "vault/keys" };

        (void)unused;
        snprintf(state, sizeof state, "/tmp/porter-confine-XXXXXX");
        if (!mkdtemp(state))
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                if (mkdir(at(dirs[i]), 0700) < 0)
                        return -1;
        }
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                if (file_write_atomic(at(secrets[i]), bytes_str("secret"), 0600, NULL) < 0)
                        return -1;
        }
        node_identity_dir(node, state, "recorder");
        return 0;
}

static int remove_state(void **unused)
{
        char command[128];

        (void)unused;
        snprintf(command, sizeof command, "rm -rf %s", state);
        return system(command);
}

/* Each try: 0 where it worked, else its errno. */

static int tries_open(int flags)
{
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                int fd = open(at(secrets[i]), flags);
                if (fd < 0)
                        return errno;
                close(fd);
        }
        return 0;
}

static int try_read(void)
{
        return tries_open(O_RDONLY);
}

/* One that opens is enough to be wrong. */
static int try_read_any(void)
{
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                if (open(at(secrets[i]), O_RDONLY) >= 0)
                        return 0;
        }
        return errno;
}

static int try_write_any(void)
{
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                if (open(at(secrets[i]), O_WRONLY) >= 0 || truncate(at(secrets[i]), 6) == 0)
                        return 0;
        }
        return errno;
}

/* Into the directory that it may read. */
static int try_move(void)
{
        char to[4300];

        snprintf(to, sizeof to, "%s/loot", node);
        if (rename(at("recorder/seal.key"), to) == 0)
                return rename(to, at("recorder/seal.key")) == 0 ? 0 : errno;
        return errno;
}

static int try_link(void)
{
        char to[4300];

        snprintf(to, sizeof to, "%s/link", node);
        int r = link(at("recorder/seal.key"), to) == 0 ? 0 : errno;
        unlink(to);
        return r;
}

static int try_remove(void)
{
        if (unlink(at("site/cameras.key")) < 0)
                return errno;
        return file_write_atomic(at("site/cameras.key"), bytes_str("secret"), 0600, NULL);
}

static int try_list(void)
{
        int fd = open(at("site"), O_RDONLY | O_DIRECTORY);

        return fd < 0 ? errno : 0;
}

static int try_parent_directory(void)
{
        char up[4400];

        snprintf(up, sizeof up, "%s/../../recorder/seal.key", node);
        return open(up, O_RDONLY) < 0 ? errno : 0;
}

static int try_exec(void)
{
        char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };

        execve("/bin/true", argv, envp);
        return errno;
}

static int try_kill(void)
{
        return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_unix_socket(void)
{
        return socket(AF_UNIX, SOCK_SEQPACKET, 0) < 0 ? errno : 0;
}

static int apart(int (*try)(void), bool confined)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                struct err e;
                if (confined && porter_confine(node, NULL, &e) < 0) {
                        fprintf(stderr, "%s\n", e.text);
                        _exit(254);
                }
                _exit(try());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Asked of the kernel, and not of what is tested. */
static bool has_landlock(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static void test_it_reaches_no_secret(void **unused)
{
        static const struct {
                const char *name;
                int (*try)(void);
        } tries[] = { { "read", try_read }, { "read any", try_read_any },
                { "write any", try_write_any }, { "move", try_move }, { "link", try_link },
                { "remove", try_remove }, { "list", try_list },
                { "through its own directory", try_parent_directory } };

        (void)unused;
        if (!has_landlock()) {
                print_message("this kernel has no Landlock\n");
                skip();
        }
        for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
                if (apart(tries[i].try, false) != 0)
                        fail_msg("%s fails without a sandbox", tries[i].name);
                int r = apart(tries[i].try, true);
                if (r != EACCES && r != EXDEV && r != EPERM)
                        fail_msg("%s: %d", tries[i].name, r);
        }
}

static void test_it_reaches_no_process(void **unused)
{
        static int (*const tries[])(void) = { try_exec, try_kill, try_unix_socket };

        (void)unused;
        for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
                assert_int_equal(apart(tries[i], false), 0);
                assert_int_not_equal(apart(tries[i], true), 0);
        }
}

/* What it is there for. */
static int do_its_work(void)
{
        char path[4300];
        struct buf text;

        buf_init(&text, 100);
        snprintf(path, sizeof path, "%s/nodes.crl", node);
        return file_write_atomic(path, bytes_str("list"), 0644, NULL) < 0 ||
               file_read(path, 100, &text, NULL) < 0 || text.n != 4;
}

static void test_it_keeps_its_own_files(void **unused)
{
        (void)unused;
        assert_int_equal(apart(do_its_work, true), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_reaches_no_secret),
                cmocka_unit_test(test_it_reaches_no_process),
                cmocka_unit_test(test_it_keeps_its_own_files),
        };

        return cmocka_run_group_tests(tests, make_state, remove_state);
}
