/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is to be seen of a volume: whether it is still what lies at its path, who it says it is,
 * whether it is ours to write to, how much room there is, and, where it was in trouble, whether a
 * block can be written and synced. Everything here blocks.
 *
 * Opening makes the volume the working directory of the process. Nothing is written to a directory
 * that has no identity: the mount point of a disk that is not mounted is a directory of another.
 */
#ifndef CUSTOS_RECORDER_VOLUME_WATCH_H
#define CUSTOS_RECORDER_VOLUME_WATCH_H

#include <sys/types.h>

#include "recorder/message_volume.h"

struct volume_watch {
        char path[VOLUME_PATH_MAX];
        int dir_fd; /* -1: it could not be opened; from then on only its coming is noticed */
        int lock_fd;
        bool locked;
        dev_t dev;
        ino_t ino;
        struct err not_open;
};

struct volume_watch_look {
        struct message_volume_state state;
        /* The path leads to another directory now, or to the first: this process, whose rules and
         * descriptors stay with what lay there, has to begin again. */
        bool moved;
};

/* Where it cannot be opened, the reason is in every look. */
void volume_watch_open(struct volume_watch *w, const char *path);
void volume_watch_close(struct volume_watch *w);
/* probe: a segment's room is set aside, a block is written, synced and removed. */
void volume_watch_look(struct volume_watch *w, bool probe, struct volume_watch_look *ret);

#endif
