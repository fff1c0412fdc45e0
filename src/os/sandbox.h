/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process may no longer do (design: section 2). Order in every role:
 *
 *     read config, open what is needed
 *     proc_harden         not dumpable, no new privileges
 *     sandbox_warm_up     libraries read their files now
 *     sandbox_drop        capabilities
 *     sandbox_files       Landlock
 *     sandbox_syscalls    starts libuv's pool, then seccomp for all threads
 *     loop_run
 *
 * Landlock and capabilities belong to one thread and are inherited by those that it starts later,
 * so no thread may have been started before sandbox_files and sandbox_drop (no asynchronous file_
 * or name look-up): they refuse then. Where the kernel lacks one, that is said once in the log by
 * the caller and in status, and the rest is still done. What a role means is not decided here
 * beyond these lists; no path is built in but the resolver's.
 */
#ifndef CUSTOS_OS_SANDBOX_H
#define CUSTOS_OS_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

struct sandbox_path {
        const char *path;
        bool write; /* else read only */
};

/* Landlock: only these files and trees may be reached by name from now on (n may be 0), nothing is
 * executed, and where the kernel can (ABI 6) no signal and no abstract socket reaches a process
 * outside. A path must exist; a rule stays with what lies there now: a file that is later replaced
 * under its name is out of reach, so give the directory where that happens. Returns the ABI in
 * force, 0 where the kernel has none, negative on failure. */
int sandbox_files(const struct sandbox_path *paths, unsigned n, struct err *e) MUST_USE;
/* The ABI that sandbox_files would have here; 0: none. Confines nothing. */
int sandbox_files_abi(struct err *e) MUST_USE;

/* What getaddrinfo reads on this machine: at most SANDBOX_RESOLVER_PATHS_MAX of resolv.conf (its
 * directory below /run, where it is a link to there), hosts, nsswitch.conf, host.conf, gai.conf,
 * services, protocols. For SANDBOX_CONNECTOR and SANDBOX_PORTER, to be added to the paths of
 * sandbox_files. Returns the count. */
#define SANDBOX_RESOLVER_PATHS_MAX 12
unsigned sandbox_resolver_paths(struct sandbox_path to[static SANDBOX_RESOLVER_PATHS_MAX]);

enum sandbox_role {
        SANDBOX_WORKER, /* no open, stat, socket, connect, kill, exec, ptrace: only given
                           descriptors; bytes to whom they are connected, none of them sent on */
        SANDBOX_SEALER, /* as the worker */
        SANDBOX_PARENT, /* opens files, accepts on given sockets; no socket, connect, exec, ptrace,
                           kill */
        /* makes IP sockets, binds and connects them, opens files to read; no Unix socket (behind
         * these stand the manager and services of the machine, and Landlock does not hold them
         * back: names are resolved by hosts and DNS alone), no listen, accept, write to files,
         * exec, ptrace, kill */
        SANDBOX_CONNECTOR,
        SANDBOX_MANAGER, /* opens files, accepts on given sockets; no socket, connect, exec, ptrace,
                            kill */
        SANDBOX_VOLUME, /* makes, writes and removes files; no socket, accept, exec, ptrace, kill */
        SANDBOX_SCRUBBER,   /* as the worker; the player too */
        SANDBOX_TRANSCODER, /* likewise */
        SANDBOX_EDGE,       /* reads files, accepts on given sockets; the rest as the worker */
        /* makes IP sockets and listens, accepts and connects with them, looks names up as the
         * connector does, makes channels for its role, keeps the files of its node; no Unix socket
         * but such a channel, exec, ptrace, kill */
        SANDBOX_PORTER,
        /* accepts on a given socket, takes channels, reads files (Landlock: of one directory); no
         * socket, connect, bind, write to files, exec, ptrace, kill */
        SANDBOX_GATEWAY,
};
/* seccomp with an allow list; a forbidden call fails with EPERM, for all threads. No new threads or
 * processes, no executable memory; a signal only to itself (abort). Kills the process on a foreign
 * architecture. Starts libuv's pool first. */
int sandbox_syscalls(enum sandbox_role role, struct err *e) MUST_USE;

/* OpenSSL and the C library read configuration lazily: makes them do it now, before the sandbox.
 * Starts no thread. */
void sandbox_warm_up(void);
/* Drops all capabilities, bounding set included. The user stays: whoever starts a role gives it one
 * of its own (proc_start), before the program runs. The death signal of proc_start stays. Started
 * as root a process keeps its user id 0, but only as owner of its files. */
int sandbox_drop(struct err *e) MUST_USE;

#endif
