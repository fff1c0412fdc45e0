/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker process: some cameras, each from its socket to sealed fragments. It opens nothing:
 * sockets and files come as descriptors from the parent, segment keys and seals from the sealer on
 * a channel per stream. What a hostile camera may take over is this process and nothing else.
 *
 * Descriptor 3 is the channel to the recorder's parent.
 */
#ifndef CUSTOS_RECORDER_WORKER_H
#define CUSTOS_RECORDER_WORKER_H

#include "base/buf.h"
#include "base/table.h"
#include "os/chan.h"
#include "os/file_lane.h"
#include "recorder/message.h"
#include "recorder/worker_load.h"
#include "vault/chunk_pool.h"
#include "vault/unit_queue.h"

struct tls_client_config;
struct grant_trust;

/* What a camera is trusted by, shared by the streams that have the same. */
struct worker_trust {
        struct tls_client_config *config;
        unsigned uses;
        char name[200]; /* hashes of what it was made from */
};

/* Of a volume; they come with its first file and stay. */
struct worker_lane {
        uint32_t volume;
        struct file_lane *lane;
};

struct worker {
        struct loop *loop;
        struct chan *parent; /* NULL once it is gone: the worker is finishing */
        struct chunk_pool *pool;
        struct unit_budget budget; /* of what waits */
        size_t budget_peak;        /* since memory was given back */
        struct worker_lane *lanes;
        unsigned lanes_n;
        struct table streams;            /* struct worker_stream by path */
        struct table trust;              /* struct worker_trust by name */
        struct grant_trust *grant_trust; /* by which watching is granted; NULL: none was read */
        struct timer report, linger, beat;
        int64_t beat_us, second_us; /* boot clock: last ones */
        struct worker_load load;
        struct buf out; /* one message under construction */
};

/* argv: --state DIR --index N [--config FILE]. Returns the exit status. */
int worker_main(int argc, char **argv);

/* For worker_stream. The stream is over: takes it out; ends the process when it is finishing and
 * this was the last. */
void worker_forget(struct worker *w, const char *stream);
struct file_lane *worker_lane(struct worker *w, uint32_t volume);
/* Roots, issuer and revocations of the assignment; given back by worker_trust_drop (NULL: nothing),
 * after the camera that uses it. */
int worker_trust_take(struct worker *w, const struct message_assign *a, struct worker_trust **ret,
        struct err *e) MUST_USE;
void worker_trust_drop(struct worker *w, struct worker_trust *t);

#endif
