/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One segment file being written (docs/spec/vault.md sections 2, 3 and 6): its header, where the
 * next fragment goes, the index. Owns the descriptor, which it was given; opens nothing. Counted:
 * the writer and each fragment that goes into it hold it, so that the descriptor stays open while a
 * write is under way.
 */
#ifndef CUSTOS_VAULT_SEGMENT_FILE_H
#define CUSTOS_VAULT_SEGMENT_FILE_H

#include "media/fmp4.h"
#include "os/file_lane.h"
#include "seal/head.h"
#include "vault/fragment.h"

struct segment_file {
        unsigned refs;
        int fd;
        uint32_t volume;
        struct file_lane *lane; /* of the volume; borrowed */
        bool direct;
        bool left; /* given up with its volume: nothing is done to it any more */
        char object_key[HEAD_KEY_MAX];
        uint8_t kid[16];
        uint8_t *header; /* aligned: ftyp, moov, index space, padding */
        size_t header_n, index_offset;
        uint8_t header_hash[32];
        bool header_written;
        uint32_t timescale; /* of track 1 */
        uint64_t end;       /* where the next fragment goes; with the last one, where mfra begins */
        uint64_t written;   /* all before is in the file */
        size_t mfra_n;      /* of the last write */
        unsigned entries_n;
        struct fmp4_index_entry entries[FMP4_FRAGMENTS_MAX];
};

struct segment_writer_grant;

/* Takes the grant's fd, also on failure. header: tracks and KID; its head is made from head. */
int segment_file_new(const struct segment_writer_grant *g, const struct head *head,
        struct fmp4_header *header, struct segment_file **ret, struct err *e) MUST_USE;
struct segment_file *segment_file_ref(struct segment_file *f);
struct segment_file *segment_file_unref(struct segment_file *f); /* closes with the last */

/*
 * Writes a sealed fragment of f->file by its lane: with the header where it is the first; where its
 * seal is the last one also mfra, the exact length and the index space. One write at a time a file.
 * on_done gets the fragment back (owned).
 */
struct segment_write;
struct segment_write *segment_file_write(struct fragment *f,
        void (*on_done)(void *owner, struct fragment *f, int result, const struct err *e),
        void *owner);
/* on_done will not be called. What waits for the lane is freed at once, what the kernel holds when
 * that lets go (at most FILE_LANE_WIDTH writes a volume). */
void segment_file_abandon(struct segment_write *w);

#endif
