/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the supervisor share: supervisor.c (who runs, and what a death means),
 * supervisor_start.c (a child's command line, user and descriptors). For these alone.
 */
#ifndef CUSTOS_RUN_SUPERVISOR_PARTS_H
#define CUSTOS_RUN_SUPERVISOR_PARTS_H

#include "base/log.h"
#include "os/chan.h"
#include "os/proc.h"
#include "proto/transcode_message.h"
#include "recorder/message_volume.h"
#include "run/supervisor.h"

#define SUPERVISOR_EXTRA_MAX 4
/* More than a recorder has: one of a disk that hangs may outlive the want of it. */
#define SUPERVISOR_VOLUMES_MAX (2 * VOLUME_MAX)
/* More than a parent asks for: one that reads from a disk that hangs may outlive the want of it. */
#define SUPERVISOR_PLAYERS_MAX 16
/* More than a parent asks for: one that a camera has taken over lives until it is ended. */
#define SUPERVISOR_PROBERS_MAX 4
#define SUPERVISOR_PROBER_MS 30000 /* more than the parent's patience with a look */
/* Of streams and still pictures, and those that a kill has not ended yet. */
#define SUPERVISOR_TRANSCODERS_MAX (2 * TRANSCODE_STREAMS_MAX + 16)
#define SUPERVISOR_CHILDREN_MAX                                                                    \
        (9 + SUPERVISOR_WORKERS_MAX + SUPERVISOR_VOLUMES_MAX + SUPERVISOR_PLAYERS_MAX +            \
                SUPERVISOR_PROBERS_MAX + SUPERVISOR_TRANSCODERS_MAX + SUPERVISOR_EXTRA_MAX)
#define SUPERVISOR_BACKOFF_MS 50
#define SUPERVISOR_BACKOFF_MAX_MS 5000
#define SUPERVISOR_STEADY_US                                                                       \
        INT64_C(2000000)          /* lived that long: the next restart is quick again              \
                                   */
#define SUPERVISOR_FINISH_MS 5000 /* for workers and sealer when the parent is gone */
#define SUPERVISOR_STOP_MS 8000

enum supervisor_kind {
        SUPERVISOR_MANAGER,
        SUPERVISOR_PARENT,
        SUPERVISOR_SEALER,
        SUPERVISOR_CONNECTOR,
        SUPERVISOR_WORKER,
        SUPERVISOR_VOLUME,
        SUPERVISOR_SCRUBBER,
        SUPERVISOR_PORTER,
        SUPERVISOR_PLAYER,
        SUPERVISOR_GATEWAY,
        SUPERVISOR_PROBER,
        SUPERVISOR_TRANSCODER,
        SUPERVISOR_EXTRA
};

struct supervisor_child {
        struct supervisor *supervisor;
        enum supervisor_kind kind;
        unsigned index; /* of a worker; the number of a volume, or of what is begun once */
        bool wanted;    /* a volume: by the parent that lives; what is begun once: begin it */
        struct message_volume_start start; /* of a volume */
        struct log_ctx log;                /* the name alone: each has its own count of repeats */
        char name[32];
        const char *const *args; /* of an extra */
        const char *role;        /* of a porter: whose it is */
        struct proc *proc;       /* NULL when it does not run */
        struct timer restart;
        int64_t started_us;
        uint64_t backoff_ms;
};

struct supervisor {
        struct loop *loop;
        struct supervisor_options options;
        struct chan *to_parent, *to_manager, *to_gateway, *to_sealer;
        struct supervisor_child children[SUPERVISOR_CHILDREN_MAX];
        unsigned children_n;
        bool regrouping; /* the parent died: waiting for workers and sealer to end */
        struct timer deadline;
        bool stopping;
        void (*on_stopped)(void *owner);
        void *owner;
};

bool supervisor_is_managers(const struct supervisor_child *c);
bool supervisor_is_gateways(const struct supervisor_child *c);
/* Reads from disks or cameras that may hang: it must not hold a lock that the next start wants. */
bool supervisor_may_hang(const struct supervisor_child *c);

/* supervisor_start.c */
/* The word on the command line; of all but extras. */
const char *supervisor_start_role(enum supervisor_kind kind);
/*
 * Starts the child's process, of which there is none. fd and key_fd: its
 * channels, -1 where it has none; they are the caller's still. on_exit's owner is the child.
 */
int supervisor_start_child(struct supervisor_child *c, int fd, int key_fd,
        void (*on_exit)(void *owner, struct proc *p, int status, int signal),
        struct err *e) MUST_USE;

#endif
