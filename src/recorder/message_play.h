/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of the messages of playback: parent, player and sealer. As message.h. */
#ifndef CUSTOS_RECORDER_MESSAGE_PLAY_H
#define CUSTOS_RECORDER_MESSAGE_PLAY_H

#include "recorder/message.h"
#include "vault/key_store.h"

/* ftyp and moov of one segment, in a key request. */
#define MESSAGE_PLAY_HEAD_MAX (96u << 10)

/* Under which keys are asked for. */
struct message_key_grant {
        uint8_t use; /* CAPABILITY_PLAYBACK or CAPABILITY_EXPORT */
        char stream[HEAD_PATH_MAX];
        struct bytes token; /* borrowed */
};

/* What a segment's key is asked with; all borrowed. */
struct message_key_ask {
        struct bytes head;     /* ftyp and moov, as they are stored */
        struct bytes seal;     /* payload of one of its seals */
        struct bytes key_file; /* text of the key store's file that the head names */
};

struct message_play {
        char stream[HEAD_PATH_MAX];
        int64_t from_us, until_us;  /* wall, inclusive */
        bool keys_only;             /* fragments that begin with a key frame alone */
        bool export, without_audio; /* the evidence file of it, as it is stored */
        uint64_t credit;            /* bytes */
        struct bytes token;         /* the grant; borrowed */
};

int message_key_grant_pack(
        const struct message_key_grant *m, struct buf *out, struct err *e) MUST_USE;
int message_key_grant_parse(
        struct bytes body, struct message_key_grant *ret, struct err *e) MUST_USE;
int message_key_ask_pack(const struct message_key_ask *m, struct buf *out, struct err *e) MUST_USE;
int message_key_ask_parse(struct bytes body, struct message_key_ask *ret, struct err *e) MUST_USE;
int message_play_pack(const struct message_play *m, struct buf *out, struct err *e) MUST_USE;
int message_play_parse(struct bytes body, struct message_play *ret, struct err *e) MUST_USE;

#endif
