/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of SRTP in a description (RFC 4568, "SDP security descriptions"; RFC 7714 section 14.2):
 *
 *     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64(key||salt)|2^31|1:4 WSH=128
 *
 * and how to show a description without them. A line is of use only where the description came over
 * TLS: that is the caller's to know.
 */
#ifndef CUSTOS_PROTO_SDP_CRYPTO_H
#define CUSTOS_PROTO_SDP_CRYPTO_H

#include "base/buf.h"
#include "crypto/srtp_suite.h"

#define SDP_CRYPTO_KEYS_MAX 4

struct sdp_crypto {
        uint32_t tag;
        unsigned keys_n;
        struct srtp_key keys[SDP_CRYPTO_KEYS_MAX]; /* of one suite */
};

/*
 * The value of one a=crypto. ERR_PROTOCOL: malformed. ERR_INVALID: a suite or a parameter that is
 * not taken, by name: the next line may do. Among them all that switches encryption or
 * authentication off, and a key derivation rate. A key's lifetime is passed over (libsrtp2 ends a
 * key after 2^48 packets), and so is the hint of a window. The text of an error holds no key. On
 * success the caller owes sdp_crypto_done.
 */
int sdp_crypto_parse(struct bytes value, struct sdp_crypto *ret, struct err *e) MUST_USE;
/* Appends such a value, for struct sdp_media. */
int sdp_crypto_format(const struct sdp_crypto *c, struct buf *out, struct err *e) MUST_USE;
void sdp_crypto_done(struct sdp_crypto *c); /* wipes the keys */

/*
 * Appends text with every key replaced by "...": the values of a=crypto, a=key-mgmt and k= in a
 * description, of the KeyMgmt header in a message, of mikey in its parameters; what stands before
 * the key (a suite, a protocol) stays. Other lines are left as they are. For whatever is logged or
 * printed of a dialogue.
 */
int sdp_crypto_redact(struct bytes text, struct buf *out, struct err *e) MUST_USE;

#endif
