/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/file_lane.h"

#include <stdlib.h>

#include "os/file.h"

enum file_lane_kind { FILE_LANE_WRITE, FILE_LANE_SET_LENGTH, FILE_LANE_CLOSE };

struct file_lane_job {
        struct file_lane *lane;
        struct file_lane_job *next;
        struct file_work *work; /* NULL: it waits */
        enum file_lane_kind kind;
        int fd;
        const struct iovec *iov;
        unsigned iov_n;
        uint64_t offset;
        int64_t length;
        void (*on_done)(void *owner, int result, const struct err *e); /* NULL: nobody asks */
        void *owner;
};

struct file_lane {
        struct loop *loop;
        struct file_lane_job *head, **tail; /* those that wait */
        unsigned under_way, waiting;
        bool freed;
};

struct file_lane *file_lane_new(struct loop *l)
{
        struct file_lane *lane = xcalloc(1, sizeof *lane);

        lane->loop = l;
        lane->tail = &lane->head;
        return lane;
}

static void file_lane_forget(struct file_lane *lane)
{
        if (lane->freed && lane->under_way + lane->waiting == 0)
                free(lane);
}

struct file_lane *file_lane_free(struct file_lane *lane)
{
        if (lane) {
                lane->freed = true;
                file_lane_forget(lane);
        }
        return NULL;
}

static void file_lane_on_done(void *owner, int result, const struct err *e);

static void file_lane_begin(struct file_lane *lane, struct file_lane_job *job)
{
        struct loop *l = lane->loop;

        lane->under_way++;
        switch (job->kind) {
        case FILE_LANE_WRITE:
                job->work = file_write_start(
                        l, job->fd, job->iov, job->iov_n, job->offset, file_lane_on_done, job);
                break;
        case FILE_LANE_SET_LENGTH:
                job->work = file_set_length_start(l, job->fd, job->offset, file_lane_on_done, job);
                break;
        case FILE_LANE_CLOSE:
                job->work = file_close_start(l, job->fd, job->length, file_lane_on_done, job);
                break;
        }
}

static struct file_lane_job *file_lane_take(struct file_lane *lane)
{
        struct file_lane_job *job = lane->head;

        lane->head = job->next;
        if (!lane->head)
                lane->tail = &lane->head;
        lane->waiting--;
        return job;
}

static void file_lane_on_done(void *owner, int result, const struct err *e)
{
        struct file_lane_job *job = owner;
        struct file_lane *lane = job->lane;

        /* The next one first: the owner may ask for more. */
        lane->under_way--;
        if (lane->head)
                file_lane_begin(lane, file_lane_take(lane));
        if (job->on_done)
                job->on_done(job->owner, result, e);
        free(job);
        file_lane_forget(lane);
}

static struct file_lane_job *file_lane_add(
        struct file_lane *lane, const struct file_lane_job *asked)
{
        struct file_lane_job *job = xcalloc(1, sizeof *job);

        *job = *asked;
        job->lane = lane;
        if (lane->under_way < FILE_LANE_WIDTH) {
                file_lane_begin(lane, job);
                return job;
        }
        *lane->tail = job;
        lane->tail = &job->next;
        lane->waiting++;
        return job;
}

struct file_lane_job *file_lane_write(struct file_lane *lane, int fd, const struct iovec *iov,
        unsigned iov_n, uint64_t offset,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_lane_job job = { .kind = FILE_LANE_WRITE,
                .fd = fd,
                .iov = iov,
                .iov_n = iov_n,
                .offset = offset,
                .on_done = on_done,
                .owner = owner };

        return file_lane_add(lane, &job);
}

struct file_lane_job *file_lane_set_length(struct file_lane *lane, int fd, uint64_t bytes,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_lane_job job = { .kind = FILE_LANE_SET_LENGTH,
                .fd = fd,
                .offset = bytes,
                .on_done = on_done,
                .owner = owner };

        return file_lane_add(lane, &job);
}

void file_lane_close(struct file_lane *lane, int fd, int64_t length)
{
        struct file_lane_job job = { .kind = FILE_LANE_CLOSE, .fd = fd, .length = length };

        (void)file_lane_add(lane, &job);
}

void file_lane_cancel(struct file_lane_job *job)
{
        struct file_lane *lane = job->lane;
        struct file_lane_job **at = &lane->head;
        struct err e;

        if (job->work) {
                file_work_stop(job->work);
                return;
        }
        while (*at != job)
                at = &(*at)->next;
        *at = job->next;
        if (lane->tail == &job->next)
                lane->tail = at;
        lane->waiting--;
        int r = err_set(&e, ERR_CANCELLED, "the write was given up before it began");
        if (job->on_done)
                job->on_done(job->owner, r, &e);
        free(job);
        file_lane_forget(lane);
}

unsigned file_lane_under_way(const struct file_lane *lane)
{
        return lane->under_way;
}

unsigned file_lane_waiting(const struct file_lane *lane)
{
        return lane->waiting;
}
