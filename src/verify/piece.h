/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What remains of one segment (a file, or its part of an export) once its bytes were looked at: its
 * seals, small enough to keep for a whole vault, and what was found wrong with it. Pieces are put
 * in order and judged together by line.h.
 */
#ifndef CUSTOS_VERIFY_PIECE_H
#define CUSTOS_VERIFY_PIECE_H

#include "seal/segment.h"
#include "seal/verdict.h"
#include "verify/signers.h"

/* One seal whose signature is good. */
struct piece_seal {
        struct chain_seal chain;
        int64_t first_us, last_us, sealed_us;
        uint64_t offset, end; /* of the fragment in the file */
        uint32_t fragment;
        uint32_t gaps_first;
        uint8_t gaps_n;
        uint8_t flags;
        bool intact; /* its bytes are the sealed ones */
};

struct piece_fault {
        struct verdict_item item;
        unsigned at;     /* stands before seals[at] */
        uint32_t unread; /* fragments that could not be read here; CHAIN_MANY: unknown */
        bool on_tail;    /* the unsealed tail: no fault where the recorder may just be writing */
};

struct piece {
        char file[200]; /* as shown to people */
        char stream[HEAD_PATH_MAX], object_key[HEAD_KEY_MAX];
        enum verdict_kind
                misplaced; /* REORDERED or FOREIGN: not where its object key says; else AUTHENTIC */
        struct signer *signer;      /* borrowed; NULL where the head could not be read */
        enum verdict_kind standing; /* of its unchanged fragments, see signers_standing */
        char standing_text[CHAIN_TEXT_ROOM];
        size_t seals_n, gaps_n, faults_n;
        struct piece_seal *seals;   /* owned */
        struct seal_gap *gaps;      /* owned */
        struct piece_fault *faults; /* owned, in the order of the file */
        bool ends;        /* the seal with LAST is there, or a fault says that the end is missing */
        bool index_wrong; /* faults of sidx and mfra: said only where nothing else is wrong */
        char index_text[120];
        struct buf unproved; /* seals of a file whose header cannot be read: u64 offset, u32 length,
                                payload */
        int64_t named_us;    /* about when it begins, where no seal says so: from its name; or
                                SEAL_UNKNOWN_US */
        uint64_t bytes;
};

/* <stream>/2026-11-22/15/40-01.221Z.0.mp4 to a time; SEAL_UNKNOWN_US where it is none. */
int64_t piece_time_of_key(const char *key);
void piece_init(struct piece *p, const char *file);
void piece_done(struct piece *p);
void piece_add_seal(struct piece *p, const struct seal *s, struct bytes payload, uint64_t offset,
        uint64_t end, bool intact);
/* A seal whose signer is not known yet; piece_prove tries all signers seen and keeps those that are
 * good. */
void piece_add_unproved(struct piece *p, struct bytes payload, uint64_t offset);
void piece_prove(struct piece *p, struct signers *signers);
/* A fault at the end of what was added so far; times unknown. Returned for the caller to complete;
 * valid until the next call. */
struct piece_fault *piece_add_fault(struct piece *p, enum verdict_kind kind, uint64_t offset,
        uint64_t end, const char *fmt, ...) PRINTF(5, 6);
/* The worst that the signer's certificates were at the times when the seals were made. */
void piece_set_standing(struct piece *p, struct signers *signers, const char *recorder);
/* Faults without a time get that of the seals around them. */
void piece_fill_times(struct piece *p);

#endif
