/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of the messages between parent, supervisor, volumes and scrubber. As message.h. */
#ifndef CUSTOS_RECORDER_MESSAGE_VOLUME_H
#define CUSTOS_RECORDER_MESSAGE_VOLUME_H

#include "recorder/message.h"
#include "vault/volume.h"

struct message_volume_start {
        uint32_t number;
        char path[VOLUME_PATH_MAX];
        bool claim; /* make it a volume of this name; where it is none yet */
        char name[VOLUME_NAME_MAX];
};

/* Sent when a look at the volume has ended: a disk that hangs is a state that does not come. */
struct message_volume_state {
        bool readable;                    /* identity is what volume.json says */
        struct volume_identity identity;  /* as found; zeros when not readable */
        uint8_t fault;                    /* enum fault; FAULT_NONE: it can be written to */
        char text[ERR_TEXT_BYTES];        /* particulars of the fault */
        uint64_t total_bytes, free_bytes; /* free: for this user */
        char device[64];                  /* "8:17 ext4": what lies there, for people */
};

/* As vault_tail. */
struct message_volume_tail {
        bool empty;
        char object_key[HEAD_KEY_MAX];
        struct seal_link last;
        int64_t last_arrival_us;
        uint64_t bytes, cut_bytes;
        uint32_t fragments;
        bool closed;
        int64_t first_arrival_us; /* of the segment's first seal */
        bool damaged;
};

struct message_scrub {
        uint32_t id;
        char stream[HEAD_PATH_MAX], object_key[HEAD_KEY_MAX]; /* what the file has to be */
        uint64_t bytes_a_second;
        uint8_t last_hash[32]; /* of its last seal, as the index knows; zeros: unknown */
};

struct message_scrubbed {
        uint32_t id;
        uint64_t bytes;
        uint8_t verdict; /* enum verdict_kind: AUTHENTIC, or the first fault */
        int64_t at_us;   /* arrival of the first frame of the fragment with it; or unknown */
        char text[ERR_TEXT_BYTES]; /* empty when nothing is wrong */
};

int message_volume_start_pack(
        const struct message_volume_start *m, struct buf *out, struct err *e) MUST_USE;
int message_volume_start_parse(
        struct bytes body, struct message_volume_start *ret, struct err *e) MUST_USE;
int message_volume_state_pack(
        const struct message_volume_state *m, struct buf *out, struct err *e) MUST_USE;
int message_volume_state_parse(
        struct bytes body, struct message_volume_state *ret, struct err *e) MUST_USE;
int message_volume_tail_pack(
        uint32_t id, const struct message_volume_tail *m, struct buf *out, struct err *e) MUST_USE;
int message_volume_tail_parse(struct bytes body, uint32_t *ret_id, struct message_volume_tail *ret,
        struct err *e) MUST_USE;
int message_scrub_pack(const struct message_scrub *m, struct buf *out, struct err *e) MUST_USE;
int message_scrub_parse(struct bytes body, struct message_scrub *ret, struct err *e) MUST_USE;
int message_scrubbed_pack(
        const struct message_scrubbed *m, struct buf *out, struct err *e) MUST_USE;
int message_scrubbed_parse(struct bytes body, struct message_scrubbed *ret, struct err *e) MUST_USE;

#endif
