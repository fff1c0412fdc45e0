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
#include "vault/chunk_pool.h"

struct tls_client_config;

struct worker {
        struct loop *loop;
        struct chan *parent; /* NULL once it is gone: the worker is finishing */
        struct chunk_pool *pool;
        struct table streams; /* struct worker_stream by path */
        struct table trust;   /* struct tls_client_config by hash of the roots */
        struct timer report, linger;
        struct buf out; /* one message under construction */
};

/* argv: --state DIR --index N [--config FILE]. Returns the exit status. */
int worker_main(int argc, char **argv);

/* For worker_stream. The stream is over: takes it out; ends the process when it is finishing and
 * this was the last. */
void worker_forget(struct worker *w, const char *stream);
/* One configuration per set of roots, shared by its cameras; lives as long as the worker. */
int worker_trust(struct worker *w, struct bytes roots_pem, struct bytes issuer_pem,
        struct tls_client_config **ret, struct err *e) MUST_USE;

#endif
