/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/srtp_session.h"

#include <stdio.h>
#include <stdlib.h>

#include <srtp2/srtp.h>

#include "base/pack.h"

/* 16 bytes of tag, 4 of SRTCP index, the MKI; libsrtp2 asks for this much behind a packet. */
#define TRAILER_MAX SRTP_MAX_TRAILER_LEN
#define RTP_HEAD 12
#define RTCP_HEAD 8

struct srtp_session {
        srtp_t context; /* NULL: a receiver that does not know its sender yet */
        srtp_t filter;  /* until then, for any sender: making a context is dear, and many may try */
        bool has_ssrc;
        bool rtp_began; /* the ROC is libsrtp2's to count from now on */
        uint32_t ssrc, roc;
        unsigned keys_n;
        struct srtp_key keys[SRTP_SESSION_KEYS_MAX];
        uint8_t *room; /* of the packet in work; calloc aligns it */
        size_t room_n;
        struct srtp_session_counters counters;
};

/* ---- the library ---- */

static void must(srtp_err_status_t status, const char *what)
{
        if (status == srtp_err_status_ok)
                return;
        fprintf(stderr, "custos: libsrtp2: %s failed (%d)\n", what, (int)status);
        abort();
}

static void set_policy(enum srtp_suite suite, srtp_policy_t *p)
{
        switch (suite) {
        case SRTP_SUITE_AES_CM_128_HMAC_SHA1_32:
                srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p->rtp);
                /* RFC 4568 section 6.2.2: RTCP has the long tag all the same. */
                srtp_crypto_policy_set_rtcp_default(&p->rtcp);
                break;
        case SRTP_SUITE_AEAD_AES_128_GCM:
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtcp);
                break;
        case SRTP_SUITE_AEAD_AES_256_GCM:
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtcp);
                break;
        default:
                srtp_crypto_policy_set_rtp_default(&p->rtp);
                srtp_crypto_policy_set_rtcp_default(&p->rtcp);
                break;
        }
}

/* The crypto library below ends with the last context and would start anew, with its files, at the
 * next one: so one context of each kind of cipher stays for good. */
void srtp_session_begin(void)
{
        static srtp_t kept[2];
        static const enum srtp_suite suites[] = { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                SRTP_SUITE_AEAD_AES_128_GCM };
        uint8_t zeros[64] = { 0 };

        if (kept[0])
                return;
        must(srtp_init(), "its start");
        for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
                srtp_policy_t p = { .ssrc = { ssrc_any_outbound, 0 }, .key = zeros };
                uint32_t packet[(RTP_HEAD + TRAILER_MAX) / 4 + 1] = { 0 };
                int n = RTP_HEAD;

                set_policy(suites[i], &p);
                must(srtp_create(&kept[i], &p), "its first context");
                /* What is looked up at the first use is looked up now. */
                memcpy(packet, "\x80", 1);
                must(srtp_protect(kept[i], packet, &n), "its first packet");
        }
}

/* ---- one session ---- */

static int check_keys(const struct srtp_key *keys, unsigned n, struct err *e)
{
        if (n == 0 || n > SRTP_SESSION_KEYS_MAX)
                return err_set(e, ERR_INVALID, "SRTP: %u keys, 1 to %d", n, SRTP_SESSION_KEYS_MAX);
        for (unsigned i = 0; i < n; i++) {
                if (keys[i].suite == SRTP_SUITE_NONE || keys[i].suite != keys[0].suite)
                        return err_set(e, ERR_INVALID, "SRTP: keys of different suites");
                if (keys[i].mki_n != keys[0].mki_n || keys[i].mki_n > SRTP_MKI_MAX ||
                        (n > 1 && keys[i].mki_n == 0))
                        return err_set(e, ERR_INVALID,
                                "SRTP: %u keys that no MKI of one length tells apart", n);
                if (keys[i].mki_n && keys[i].suite == SRTP_SUITE_AES_CM_128_HMAC_SHA1_32)
                        return err_set(e, ERR_INVALID, "SRTP: an MKI with %s is not supported",
                                srtp_suite_name(keys[i].suite));
        }
        return 0;
}

struct policy {
        srtp_policy_t p;
        srtp_master_key_t keys[SRTP_SESSION_KEYS_MAX], *list[SRTP_SESSION_KEYS_MAX];
};

static void fill_policy(struct srtp_session *s, srtp_ssrc_t sender, struct policy *to)
{
        *to = (struct policy){ .p = { .ssrc = sender,
                                       .keys = to->list,
                                       .num_master_keys = s->keys_n,
                                       .window_size = SRTP_SESSION_WINDOW } };
        set_policy(s->keys[0].suite, &to->p);
        for (unsigned i = 0; i < s->keys_n; i++) {
                to->keys[i] = (srtp_master_key_t){ s->keys[i].master.p, s->keys[i].mki,
                        (unsigned)s->keys[i].mki_n };
                to->list[i] = &to->keys[i];
        }
}

static srtp_t open_context(struct srtp_session *s, srtp_ssrc_t sender)
{
        struct policy p;
        srtp_t context;

        fill_policy(s, sender, &p);
        must(srtp_create(&context, &p.p), "a context");
        return context;
}

static srtp_t open_for(struct srtp_session *s, uint32_t ssrc)
{
        srtp_t context = open_context(s, (srtp_ssrc_t){ ssrc_specific, ssrc });

        must(srtp_set_stream_roc(context, ssrc, s->roc), "setting the ROC");
        return context;
}

static void close_context(srtp_t context)
{
        if (context)
                (void)srtp_dealloc(context);
}

static int make(const struct srtp_session_options *o, struct srtp_session **ret, struct err *e)
{
        int r = check_keys(o->keys, o->keys_n, e);

        if (r < 0)
                return r;
        srtp_session_begin();
        struct srtp_session *s = xcalloc(1, sizeof *s);
        s->has_ssrc = o->has_ssrc;
        s->ssrc = o->ssrc;
        s->roc = o->roc;
        s->keys_n = o->keys_n;
        memcpy(s->keys, o->keys, o->keys_n * sizeof s->keys[0]);
        if (o->has_ssrc)
                s->context = open_for(s, s->ssrc);
        *ret = s;
        return 0;
}

int srtp_session_new_receiver(
        const struct srtp_session_options *o, struct srtp_session **ret, struct err *e)
{
        return make(o, ret, e);
}

int srtp_session_new_sender(
        const struct srtp_session_options *o, struct srtp_session **ret, struct err *e)
{
        if (!o->has_ssrc)
                return err_set(e, ERR_INVALID, "SRTP: no SSRC to send with");
        return make(o, ret, e);
}

struct srtp_session *srtp_session_free(struct srtp_session *s)
{
        if (!s)
                return NULL;
        close_context(s->context);
        close_context(s->filter);
        for (unsigned i = 0; i < s->keys_n; i++)
                srtp_suite_wipe_key(&s->keys[i]);
        free(s->room);
        free(s);
        return NULL;
}

int srtp_session_rekey(
        struct srtp_session *s, const struct srtp_key *keys, unsigned keys_n, struct err *e)
{
        struct policy p;
        int r = check_keys(keys, keys_n, e);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < s->keys_n; i++)
                srtp_suite_wipe_key(&s->keys[i]);
        memcpy(s->keys, keys, keys_n * sizeof s->keys[0]);
        s->keys_n = keys_n;
        close_context(s->filter);
        s->filter = NULL;
        if (s->context) {
                fill_policy(s, (srtp_ssrc_t){ ssrc_specific, s->ssrc }, &p);
                must(srtp_update(s->context, &p.p), "a change of keys");
                if (!s->rtp_began)
                        must(srtp_set_stream_roc(s->context, s->ssrc, s->roc), "setting the ROC");
        }
        return 0;
}

/* ---- packets ---- */

static void load(struct srtp_session *s, struct bytes packet)
{
        size_t n = packet.n + TRAILER_MAX;

        if (s->room_n < n) {
                free(s->room);
                s->room_n = n < 2048 ? 2048 : n;
                s->room = xcalloc(1, s->room_n);
        }
        memcpy(s->room, packet.p, packet.n);
}

static size_t trailer_bytes(const struct srtp_session *s, bool rtcp)
{
        enum srtp_suite suite = s->keys[0].suite;
        size_t tag = srtp_suite_is_aead(suite)                              ? 16
                     : suite == SRTP_SUITE_AES_CM_128_HMAC_SHA1_32 && !rtcp ? 4
                                                                            : 10;

        return tag + s->keys[0].mki_n + (rtcp ? 4 : 0);
}

static int refuse(struct srtp_session *s, srtp_err_status_t status, struct err *e)
{
        switch (status) {
        case srtp_err_status_auth_fail:
        case srtp_err_status_cipher_fail: /* the tag of the AEAD suites */
                s->counters.unauthenticated++;
                return err_set(e, ERR_AUTH,
                        "SRTP: a packet does not authenticate: altered on the way, or under "
                        "another key");
        case srtp_err_status_replay_fail:
        case srtp_err_status_replay_old:
        case srtp_err_status_pkt_idx_old:
                s->counters.replayed++;
                return err_set(e, ERR_DENIED, "SRTP: a packet was replayed, or is too old");
        case srtp_err_status_bad_mki:
                s->counters.foreign++;
                return err_set(
                        e, ERR_DENIED, "SRTP: a packet names a key (MKI) that was not given");
        case srtp_err_status_key_expired:
                return err_set(e, ERR_EXHAUSTED, "SRTP: the key's life is over");
        default:
                s->counters.malformed++;
                return err_set(e, ERR_PROTOCOL, "SRTP: not a packet (%d)", (int)status);
        }
}

static srtp_err_status_t open_packet(
        struct srtp_session *s, srtp_t context, struct bytes packet, bool rtcp, int *n)
{
        unsigned mki = s->keys[0].mki_n > 0;

        load(s, packet);
        *n = (int)packet.n;
        return rtcp ? srtp_unprotect_rtcp_mki(context, s->room, n, mki)
                    : srtp_unprotect_mki(context, s->room, n, mki);
}

/* Whether anybody with the key sent it, told without a context of its own. Where a ROC is to be
 * begun with, only such a context can tell. */
static srtp_err_status_t filter(struct srtp_session *s, struct bytes packet, bool rtcp, int *n)
{
        if (s->context || s->roc)
                return srtp_err_status_ok;
        if (!s->filter)
                s->filter = open_context(s, (srtp_ssrc_t){ ssrc_any_inbound, 0 });
        return open_packet(s, s->filter, packet, rtcp, n);
}

/*
 * The first packet decides who the sender is, if it proves itself; what fails leaves nothing
 * behind. The description told the ROC a moment ago; the sequence numbers may have wrapped since.
 */
static srtp_err_status_t open_first(
        struct srtp_session *s, uint32_t ssrc, struct bytes packet, bool rtcp, int *n)
{
        srtp_err_status_t status = filter(s, packet, rtcp, n);

        if (status != srtp_err_status_ok)
                return status;
        srtp_t context = s->context ? s->context : open_for(s, ssrc);
        status = open_packet(s, context, packet, rtcp, n);
        if (status != srtp_err_status_ok && !rtcp) {
                must(srtp_set_stream_roc(context, ssrc, s->roc + 1), "setting the ROC");
                status = open_packet(s, context, packet, rtcp, n);
        }
        if (status == srtp_err_status_ok) {
                s->context = context;
                s->ssrc = ssrc;
                s->has_ssrc = true;
                s->rtp_began |= !rtcp;
                close_context(s->filter);
                s->filter = NULL;
        } else if (context != s->context) {
                close_context(context);
        } else {
                must(srtp_set_stream_roc(context, ssrc, s->roc), "setting the ROC");
        }
        return status;
}

static int unprotect(
        struct srtp_session *s, struct bytes packet, bool rtcp, struct bytes *ret, struct err *e)
{
        srtp_err_status_t status;
        int n;

        if (packet.n > SRTP_SESSION_PACKET_MAX ||
                packet.n < (rtcp ? RTCP_HEAD : RTP_HEAD) + trailer_bytes(s, rtcp))
                return refuse(s, srtp_err_status_parse_err, e);
        struct unpack u = unpack_of(bytes_sub(packet, rtcp ? 4 : 8, 4));
        uint32_t ssrc = unpack_u32(&u);
        if (s->has_ssrc && ssrc != s->ssrc) {
                s->counters.foreign++;
                return err_set(e, ERR_DENIED, "SRTP: a packet of another sender (SSRC)");
        }
        if (!s->context || (!rtcp && !s->rtp_began))
                status = open_first(s, ssrc, packet, rtcp, &n);
        else
                status = open_packet(s, s->context, packet, rtcp, &n);
        if (status != srtp_err_status_ok)
                return refuse(s, status, e);
        s->counters.packets++;
        *ret = BYTES(s->room, (size_t)n);
        return 0;
}

int srtp_session_unprotect_rtp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e)
{
        return unprotect(s, packet, false, ret, e);
}

int srtp_session_unprotect_rtcp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e)
{
        return unprotect(s, packet, true, ret, e);
}

static int protect(
        struct srtp_session *s, struct bytes packet, bool rtcp, struct bytes *ret, struct err *e)
{
        srtp_err_status_t status = srtp_err_status_parse_err;
        unsigned mki = s->keys[0].mki_n > 0;
        int n = (int)packet.n;

        if (packet.n >= (rtcp ? RTCP_HEAD : RTP_HEAD) &&
                packet.n + trailer_bytes(s, rtcp) <= SRTP_SESSION_PACKET_MAX) {
                load(s, packet);
                status = rtcp ? srtp_protect_rtcp_mki(s->context, s->room, &n, mki, 0)
                              : srtp_protect_mki(s->context, s->room, &n, mki, 0);
        }
        if (status == srtp_err_status_no_ctx) {
                s->counters.foreign++;
                return err_set(e, ERR_INVALID, "SRTP: a packet of another SSRC to be sent");
        }
        if (status != srtp_err_status_ok)
                return refuse(s, status, e);
        s->rtp_began |= !rtcp;
        s->counters.packets++;
        *ret = BYTES(s->room, (size_t)n);
        return 0;
}

int srtp_session_protect_rtp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e)
{
        return protect(s, packet, false, ret, e);
}

int srtp_session_protect_rtcp(
        struct srtp_session *s, struct bytes packet, struct bytes *ret, struct err *e)
{
        return protect(s, packet, true, ret, e);
}

uint32_t srtp_session_roc(const struct srtp_session *s)
{
        uint32_t roc = 0;

        if (s->context)
                (void)srtp_get_stream_roc(s->context, s->ssrc, &roc);
        return roc;
}

enum srtp_suite srtp_session_suite(const struct srtp_session *s)
{
        return s->keys[0].suite;
}

struct srtp_session_counters srtp_session_counters(const struct srtp_session *s)
{
        return s->counters;
}
