/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Landlock, by system calls: Debian 12 has its header (ABI 2) and no library. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/sandbox.h"
#include "os/sandbox_threads.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6 */
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

#define SANDBOX_FS_V1                                                                              \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
                LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                       \
                LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                   \
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                       \
                LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                       \
                LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                     \
                LANDLOCK_ACCESS_FS_MAKE_SYM)

#define SANDBOX_FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* No links, devices or FIFOs: nothing here makes any. */
#define SANDBOX_FS_WRITE                                                                           \
        (SANDBOX_FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |         \
                LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                     \
                LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                       \
                LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)
/* The rights that a rule on anything but a directory may hold. */
#define SANDBOX_FS_OF_FILES                                                                        \
        (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* struct landlock_ruleset_attr of ABI 6; an older kernel takes it as long as what it does not know
 * is 0. */
struct sandbox_ruleset {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
};

static struct sandbox_ruleset sandbox_ruleset_of(int abi)
{
        struct sandbox_ruleset a = { .fs = SANDBOX_FS_V1 };

        if (abi >= 2)
                a.fs |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 3)
                a.fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
        if (abi >= 5)
                a.fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
        if (abi >= 6)
                a.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
        return a;
}

static int sandbox_add_path(
        int ruleset, const struct sandbox_path *path, uint64_t handled, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = open(path->path, O_PATH | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_os(e, ERR_NOT_FOUND, errno, "sandbox: %s", path->path);
        struct landlock_path_beneath_attr rule = { .parent_fd = fd,
                .allowed_access = (path->write ? SANDBOX_FS_WRITE : SANDBOX_FS_READ) & handled };
        if (!S_ISDIR(st.st_mode))
                rule.allowed_access &= SANDBOX_FS_OF_FILES;
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return err_os(e, ERR_INTERNAL, errno, "sandbox: allow %s", path->path);
        return 0;
}

int sandbox_files_abi(struct err *e)
{
        int abi =
                (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
                return 0;
        return abi < 0 ? err_os(e, ERR_INTERNAL, errno, "sandbox: ask for Landlock") : abi;
}

int sandbox_files(const struct sandbox_path *paths, unsigned n, struct err *e)
{
        int r = sandbox_one_thread("sandbox_files", e);

        if (r < 0)
                return r;
        int abi = sandbox_files_abi(e);
        if (abi <= 0)
                return abi;
        struct sandbox_ruleset a = sandbox_ruleset_of(abi);
        CLEANUP(own_closep)
        int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof a, 0);
        if (ruleset < 0)
                return err_os(e, ERR_INTERNAL, errno, "sandbox: make a Landlock ruleset");
        for (unsigned i = 0; i < n; i++) {
                r = sandbox_add_path(ruleset, &paths[i], a.fs, e);
                if (r < 0)
                        return r;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return err_os(e, ERR_INTERNAL, errno, "sandbox: enforce Landlock");
        return abi;
}

/* Where resolv.conf is a link below /run, it is replaced there, by name: then the directory is what
 * must stay readable. */
static const char *sandbox_resolv_conf(void)
{
        CLEANUP(own_freep) char *target = realpath("/etc/resolv.conf", NULL);

        if (!target)
                return NULL;
        if (strncmp(target, "/run/systemd/resolve/", 21) == 0)
                return "/run/systemd/resolve";
        if (strncmp(target, "/run/resolvconf/", 16) == 0)
                return "/run/resolvconf";
        if (strncmp(target, "/run/NetworkManager/", 20) == 0)
                return "/run/NetworkManager";
        return "/etc/resolv.conf";
}

unsigned sandbox_resolver_paths(struct sandbox_path to[static SANDBOX_RESOLVER_PATHS_MAX])
{
        static const struct sandbox_path known[] = { { "/etc/hosts", false },
                { "/etc/nsswitch.conf", false }, { "/etc/host.conf", false },
                { "/etc/gai.conf", false }, { "/etc/services", false },
                { "/etc/protocols", false } };
        const char *resolv = sandbox_resolv_conf();
        unsigned n = 0;

        _Static_assert(ARRAY_LEN(known) < SANDBOX_RESOLVER_PATHS_MAX, "room");
        if (resolv)
                to[n++] = (struct sandbox_path){ resolv, false };
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (access(known[i].path, F_OK) == 0)
                        to[n++] = known[i];
        }
        return n;
}
