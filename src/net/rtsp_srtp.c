/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_srtp.h"

#include <assert.h>

#include "crypto/random.h"
#include "proto/key_mgmt.h"
#include "proto/rtcp.h"
#include "proto/sdp_crypto.h"

void rtsp_srtp_done(struct rtsp_srtp *s)
{
        for (unsigned i = 0; i < RTSP_SRTP_TRACKS_MAX; i++)
                s->tracks[i].session = srtp_session_free(s->tracks[i].session);
        explicit_bzero(s, sizeof *s);
}

/* ---- keys from the description ---- */

/* `stream`: which of its crypto sessions (RFC 4567: the i-th of a message at session level is for
 * the i-th medium). A single one is for all, but then its SSRC can only be of one. */
static int take_mikey(struct rtsp_srtp_track *t, struct bytes base64, unsigned stream,
        bool of_session, struct err *e)
{
        struct srtp_session_options o = { 0 };
        struct mikey m;
        int r = key_mgmt_decode(base64, &m, e);

        if (r < 0)
                return r;
        if (stream >= m.streams_n && m.streams_n > 1)
                r = err_set(e, ERR_INVALID, "MIKEY: no crypto session for medium %u", stream + 1);
        o.keys = m.keys;
        o.keys_n = m.keys_n;
        if (r == 0 && stream < m.streams_n) {
                o.roc = m.streams[stream].roc;
                o.ssrc = m.streams[stream].ssrc;
                o.has_ssrc = o.ssrc != 0 && (!of_session || m.streams_n > 1);
        }
        if (r == 0)
                r = srtp_session_new_receiver(&o, &t->session, e);
        mikey_done(&m);
        return r;
}

/* The first line that is understood: they stand in the camera's order of preference. */
static int take_crypto(struct rtsp_srtp_track *t, const struct sdp_media *m, struct err *e)
{
        int r = ERR_INVALID;

        for (unsigned i = 0; r < 0 && i < m->crypto_n; i++) {
                struct sdp_crypto c;

                r = sdp_crypto_parse(m->crypto[i], &c, e);
                if (r < 0)
                        continue;
                const struct srtp_session_options o = { .keys = c.keys, .keys_n = c.keys_n };
                r = srtp_session_new_receiver(&o, &t->session, e);
                sdp_crypto_done(&c);
        }
        return r;
}

/* The SSRC is the camera's to choose, so it stands as 0 (RFC 3830 section 6.1.1). ONVIF: the suite
 * that every device has, and an MKI in every packet. */
static int draw(struct rtsp_srtp_track *t, struct err *e)
{
        struct mikey *m = &t->offer;
        const struct srtp_session_options o = { .keys = m->keys, .keys_n = 1 };

        *m = (struct mikey){ .csb_id = (uint32_t)random_u64(), .streams_n = 1, .keys_n = 1 };
        srtp_suite_draw_key(SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, &m->keys[0]);
        m->keys[0].mki_n = 4;
        m->keys[0].mki[3] = 1;
        t->ours = true;
        return srtp_session_new_receiver(&o, &t->session, e);
}

int rtsp_srtp_take_description(struct rtsp_srtp *s, unsigned track, const struct sdp *sdp,
        unsigned media, bool confidential, struct err *e)
{
        const struct sdp_media *m = &sdp->media[media];
        struct rtsp_srtp_track *t = &s->tracks[track];
        int r;

        assert(track < RTSP_SRTP_TRACKS_MAX && media < sdp->media_n && !t->session);
        if (!sdp_is_secure(m))
                return 0;
        if (!confidential)
                return err_fault(e, ERR_DENIED, FAULT_SRTP_KEYS_IN_CLEAR,
                        "the camera offers SRTP (medium %u) over a connection without TLS, where "
                        "everybody can read its keys: refused",
                        media + 1);
        if (!m->key_mgmt.n && !sdp->key_mgmt.n && !m->crypto_n)
                return draw(t, e);
        r = ERR_INVALID;
        if (m->key_mgmt.n)
                r = take_mikey(t, m->key_mgmt, 0, false, e);
        else if (sdp->key_mgmt.n)
                r = take_mikey(t, sdp->key_mgmt, media, true, e);
        if (r < 0 && m->crypto_n)
                r = take_crypto(t, m, e);
        if (r < 0) {
                err_wrap(e, r, "medium %u", media + 1);
                if (e)
                        e->fault = FAULT_SRTP_KEYS;
        }
        return r;
}

bool rtsp_srtp_is_on(const struct rtsp_srtp *s, unsigned track)
{
        return s->tracks[track].session != NULL;
}

int rtsp_srtp_setup_header(
        const struct rtsp_srtp *s, unsigned track, int64_t wall_us, struct buf *out, struct err *e)
{
        const struct rtsp_srtp_track *t = &s->tracks[track];
        uint8_t random[MIKEY_RAND_BYTES];
        int r;

        if (!t->ours)
                return 0;
        random_bytes(random, sizeof random);
        r = key_mgmt_format(&t->offer, rtcp_ntp_of_us(wall_us), random, "", out, e);
        return r < 0 ? r : 1;
}

/* ---- packets ---- */

int rtsp_srtp_unprotect(void *owner, bool rtcp, struct bytes *packet)
{
        struct rtsp_srtp_track *t = owner;

        return rtcp ? srtp_session_unprotect_rtcp(t->session, *packet, packet, NULL)
                    : srtp_session_unprotect_rtp(t->session, *packet, packet, NULL);
}

struct srtp_session_counters rtsp_srtp_counters(const struct rtsp_srtp *s)
{
        struct srtp_session_counters n = { 0 };

        for (unsigned i = 0; i < RTSP_SRTP_TRACKS_MAX; i++) {
                if (!s->tracks[i].session)
                        continue;
                struct srtp_session_counters one = srtp_session_counters(s->tracks[i].session);

                n.packets += one.packets;
                n.unauthenticated += one.unauthenticated;
                n.replayed += one.replayed;
                n.foreign += one.foreign;
                n.malformed += one.malformed;
        }
        return n;
}
