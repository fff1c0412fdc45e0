/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor: starts every process of the embedded default, ties their channels together, and
 * restarts what dies. It holds no key, no camera and no footage; it touches the state directory
 * only to lock it. Started by root, it starts each role as that role's own user, and stays root
 * itself: nothing comes to it but the parent's few messages.
 *
 * Who talks to whom (each line a socket pair, made here):
 *     supervisor - parent                              new channels travel over this one
 *     parent - worker (each), parent - sealer, parent - connector, parent - scrubber
 *     parent - volume (each that the parent wants)
 *     supervisor - manager                             its porter's channel travels over this one
 *     supervisor - gateway                             likewise
 *     parent - porter, manager - porter, gateway - porter
 * Manager and recorder talk by their porters, on one host as on several. Seal channels (worker -
 * sealer) are made by the parent, one for each stream.
 *
 * When the parent dies, the others of the recorder finish and end by themselves, and all begin
 * again; so do manager or gateway and porter when that one dies; any other process is replaced
 * alone. The role's lock in the state directory is held by every process of it, so that a new
 * supervisor waits for the orphans of one that was killed; but not by those of volumes and the
 * scrubber, for which a disk that hangs is no end: a volume has a lock of its own. One that ends
 * with 0 is begun again at once; it makes its directory a volume in its first start alone.
 */
#ifndef CUSTOS_RUN_SUPERVISOR_H
#define CUSTOS_RUN_SUPERVISOR_H

#include <stdbool.h>

#include "base/err.h"
#include "os/loop.h"
#include "trust/role_users.h"

#define SUPERVISOR_WORKERS_MAX 64

struct supervisor;

struct supervisor_options {
        const char *state;  /* directory */
        const char *config; /* file, or NULL */
        unsigned workers;   /* 0: one for each core */
        bool run_manager, run_recorder, run_gateway;
        /* Borrowed; of a role that is run. */
        int manager_lock_fd, recorder_lock_fd, gateway_lock_fd;
        bool scrub; /* a scrubber too */
        /* Each role as its own user; NULL: all as this process. Borrowed. */
        const struct role_users *users;
};

struct supervisor *supervisor_new(struct loop *l, const struct supervisor_options *o);
/* Ends what still runs, by SIGKILL. */
struct supervisor *supervisor_free(struct supervisor *s);
/* Everything is started; a process that cannot be started is tried again. */
void supervisor_start(struct supervisor *s);
/* Orderly: on_stopped is called when every process has ended (after 8 s at the latest). */
void supervisor_stop(struct supervisor *s, void (*on_stopped)(void *owner), void *owner);
/* A further process beside the roles (the demo's cameras), restarted like them; args are borrowed.
 */
void supervisor_add(struct supervisor *s, const char *name, const char *const *args);

#endif
