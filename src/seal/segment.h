/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A segment file's layout, read (docs/spec/vault.md sections 2 to 4). Given the bytes of a file,
 * finds the header and each fragment with its seal and says where the form is broken; checks hashes
 * on request. Needs no key. Borrowed views point into the given bytes.
 */
#ifndef CUSTOS_SEAL_SEGMENT_H
#define CUSTOS_SEAL_SEGMENT_H

#include "media/fmp4.h"
#include "seal/seal.h"

#define SEGMENT_ALIGN 4096

/* Bytes of the 'free' box that belongs at that offset, so that what follows begins on a multiple of
 * SEGMENT_ALIGN: 0, or at least 8. */
size_t segment_padding(uint64_t offset);
#define SEGMENT_FRONT_MAX                                                                          \
        (SEGMENT_ALIGN + 7) /* of the 'free' box that may stand in front of a moof */

struct segment_fragment {
        uint64_t offset, end; /* in the file, from the first 'free' or moof to behind the padding */
        struct bytes moof;    /* whole box */
        struct bytes mdat;    /* payload */
        struct bytes seal_payload;
        uint64_t seal_offset;
        struct seal seal;
};

struct segment {
        struct bytes file;
        struct bytes header_bytes; /* ftyp and moov */
        struct fmp4_header header;
        struct head head;
        uint8_t header_hash[32];
        uint64_t index_offset; /* of the index space */
        unsigned fragments_n;
        struct segment_fragment *fragments; /* owned */
        bool closed;                        /* LAST in the last seal, sidx and mfra present */
        uint64_t unsealed_from; /* bytes of the unsealed tail: file.n - unsealed_from; == file.n
                                   when none */
        struct bytes mfra;      /* whole box; empty where there is none */
        /* Form faults in the middle (padding not zero or of another size, unknown box, fragment
         * unreadable but a later one whole): each a place and a text; at most 64 kept, faults_n
         * counts all. */
        unsigned faults_n;
        struct segment_fault {
                uint64_t offset;
                uint64_t end;
                char text[120];
        } faults[64];
};

/* Fails (ERR_CORRUPT) only when the header cannot be read; faults further on are listed in ret. */
int segment_read(struct bytes file, struct segment *ret, struct err *e) MUST_USE;
void segment_done(struct segment *s);
/* The last fragment found is sealed as the last of its segment. */
bool segment_has_last(const struct segment *s);

/* Hashes and lengths of one fragment against its seal, header hash included; not the signature.
 * ERR_CORRUPT names the first part that differs. */
int segment_check_fragment(const struct segment *s, unsigned i, struct err *e) MUST_USE;
/* Index space and mfra as the fragments yield them: FMP4_INDEX_SPACE bytes, then mfra. */
int segment_write_index(const struct segment *s, struct buf *out, struct err *e) MUST_USE;
/* Index space and mfra against that. Both may be empty: in a segment that was not closed they have
 * to be, and behind the LAST seal they are when the writer died before it wrote them. One without
 * the other is ERR_CORRUPT. */
int segment_check_index(const struct segment *s, struct err *e) MUST_USE;
/* Decrypts the bytes of one track of a fragment to out (appended). ERR_AUTH when key is not the
 * committed one. */
int segment_decrypt(const struct segment *s, unsigned i, uint32_t track_id,
        const uint8_t key[static 16], struct buf *out, struct err *e) MUST_USE;

#endif
