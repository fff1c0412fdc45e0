/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Work on the files of one volume, a few at a time. The threads of the pool are shared by all
 * volumes: a disk that hangs keeps those it has (FILE_LANE_WIDTH), what else is asked of it waits
 * here, in order, and the other volumes go on.
 *
 * Who asked decides how long that may take: file_lane_cancel takes back at once what has not
 * begun. What the kernel holds cannot be taken back; it ends in its time.
 */
#ifndef CUSTOS_OS_FILE_LANE_H
#define CUSTOS_OS_FILE_LANE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "os/loop.h"

#define FILE_LANE_WIDTH 3 /* of the pool's threads; see sandbox_syscalls */

struct file_lane;
struct file_lane_job;

struct file_lane *file_lane_new(struct loop *l);
/* The struct lives on until its last job has ended. */
struct file_lane *file_lane_free(struct file_lane *lane);

/* As file_write_start, file_set_length_start and file_close_start of os/file.h. The job is good
 * until on_done. Each may overtake another. */
struct file_lane_job *file_lane_write(struct file_lane *lane, int fd, const struct iovec *iov,
        unsigned iov_n, uint64_t offset,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner);
struct file_lane_job *file_lane_set_length(struct file_lane *lane, int fd, uint64_t bytes,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner);
void file_lane_close(struct file_lane *lane, int fd, int64_t length);
/* A job that waits ends here and now: on_done is called from within, with ERR_CANCELLED. One that
 * is under way does no more than the call that the kernel has; its on_done comes when that
 * returns. */
void file_lane_cancel(struct file_lane_job *job);

unsigned file_lane_under_way(const struct file_lane *lane);
unsigned file_lane_waiting(const struct file_lane *lane);

#endif
