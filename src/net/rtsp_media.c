/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_media.h"

#include "base/str.h"
#include "net/rtsp_target.h"

int rtsp_media_describe(struct rtsp_media *m, unsigned i, const struct sdp *sdp, unsigned medium,
        const struct url *home, struct bytes base, bool confidential, struct err *e)
{
        const struct sdp_media *d = &sdp->media[medium];
        struct rtsp_track *t = &m->tracks[i];

        rtsp_track_init(t, d->clock_rate ? d->clock_rate : 90000, d->payload_type);
        m->feedback[i] = sdp_is_feedback(d);
        int r = rtsp_srtp_take_description(&m->srtp, i, sdp, medium, confidential, e);
        if (r < 0)
                return r;
        if (rtsp_srtp_is_on(&m->srtp, i)) {
                t->unprotect = rtsp_srtp_unprotect;
                t->unprotect_owner = &m->srtp.tracks[i];
        }
        return rtsp_target_resolve(home, base, d->control, t->url, e);
}

char *rtsp_media_transport(const struct rtsp_media *m, unsigned i, const struct rtsp_link *link,
        char to[static RTSP_TRANSPORT_ROOM])
{
        struct rtsp_transport t = { .lower = RTSP_TRANSPORT_TCP,
                .unicast = true,
                .has_interleaved = true,
                .interleaved = { (uint8_t)(2 * i), (uint8_t)(2 * i + 1) } };

        if (rtsp_link_carrier(link) == RTSP_LINK_DATAGRAMS)
                t = (struct rtsp_transport){ .lower = RTSP_TRANSPORT_UDP,
                        .unicast = true,
                        .has_client_port = true,
                        .client_port = { m->ports[i], (uint16_t)(m->ports[i] + 1) } };
        t.secure_profile = m->tracks[i].unprotect != NULL;
        t.feedback = m->feedback[i];
        return rtsp_transport_format(&t, to);
}

/* Whether media by this answer stay where the session's protection is. */
static int check_datagrams(const struct rtsp_media *m, unsigned i, const struct rtsp_link *link,
        const struct rtsp_transport *t, struct err *e)
{
        char source[80];

        if (!rtsp_link_is_plain(link) && !t->secure_profile)
                return err_fault(e, ERR_DENIED, FAULT_MEDIA_OUTSIDE_TLS,
                        "the camera would send outside of the TLS connection: refused");
        if (t->lower != RTSP_TRANSPORT_UDP || rtsp_link_carrier(link) != RTSP_LINK_DATAGRAMS)
                return err_fault(e, ERR_PROTOCOL, FAULT_SETUP_REFUSED,
                        "the camera chose a transport that was not asked for");
        if (t->multicast || (t->source.p && !rtsp_link_is_peer(link, t->source)))
                return err_fault(e, ERR_DENIED, FAULT_OTHER_PLACE,
                        "the camera would send from or to another address (%s): refused",
                        t->multicast ? "multicast" : str_escape(source, sizeof source, t->source));
        if (t->has_client_port && t->client_port[0] != m->ports[i])
                return err_fault(e, ERR_PROTOCOL, FAULT_SETUP_REFUSED,
                        "the camera would send to port %u, which is not ours", t->client_port[0]);
        return 0;
}

int rtsp_media_set_up(struct rtsp_media *m, unsigned i, const struct rtsp_link *link,
        struct bytes value, struct err *e)
{
        uint8_t channel[2] = { (uint8_t)(2 * i), (uint8_t)(2 * i + 1) };
        struct rtsp_transport t;
        int r;

        if (value.p) {
                r = rtsp_transport_parse(value, 0, &t, e);
                if (r >= 0 && t.secure_profile && !m->tracks[i].unprotect)
                        r = err_fault(e, ERR_PROTOCOL, FAULT_SETUP_REFUSED,
                                "the camera would send SRTP, and its description does not say so");
                if (r >= 0 && t.lower != RTSP_TRANSPORT_TCP)
                        r = check_datagrams(m, i, link, &t, e);
                if (r < 0)
                        return r;
                if (t.lower == RTSP_TRANSPORT_TCP && t.has_interleaved)
                        memcpy(channel, t.interleaved, 2);
        }
        if (channel[0] == channel[1] || m->channels[channel[0]] || m->channels[channel[1]])
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                        "the camera gives channels %u-%u twice", channel[0], channel[1]);
        m->tracks[i].rtp_channel = channel[0];
        m->tracks[i].rtcp_channel = channel[1];
        m->channels[channel[0]] = (uint8_t)(1 + 2 * i);
        m->channels[channel[1]] = (uint8_t)(2 + 2 * i);
        return 0;
}

bool rtsp_media_find(struct rtsp_media *m, uint8_t channel, unsigned *ret_track, bool *ret_rtcp)
{
        unsigned what = m->channels[channel];

        if (what == 0) {
                m->stray_frames++;
                return false;
        }
        *ret_track = (what - 1) / 2;
        *ret_rtcp = what % 2 == 0;
        return true;
}

unsigned rtsp_media_count(const struct rtsp_media *m)
{
        unsigned n = 0;

        for (unsigned i = 0; i < m->tracks_n; i++)
                n += !m->left_out[i];
        return n;
}
