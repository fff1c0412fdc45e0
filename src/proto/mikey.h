/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MIKEY messages (RFC 3830) that carry SRTP keys inside something that already protects them, as
 * ONVIF's streaming specification uses them (section "MIKEY"): a pre-shared-key message whose
 * KEMAC is not encrypted, since RTSP runs over TLS. Parsed as cameras and GStreamer send them,
 * formatted for a SETUP with keys of our own and for our own server.
 *
 * Understood: common header with an SRTP-ID map, T, RAND, ID, SP, general extensions, KEMAC with
 * null encryption (its MAC, if any, cannot be checked: there is no shared secret), TEK and TEK+SALT
 * with or without an SPI (the MKI of SRTP). Refused by name: the other envelopes (public key,
 * Diffie-Hellman), encrypted KEMAC, TGK (a secret to derive from, which ONVIF does not use), and
 * policies that are not one of crypto/srtp_suite.h. What a policy leaves out is SRTP's default.
 *
 * A message holds keys: whoever takes one has to know that it came over TLS, and none of it goes to
 * a log. Not here: base64 and header fields around it (proto/key_mgmt.h).
 */
#ifndef CUSTOS_PROTO_MIKEY_H
#define CUSTOS_PROTO_MIKEY_H

#include "base/buf.h"
#include "crypto/srtp_suite.h"

#define MIKEY_MESSAGE_MAX 2048
#define MIKEY_STREAMS_MAX 16
#define MIKEY_KEYS_MAX 4
#define MIKEY_RAND_BYTES 16

/* One crypto session. An SSRC of 0 is not known yet: its sender chooses it (RFC 3830 section
 * 6.1.1). */
struct mikey_stream {
        uint32_t ssrc, roc;
};

struct mikey {
        uint32_t csb_id;
        unsigned streams_n; /* 0: the message names none */
        struct mikey_stream streams[MIKEY_STREAMS_MAX];
        unsigned keys_n;
        struct srtp_key keys[MIKEY_KEYS_MAX]; /* for each of the streams; of one suite */
};

/* ERR_PROTOCOL: not MIKEY. ERR_INVALID: what is not understood here, by name. On success the caller
 * owes mikey_done. */
int mikey_parse(struct bytes message, struct mikey *ret, struct err *e) MUST_USE;

/*
 * Appends a message. ntp: the time of day in NTP's format (RFC 3830 section 6.6). random: for the
 * RAND payload. The suites of AES_CM get TEK with the salt behind the key, those of GCM TEK+SALT
 * (ONVIF). Each key's MKI becomes its SPI.
 */
int mikey_format(const struct mikey *m, uint64_t ntp, const uint8_t random[static MIKEY_RAND_BYTES],
        struct buf *out, struct err *e) MUST_USE;

void mikey_done(struct mikey *m); /* wipes the keys */

#endif
