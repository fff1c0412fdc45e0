/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SRTP protection profiles that are used here, and a master key of one of them. What SDP
 * (RFC 4568 section 6.2, RFC 7714 section 14.2) and MIKEY (proto/mikey.h) say comes down to these.
 * Null ciphers, null authentication, AES-F8 and 192 or 256 bits of AES-CM are not in the table:
 * what is not here is refused by its name.
 */
#ifndef CUSTOS_CRYPTO_SRTP_SUITE_H
#define CUSTOS_CRYPTO_SRTP_SUITE_H

#include "base/secret.h"

enum srtp_suite {
        SRTP_SUITE_NONE,
        SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, /* RFC 3711: the one that every camera has */
        SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, /* a short tag for RTP; RTCP has 80 bits all the same */
        SRTP_SUITE_AEAD_AES_128_GCM,        /* RFC 7714, with the tag of 16 bytes */
        SRTP_SUITE_AEAD_AES_256_GCM,
        SRTP_SUITES,
};

const char *srtp_suite_name(enum srtp_suite s);     /* "AES_CM_128_HMAC_SHA1_80"; "" for NONE */
enum srtp_suite srtp_suite_find(struct bytes name); /* SRTP_SUITE_NONE: not known */
/* The suites of RFC 7714 know no authentication apart from the cipher's own. */
bool srtp_suite_is_aead(enum srtp_suite s);
size_t srtp_suite_key_bytes(enum srtp_suite s);  /* of the master key: 16 or 32 */
size_t srtp_suite_salt_bytes(enum srtp_suite s); /* of the master salt: 14 or 12 */

#define SRTP_MKI_MAX 16
/* RFC 3711 allows 128 bytes of MKI; MIKEY's SPI and every camera seen are at most 4. */
struct srtp_key {
        enum srtp_suite suite;
        struct secret master; /* key, then salt */
        size_t mki_n;         /* 0: packets carry none */
        uint8_t mki[SRTP_MKI_MAX];
};

/* Takes copies. ERR_INVALID where the length of key or salt is not the suite's, or the MKI is too
 * long. */
int srtp_suite_make_key(enum srtp_suite s, struct bytes key, struct bytes salt, struct bytes mki,
        struct srtp_key *ret, struct err *e) MUST_USE;
/* A key of our own, by the random generator; no MKI. */
void srtp_suite_draw_key(enum srtp_suite s, struct srtp_key *ret);
void srtp_suite_wipe_key(struct srtp_key *k);

#endif
