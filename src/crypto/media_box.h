/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media sealed from the process that has them (worker, player) to the one that may see them (a
 * gateway's session): AES-256-GCM under a key that is made for one stream and one session, and
 * wrapped by HPKE to the session's public key (docs/design/grants.md, docs/spec/link.md section 8).
 * Nonce: 4 bytes of zero and the message's number, from 0, which never repeats under a key; what is
 * authenticated besides is the caller's (the message's clear header). Pure; one thread.
 */
#ifndef CUSTOS_CRYPTO_MEDIA_BOX_H
#define CUSTOS_CRYPTO_MEDIA_BOX_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hpke.h"

#define MEDIA_BOX_KEY_BYTES 32
#define MEDIA_BOX_TAG_BYTES 16
#define MEDIA_BOX_WRAP_BYTES (HPKE_PUBLIC_BYTES + MEDIA_BOX_KEY_BYTES + HPKE_TAG_BYTES)
#define MEDIA_BOX_PARTS_MAX 8
/* Of one key (the bounds of RFC 9001 appendix B hold by far for messages of link.md section 8): a
 * year of a hundred a second. */
#define MEDIA_BOX_MESSAGES_MAX (UINT64_C(1) << 32)

struct media_box; /* owned */

/* A sender's, with a fresh key; context binds stream and grant (HPKE's aad). ret_wrap goes to the
 * receiver. */
int media_box_seal_new(const uint8_t session[static HPKE_PUBLIC_BYTES], struct bytes context,
        struct media_box **ret, uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES],
        struct err *e) MUST_USE;
/* A sender's key once more for the same session, under another grant. */
int media_box_wrap(const struct media_box *b, struct bytes context,
        uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES], struct err *e) MUST_USE;
/* A receiver's. ERR_AUTH where the wrap is for another session or context. */
int media_box_open_new(const uint8_t private_key[static HPKE_PRIVATE_BYTES], struct bytes context,
        const uint8_t wrap[static MEDIA_BOX_WRAP_BYTES], struct media_box **ret,
        struct err *e) MUST_USE;
struct media_box *media_box_free(struct media_box *b); /* wipes */
void media_box_freep(struct media_box **b);

/* Of the next message that is sealed: for the header that goes into aad. */
uint64_t media_box_next(const struct media_box *b);
/* Something is left out: it takes a number, so that the hole shows. */
void media_box_skip(struct media_box *b);
/* Appends ciphertext and tag of the next message. parts: at most MEDIA_BOX_PARTS_MAX, taken one
 * behind the other. ERR_EXHAUSTED at MEDIA_BOX_MESSAGES_MAX, or where out has no room: then its
 * number was not used. */
int media_box_seal(struct media_box *b, struct bytes aad, const struct bytes *parts,
        unsigned parts_n, struct buf *out, struct err *e) MUST_USE;
/* ERR_AUTH; ERR_STATE where the number is not above the last one opened (messages may be left out,
 * none comes twice). Appends the plain text. */
int media_box_open(struct media_box *b, uint64_t number, struct bytes aad, struct bytes sealed,
        struct buf *out, struct err *e) MUST_USE;

#endif
