/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child processes: fork and exec of this very executable with a role, descriptors at fixed numbers,
 * watched by the loop through a pidfd, so that no signal can ever reach another process that was
 * given the number meanwhile. Needs Linux 5.9 and /proc. Whoever starts processes keeps its
 * capabilities and is under no seccomp filter.
 */
#ifndef CUSTOS_OS_PROC_H
#define CUSTOS_OS_PROC_H

#include "base/err.h"
#include "os/loop.h"

#define PROC_FDS_MAX 8
#define PROC_FIRST_FD 3

struct proc;

/* Another user to run as; neither is 0. */
struct proc_user {
        unsigned uid, gid;
        unsigned also; /* one further group; 0: none */
};

struct proc_options {
        const char *const *args; /* argv behind the program, NULL-terminated; no secrets */
        const int *fds;          /* become PROC_FIRST_FD, +1, ...; borrowed */
        unsigned fds_n;
        /* NULL: this process's own. Else, for root: the child has these ids alone, no other group,
         * no capability and an empty bounding set, and cannot go back; nothing of the program runs
         * before that. It has to be able to reach the program and its files. Borrowed. */
        const struct proc_user *user;
        /* status: the exit status, or -1; signal: the one that ended it, or 0. Called once; the
         * proc is still the caller's to free. */
        void (*on_exit)(void *owner, struct proc *p, int status, int signal);
        void *owner;
};

/* The child has PR_SET_PDEATHSIG SIGTERM, no other descriptor than 0..2 and fds, stdin from
 * /dev/null, the environment of this process, and all signals as at a program's start. An exec that
 * fails is reported here. */
int proc_start(
        struct loop *l, const struct proc_options *o, struct proc **ret, struct err *e) MUST_USE;
int proc_pid(const struct proc *p);
void proc_signal(struct proc *p, int signal); /* by its id; nothing once it was reaped */
/* Forgets a running child without ending it (it is then reaped by nobody). Allowed in on_exit. */
struct proc *proc_free(struct proc *p);

/* What a process may use at most, for itself and for good; each 0: as before. */
struct proc_limits {
        uint64_t memory; /* bytes of addresses; not in a sanitizer's build, which takes terabytes */
        unsigned files;  /* descriptors */
        bool last;       /* others' work goes before (nice 10), and it is the first to go where the
                            machine's memory is short */
};
int proc_limit(const struct proc_limits *l, struct err *e) MUST_USE;

/* For the start of every role: not dumpable, no core, no new privileges, umask 077, SIGPIPE
 * and SIGXFSZ ignored (a write that fails says so), as many open files as the hard limit allows (a
 * worker has four for each stream, and the usual soft limit is 1024); and, where name is given, the
 * kernel's thread name (cut to 15 characters). */
void proc_harden(const char *name);
/* Descriptors 0 to 2 become /dev/null, for a child that was forked without exec and is not to write
 * to its user's terminal. (A sanitizer's build keeps 2, for its reports.) */
int proc_leave_terminal(struct err *e) MUST_USE;

#endif
