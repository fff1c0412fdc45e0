/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP and SRTCP (RFC 3711, RFC 7714) of one direction of one track, by libsrtp2. Packets go in and
 * come out; where keys come from is not known here (proto/sdp_crypto.h, proto/mikey.h).
 *
 * Receiving: one sender. Its SSRC is given, or is that of the first packet that proves itself, and
 * is fixed from then on; packets of others are refused and change nothing. Nothing comes out that
 * was not authenticated, nothing comes out twice, and a refused packet leaves the session as it
 * was. Sending: packets of one SSRC, in the order in which they are to be sent.
 *
 * libsrtp2 may be built on a crypto library that reads files when it starts (Debian's is on NSS,
 * which loads modules and reads /etc/passwd): a process with a sandbox calls srtp_session_begin
 * before it, and from then on nothing here makes a system call. It is not for several threads at
 * once.
 */
#ifndef CUSTOS_CRYPTO_SRTP_SESSION_H
#define CUSTOS_CRYPTO_SRTP_SESSION_H

#include "crypto/srtp_suite.h"

#define SRTP_SESSION_KEYS_MAX 4
#define SRTP_SESSION_WINDOW 128       /* packets; an older one counts as replayed */
#define SRTP_SESSION_PACKET_MAX 65535 /* as long as an interleaved frame */

struct srtp_session; /* owned */

struct srtp_session_options {
        /* Copied. One, or several of one suite that their MKIs (of one length) tell apart; a sender
         * uses the first. */
        const struct srtp_key *keys;
        unsigned keys_n;
        bool has_ssrc; /* of the sender; a sending session must have it */
        uint32_t ssrc;
        uint32_t roc; /* of the first packet, or of the one before it */
};

struct srtp_session_counters {
        uint64_t packets;         /* that came out, RTP and RTCP */
        uint64_t unauthenticated; /* altered on the way, or under another key */
        uint64_t replayed;        /* seen before, or older than the window */
        uint64_t foreign;         /* of another SSRC, or with an MKI that names no key */
        uint64_t malformed;
};

/* Starts libsrtp2; cheap after the first time, and done by the constructors too. */
void srtp_session_begin(void);

/* ERR_INVALID: no key, several without MKI, an MKI with SHA1_32 (libsrtp2 looks for it at the wrong
 * place in RTCP), or no SSRC to send with. */
int srtp_session_new_receiver(
        const struct srtp_session_options *o, struct srtp_session **ret, struct err *e) MUST_USE;
int srtp_session_new_sender(
        const struct srtp_session_options *o, struct srtp_session **ret, struct err *e) MUST_USE;
struct srtp_session *srtp_session_free(struct srtp_session *s); /* wipes the keys */

/*
 * *ret is borrowed until the next call with this session, and aligned to 8 bytes. ERR_AUTH: a tag
 * does not fit; ERR_DENIED: replayed, another SSRC, or an unknown MKI; ERR_PROTOCOL: not a packet.
 * Each is counted.
 */
int srtp_session_unprotect_rtp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e) MUST_USE;
int srtp_session_unprotect_rtcp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e) MUST_USE;
int srtp_session_protect_rtp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e) MUST_USE;
int srtp_session_protect_rtcp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e) MUST_USE;

/* These keys in place of the old ones; SSRC and packet count go on (ONVIF: the ROC is not reset).
 * An old key that still may come is given again, behind the new ones. */
int srtp_session_rekey(struct srtp_session *s, const struct srtp_key *keys, unsigned keys_n,
        struct err *e) MUST_USE;

/* What a peer that joins now needs to know (MIKEY's map); 0 before the first packet. */
uint32_t srtp_session_roc(const struct srtp_session *s);
enum srtp_suite srtp_session_suite(const struct srtp_session *s);
struct srtp_session_counters srtp_session_counters(const struct srtp_session *s);

#endif
