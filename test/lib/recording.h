/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recorder in one process, for tests of what is left when it ends: two streams, each with the
 * real segment writer and notary, key files, segment files, a sync each second, the index; and the
 * start of a recorder on what it finds (vault_tail, the index, a new epoch). The clock is the
 * footage's. A test includes recording.c (once a program) behind cmocka.h and links `recorder`.
 *
 * Nothing in here aborts for a fault of the disk: what failed is counted and told.
 */
#ifndef CUSTOS_TEST_RECORDING_H
#define CUSTOS_TEST_RECORDING_H

#include "recorder/notary.h"
#include "vault_owner.h"
#include "vault/index.h"

#define RECORDING_STREAMS 2
#define RECORDING_NAMES 64
#define RECORDING_GROUP 10 /* frames, 40 ms each; a fragment */
#define RECORDING_FRAGMENT_US INT64_C(400000)
#define RECORDING_SEGMENT_US INT64_C(3000000)

struct recording;

struct recording_stream {
        struct recording *recording;
        unsigned number;
        char name[HEAD_PATH_MAX];
        struct segment_writer *writer;
        struct notary notary;
        bool has_notary, begun, stopped, faulted;
        uint8_t hour_key[32], hour_key_id[16];
        char hour[KEY_STORE_HOUR_ROOM];
        struct seal_link found; /* when it was opened; sequence 0: nothing */
        int64_t found_us, last_us;
        char newest[HEAD_KEY_MAX];
        unsigned written_n, syncing_n, sealed_n; /* reports that no sync has covered */
        struct segment_writer_report written[RECORDING_NAMES];
};

struct recording_site {
        struct segment_builder_site *site;
        uint8_t private_key[HPKE_PRIVATE_BYTES], public_key[HPKE_PUBLIC_BYTES];
};
struct recording_site *recording_site_new(void);
struct recording_site *recording_site_free(struct recording_site *s);

struct recording {
        char dir[128]; /* the vault */
        const struct recording_site *site;
        struct loop *loop;
        struct file_lane *lane;
        struct chunk_pool *pool;
        struct index *index;
        int64_t now_us, boot_us;     /* boot_us: what the boot clock says at now_us 0 */
        bool again;                  /* an index was there and fit for use */
        unsigned faults_n, failed_n; /* of writers; of all that failed */
        struct err fault;            /* the last one */
        struct recording_stream streams[RECORDING_STREAMS];
        /* Acknowledged to the notary of a stream; may be NULL. */
        void (*on_durable)(void *owner, const struct recording_stream *s,
                const struct segment_writer_report *r);
        void (*on_frame)(void *owner);
        void *owner;
        uint64_t seed;
};

/* As a recorder starts: mends what is there. Negative: it cannot start (the caller frees). */
int recording_open(struct recording *r, const char *dir, const struct recording_site *site,
        int64_t now_us, struct err *e);
/* The rest of a start: new epochs, keys, writers, cameras connected. */
int recording_begin(struct recording *r, struct err *e);
/* `seconds` of both streams, a sync after each. */
void recording_play(struct recording *r, unsigned seconds);
void recording_run_ms(struct recording *r, unsigned ms); /* of real time: what waits for a timer */
/* A camera is lost and there again. */
void recording_reconnect(struct recording *r, unsigned stream);
/* In order: closes the segments and syncs. */
void recording_stop(struct recording *r);
/* Gives up whatever is under way; the files stay. */
void recording_done(struct recording *r);

const char *recording_stream_name(unsigned number);

#endif
