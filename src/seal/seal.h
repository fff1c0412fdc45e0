/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One seal (docs/spec/seal.md section 1): its fields, its bytes, its signature. */
#ifndef CUSTOS_SEAL_SEAL_H
#define CUSTOS_SEAL_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/sign.h"
#include "seal/head.h"

#define SEAL_TRACKS_MAX 8
#define SEAL_GAPS_MAX 9
#define SEAL_BYTES_MAX 1536
#define SEAL_UNKNOWN_US INT64_MIN

enum seal_flags { SEAL_FIRST = 1, SEAL_LAST = 2 };
enum seal_gap_cause {
        SEAL_GAP_START = 1,
        SEAL_GAP_CAMERA_LOST,
        SEAL_GAP_FRAMES_DROPPED,
        SEAL_GAP_UNCLEAN_STOP,
        SEAL_GAP_CLOCK_STEP,
        SEAL_GAP_DISK,
        SEAL_GAP_STOPPED,
        SEAL_GAP_OVERLOAD,
        SEAL_GAP_NOT_ASKED, /* as the terms of the recording have it; makes a seal of version 2 */
};
const char *seal_gap_name(unsigned cause); /* "camera lost", ...; "unknown" */

extern const uint8_t seal_user_type[16];

struct seal_track {
        uint32_t id;
        uint64_t decode_time, duration;
        uint32_t samples;
        uint64_t bytes;
        uint8_t hash[32];
};

struct seal_gap {
        uint8_t cause;
        int64_t from_us, to_us;
        uint32_t frames;
};

/* A place in the chain. All zero: before the first. */
struct seal_link {
        uint8_t epoch[16];
        uint64_t sequence;
        uint8_t hash[32];
};

struct seal {
        uint8_t flags;
        char stream[HEAD_PATH_MAX];
        uint8_t epoch[16];
        uint64_t sequence;
        struct seal_link previous;
        uint8_t kid[16];
        uint8_t key_commitment[32];
        uint8_t header_hash[32];
        uint32_t fragment;
        int64_t sealed_us, monotonic_us;
        int64_t first_arrival_us, last_arrival_us, sender_us;
        uint32_t moof_bytes;
        uint8_t moof_hash[32];
        unsigned tracks_n;
        struct seal_track tracks[SEAL_TRACKS_MAX];
        unsigned gaps_n;
        struct seal_gap gaps[SEAL_GAPS_MAX];
        uint8_t signer[32];
        uint8_t signature[SIGN_BYTES];
};

/* Fills signer and signature, and appends the payload (without the box header) to out. Its version
 * is the least that has what is in it. */
int seal_sign(struct seal *s, struct sign_key *key, struct buf *out, struct err *e) MUST_USE;
/* Strict: every byte accounted for. The signature is not checked. */
int seal_parse(struct bytes payload, struct seal *ret, struct err *e) MUST_USE;
bool seal_signature_ok(struct bytes payload, struct verify_key *key);
/* SHA-256 over the payload, as the next seal names it. */
void seal_hash(struct bytes payload, uint8_t ret[static 32]);
struct seal_link seal_link_of(const struct seal *s, struct bytes payload);
bool seal_link_equal(const struct seal_link *a, const struct seal_link *b);
void seal_commit_key(const uint8_t segment_key[static 16], const uint8_t kid[static 16],
        const char *stream, uint8_t ret[static 32]);
/* docs/spec/vault.md section 5. */
void seal_segment_key(
        const uint8_t hour_key[static 32], const uint8_t kid[static 16], uint8_t ret[static 16]);
void seal_hour_key_id(
        const uint8_t hour_key[static 32], const char *stream, uint8_t ret[static 16]);

#endif
