/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access units of one stream to sealed fragments in segment files (docs/spec/vault.md sections 2 to
 * 7). Runs in a worker: opens nothing, holds only its current segment key. Keys, files and seals
 * come from its owner as completions, like disk writes; until they come, units wait in a bounded
 * queue, and what exceeds it is dropped by whole groups of pictures and becomes a sealed gap. The
 * encryption is the copy into the fragment's chunks; hashes go along.
 *
 * A disk that fails ends the writer: what is sealed for it can be nowhere else. Lost is the
 * fragment that was being written; what came behind it is handed back, for the next writer.
 */
#ifndef CUSTOS_VAULT_SEGMENT_WRITER_H
#define CUSTOS_VAULT_SEGMENT_WRITER_H

#include "base/log.h"
#include "media/fmp4.h"
#include "os/file_lane.h"
#include "seal/seal.h"
#include "vault/chunk_pool.h"
#include "vault/gap_list.h"
#include "vault/unit_queue.h"

struct segment_writer;

/* A key and a file for the next segment. */
struct segment_writer_grant {
        int fd;                 /* taken */
        uint32_t volume;        /* that the file lies on; its number */
        struct file_lane *lane; /* of that volume; borrowed, outlives the writer */
        bool direct;            /* O_DIRECT: aligned writes only */
        char object_key[HEAD_KEY_MAX];
        uint8_t kid[16], key[16], hour_key_id[16];
};

/* One fragment is in the file (written, not yet synced). */
struct segment_writer_report {
        char object_key[HEAD_KEY_MAX];
        uint64_t offset, end;
        int64_t first_arrival_us, last_arrival_us;
        uint8_t epoch[16];
        uint64_t sequence;
        uint8_t seal_hash[32]; /* as the next seal names it */
        uint32_t fragment;
        uint32_t samples_video;
        bool last; /* the segment is closed after this; end includes mfra */
        unsigned gaps_n;
        struct seal_gap gaps[SEAL_GAPS_MAX]; /* as they were sealed, the sealer's own among them */
};

struct segment_writer_events {
        /* Answer: segment_writer_granted or segment_writer_denied. Asked ahead of need (about 5 s)
         * when a segment nears its end. */
        void (*want_segment)(void *owner, struct segment_writer *w);
        /* request: the worker's part of a seal (docs/spec/seal.md section 2): kid (which of the
         * granted segments), the flags FIRST and LAST, header hash, fragment, times, moof, tracks,
         * gaps; the rest zero. Answer: segment_writer_sealed or _denied. At most one under way. */
        void (*want_seal)(void *owner, struct segment_writer *w, const struct seal *request);
        void (*on_written)(
                void *owner, struct segment_writer *w, const struct segment_writer_report *r);
        /* A seal was refused, or there was no memory for one: the segment is given up; a new one
         * follows at the next key frame. */
        void (*on_fault)(void *owner, struct segment_writer *w, const struct err *why);
        /* A write failed (why->fault says how), or took longer than the patience for it: the writer
         * stops by itself, as by segment_writer_leave of that volume. */
        void (*on_not_written)(void *owner, struct segment_writer *w, const char *object_key,
                const struct err *why);
        /* After segment_writer_stop: all that could be written is written. Or its disk failed
         * (segment_writer_left). */
        void (*on_stopped)(void *owner, struct segment_writer *w);
        /* A granted file was closed with nothing in it: its owner may delete it. May be NULL. */
        void (*on_unused)(void *owner, struct segment_writer *w, const char *object_key);
};

struct segment_writer_options {
        struct loop *loop;
        struct chunk_pool *pool;
        const char *stream;                             /* stream path; copied */
        const char *recorder;                           /* URI; copied */
        struct bytes seal_cert, issuer_cert, root_cert; /* copied */
        int64_t fragment_us;                            /* 200000..2000000 */
        int64_t segment_us;                             /* 2000000..60000000 */
        struct unit_budget *budget; /* for what waits; borrowed, outlives the writer. May be NULL */
        uint32_t patience_ms;       /* with a fragment's write; 0: without end */
};

/* Answers may come from within the want_ callbacks. The writer may be freed from on_stopped and
 * from no other callback. The loop and the pool outlive it until writes that were under way have
 * ended. The first video track is the main one: key frames of it begin segments and fragments;
 * where there is no video, the first of sound is, all of whose frames are key frames. A connection
 * without either is refused by segment_writer_push. */
struct segment_writer *segment_writer_new(const struct segment_writer_options *o,
        const struct segment_writer_events *events, void *owner);
struct segment_writer *segment_writer_free(
        struct segment_writer *w); /* gives up what was not written */

/* A connection begins: the next key frame opens a segment with these tracks. from_us: end of the
 * last recorded frame before, for the gap with the given cause (enum seal_gap_cause),
 * SEAL_UNKNOWN_US where nothing is known. */
struct segment_writer_connection {
        unsigned tracks_n;
        struct media_config tracks[FMP4_TRACKS_MAX];
        uint8_t protection;
        uint16_t tls_version;
        uint8_t camera_key[32];
        int64_t connected_us;
        char source[HEAD_TEXT_MAX];
        unsigned gap_cause;
        int64_t gap_from_us;
        int64_t gap_until_us; /* 0: until its first frame */
        struct gap_list also; /* other gaps before it */
};
void segment_writer_begin(struct segment_writer *w, const struct segment_writer_connection *c);
int segment_writer_push(struct segment_writer *w, unsigned track, const struct access_unit *unit,
        struct err *e) MUST_USE;
/* The connection ended: seals what is there and closes the segment. Another segment_writer_begin
 * may follow at once. */
void segment_writer_end(struct segment_writer *w);
/* As segment_writer_end, then on_stopped. */
void segment_writer_stop(struct segment_writer *w);
/* Units wait for a key, a file, a seal or a write: what can be kept elsewhere better is. */
bool segment_writer_busy(const struct segment_writer *w);
/*
 * This volume is not to be used any more; nothing happens where it has no file of the writer. One
 * with an open segment there gives up what is not written, does nothing more to its files, and
 * stops: on_stopped comes from within. One that only waits with a file there first writes what it
 * has elsewhere, and encrypts nothing new.
 */
void segment_writer_leave(struct segment_writer *w, uint32_t volume);
/* In on_stopped: whether it left, and then the units that the next writer can begin with, from a
 * key frame on, of the connection that is there; moved to q, which has the same budget. */
bool segment_writer_left(const struct segment_writer *w);
void segment_writer_take_back(struct segment_writer *w, struct unit_queue *q);
/* A frame of the main track that its owner leaves out, and why (enum seal_gap_cause). */
void segment_writer_skip(struct segment_writer *w, unsigned cause);
/* Frames of the main track that were dropped for want of memory; rises. */
uint64_t segment_writer_overload(const struct segment_writer *w);
/* Wall clock of the last frame that was handed to a seal, or SEAL_UNKNOWN_US. */
int64_t segment_writer_last_us(const struct segment_writer *w);

/* grant is consumed (fd taken, key wiped). */
void segment_writer_granted(struct segment_writer *w, struct segment_writer_grant *grant);
void segment_writer_sealed(struct segment_writer *w, struct bytes seal_payload);
/* Instead of either. A refused seal: the writer gives the segment up (on_fault), and begins another
 * at the next key frame. A refused segment: it asks again after a second. segment_writer_denied
 * answers whatever is under way. */
void segment_writer_not_sealed(struct segment_writer *w, const struct err *why);
void segment_writer_not_granted(struct segment_writer *w, const struct err *why);
void segment_writer_denied(struct segment_writer *w, const struct err *why);

#endif
