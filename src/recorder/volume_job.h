/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request of the parent to a volume, from its message to its answer. Parsing checks every name:
 * what volume_work is given is of the right form. Pure but for _run.
 */
#ifndef CUSTOS_RECORDER_VOLUME_JOB_H
#define CUSTOS_RECORDER_VOLUME_JOB_H

#include "recorder/volume_work.h"

#define VOLUME_JOB_NAMES_MAX 64 /* of one MESSAGE_VOLUME_REMOVE */

struct volume_job {
        uv_work_t work; /* the caller's, as next and owner */
        struct volume_job *next;
        void *owner;

        uint16_t type; /* MESSAGE_VOLUME_FILE.._SESSION */
        uint32_t id;
        char stream[HEAD_PATH_MAX];
        char name[HEAD_KEY_MAX]; /* object key, key file, or a lock's id */
        struct buf text;
        int64_t wall_us;
        bool bounded, alone;
        struct seal_link bound, durable;
        unsigned names_n;
        char (*names)[HEAD_KEY_MAX];
        uint8_t session[16];

        int result;
        struct err err; /* with what it says about the volume */
        struct volume_work_file file;
        struct message_volume_tail tail;
};

/* ERR_PROTOCOL for another form, or for a name that no honest parent would send. */
int volume_job_parse(
        uint16_t type, struct bytes body, struct volume_job **ret, struct err *e) MUST_USE;
struct volume_job *volume_job_free(struct volume_job *j);
/* Blocks, in the pool. dir_fd: the volume, which is the working directory. */
void volume_job_run(struct volume_job *j, struct volume_work *w, int dir_fd);
/* Of a job that has run: the answer's type and body. */
uint16_t volume_job_answer(const struct volume_job *j, struct buf *out);

#endif
