/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a segment writer's owner is, for tests: it makes files in a vault of its own, draws keys,
 * signs seals as docs/spec/seal.md section 2 says, and refuses what that refuses. A test includes
 * vault_owner.c (once a program) behind cmocka.h and links `vault`. Everything aborts where it
 * cannot go on.
 */
#ifndef CUSTOS_TEST_VAULT_OWNER_H
#define CUSTOS_TEST_VAULT_OWNER_H

#include "segment_builder.h"
#include "vault/key_store.h"
#include "vault/segment_writer.h"

#define VAULT_OWNER_SEGMENTS_MAX 256
#define VAULT_OWNER_START_US INT64_C(1795359600000000) /* 2026-11-22T15:00:00Z */
#define VAULT_OWNER_STREAM "lobby-main"

struct vault_owner_segment {
        char object_key[HEAD_KEY_MAX];
        uint8_t kid[16], key[16];
        bool unused;
};

struct vault_owner {
        char dir[64]; /* the vault */
        struct segment_builder_site *site;
        struct loop *loop;
        struct chunk_pool *pool;
        struct file_lane *lane;
        struct unit_budget budget;
        uint32_t patience_ms;   /* of the next writer */
        struct unit_queue back; /* what the last writer handed back */
        struct segment_writer *writer;
        uint8_t private_key[HPKE_PRIVATE_BYTES], public_key[HPKE_PUBLIC_BYTES];
        uint8_t hour_key[32], hour_key_id[16];

        uint8_t epoch[16];
        uint64_t sequence;
        struct seal_link previous;
        int64_t last_arrival_us;
        uint8_t header_hash[32], kid[16];
        uint32_t fragment; /* last sealed */

        int64_t now_us; /* arrival of the next frame */
        unsigned segments_n;
        struct vault_owner_segment segments[VAULT_OWNER_SEGMENTS_MAX];
        unsigned sealed_n, written_n, faults_n, unused_n, stopped_n, refused_n;
        unsigned not_written_n, left_n;
        struct err fault; /* of either */
        char not_written[HEAD_KEY_MAX];
        struct segment_writer_report last_report;

        /* What a test asks for. */
        bool hold_grants, hold_seals; /* no answer */
        bool later;         /* answers come from the loop and not from within the question */
        bool refuse_grants; /* from within the question */
        bool deny_next_seal, break_next_file;
        bool wants_segment; /* a held question */
        struct seal held_request;
        bool wants_seal;
        struct timer answer;
};

struct vault_owner *vault_owner_new(int64_t fragment_us, int64_t segment_us, size_t pool_bytes);
struct vault_owner *vault_owner_free(struct vault_owner *o); /* with the vault's files */
/* A new writer on the same vault, as after a restart of every process: new epoch, new hour key. */
void vault_owner_restart(struct vault_owner *o, int64_t fragment_us, int64_t segment_us);
/* A new writer after the last one left its disk, as the parent's RESEAL makes it: behind what was
 * written, with what was handed back. */
void vault_owner_reseal(struct vault_owner *o, int64_t fragment_us, int64_t segment_us,
        const struct media_config *tracks, unsigned n);
void vault_owner_begin(
        struct vault_owner *o, const struct media_config *tracks, unsigned n, unsigned gap_cause);
/* Runs the loop until all that was sealed is written; at most ms. */
void vault_owner_settle(struct vault_owner *o);
void vault_owner_run_ms(struct vault_owner *o, unsigned ms);
void vault_owner_stop(struct vault_owner *o); /* until on_stopped; frees the writer */
/* Answers a held question. */
void vault_owner_grant(struct vault_owner *o);
void vault_owner_seal(struct vault_owner *o);

/* Segment i, read and mapped; checked to be without faults, each fragment against its seal. */
struct vault_owner_file {
        struct buf bytes;
        struct segment segment;
};
void vault_owner_read(struct vault_owner *o, unsigned i, struct vault_owner_file *ret);
void vault_owner_file_done(struct vault_owner_file *f);
/* Appends the decrypted samples of a track of all segments. */
void vault_owner_decrypt(struct vault_owner *o, uint32_t track_id, struct buf *out);

/* Frames: length-prefixed NAL units of random bytes, a function of the seed. */
extern const struct media_config vault_owner_h264, vault_owner_aac;
void vault_owner_frame(uint64_t seed, bool key, size_t bytes, struct buf *out);

#endif
