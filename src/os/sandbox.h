/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process may no longer do (design: section 2). Order in every role: read config, open what is needed, start
 * threads, sandbox_files (Landlock), drop user, sandbox_syscalls (seccomp, all threads), loop.
 * Where the kernel lacks one, that is said once in the log by the caller and in status, and the rest is still done.
 */
#ifndef CUSTOS_OS_SANDBOX_H
#define CUSTOS_OS_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

struct sandbox_path {
        const char *path;
        bool write; /* else read only */
};

/* Landlock: only these trees may be reached by name from now on (n may be 0). Returns the ABI in force, 0 where the kernel has
 * none, negative on failure. */
int sandbox_files(const struct sandbox_path *paths, unsigned n, struct err *e) MUST_USE;

enum sandbox_role {
        SANDBOX_WORKER,  /* no open, socket, connect, kill, exec, ptrace: only given descriptors */
        SANDBOX_SEALER,  /* as the worker */
        SANDBOX_PARENT,  /* opens files and connects sockets; no exec, ptrace, kill */
        SANDBOX_MANAGER, /* opens files, accepts on given sockets; no exec, ptrace, kill, connect to the network */
        SANDBOX_EDGE,
};
/* seccomp with an allow list; a forbidden call fails with EPERM. Kills the process on a foreign architecture. */
int sandbox_syscalls(enum sandbox_role role, struct err *e) MUST_USE;

/* libuv's pool and OpenSSL load things lazily: makes them do it now, before the sandbox. */
void sandbox_warm_up(void);
/* Drops all capabilities (and to user, when running as root and user is not NULL). */
int sandbox_drop(const char *user, struct err *e) MUST_USE;

#endif
