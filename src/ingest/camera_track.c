/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera_track.h"

#include <stdio.h>

#include "base/str.h"
#include "media/media_config.h"

/* With or without protection (net/rtsp_srtp.h) and feedback, which nobody has to give. */
static bool is_rtp(struct bytes protocol)
{
        static const char *const profiles[] = { "RTP/AVP", "RTP/AVP/TCP", "RTP/AVPF", "RTP/SAVP",
                "RTP/SAVP/TCP", "RTP/SAVPF" };

        for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
                if (bytes_equal(protocol, bytes_str(profiles[i])))
                        return true;
        return false;
}

static bool is_of_kind(enum sdp_kind kind, enum media_codec codec)
{
        switch (kind) {
        case SDP_VIDEO:
                return media_is_video(codec);
        case SDP_AUDIO:
                return media_is_audio(codec);
        case SDP_APPLICATION:
                return codec == MEDIA_ONVIF_METADATA;
        default:
                return false;
        }
}

void camera_track_name(const struct sdp_media *m, char room[static CAMERA_TRACK_NAME_ROOM])
{
        char kind[24], encoding[48];

        str_escape(kind, sizeof kind, m->kind_name);
        str_escape(encoding, sizeof encoding, m->encoding);
        snprintf(room, CAMERA_TRACK_NAME_ROOM, "%s%s%s", kind, encoding[0] ? " " : "", encoding);
}

int camera_track_config(const struct sdp_media *m, struct media_config *ret, struct err *e)
{
        struct media_config config;

        if (m->kind == SDP_OTHER)
                return err_set(e, ERR_NOT_FOUND, "neither video, audio nor metadata");
        if (!is_rtp(m->protocol))
                return err_set(e, ERR_NOT_FOUND, "not RTP");
        /* Only sound is ever taken by a camera: one that says sendonly of anything else means what
         * it sends. */
        if (m->kind == SDP_AUDIO && m->direction == SDP_SENDONLY)
                return err_set(e, ERR_NOT_FOUND, "a back channel");
        int r = media_config_of_sdp(m->encoding, m->clock_rate, m->channels, m->fmtp, &config, e);
        if (r < 0)
                return r;
        if (!is_of_kind(m->kind, config.codec))
                return err_set(e, ERR_INVALID, "%s under another kind of medium",
                        media_config_codec_name(config.codec));
        *ret = config;
        return 0;
}

int camera_track_init(struct camera_track *t, const struct media_config *config, struct err *e)
{
        struct depay *d;
        int r = depay_new(config, &d, e);

        if (r < 0)
                return r;
        *t = (struct camera_track){ .config = *config, .depay = d };
        return 0;
}

void camera_track_done(struct camera_track *t)
{
        t->depay = depay_free(t->depay);
}

static void note_arrival(struct camera_track *t, int64_t timestamp, int64_t arrival_us)
{
        unsigned newest = (t->arrivals_at + CAMERA_TRACK_ARRIVALS - 1) % CAMERA_TRACK_ARRIVALS;

        if (t->arrivals_n > 0 && t->arrivals[newest].timestamp == timestamp && !t->came)
                return;
        t->came = false;
        t->arrivals[t->arrivals_at].timestamp = timestamp;
        t->arrivals[t->arrivals_at].arrival_us = arrival_us;
        t->arrivals_at = (t->arrivals_at + 1) % CAMERA_TRACK_ARRIVALS;
        if (t->arrivals_n < CAMERA_TRACK_ARRIVALS)
                t->arrivals_n++;
}

static void note_unit(struct camera_track *t, int64_t timestamp)
{
        unsigned newest = (t->arrivals_at + CAMERA_TRACK_ARRIVALS - 1) % CAMERA_TRACK_ARRIVALS;

        t->came = t->came || (t->arrivals_n > 0 && t->arrivals[newest].timestamp == timestamp);
}

/* Newest first. Of several audio frames in one packet only the first has the packet's own
 * timestamp: the others came with the newest packet. */
static int64_t arrival_of(const struct camera_track *t, int64_t timestamp)
{
        unsigned newest = (t->arrivals_at + CAMERA_TRACK_ARRIVALS - 1) % CAMERA_TRACK_ARRIVALS;

        for (unsigned i = 0; i < t->arrivals_n; i++) {
                unsigned at = (newest + CAMERA_TRACK_ARRIVALS - i) % CAMERA_TRACK_ARRIVALS;

                if (t->arrivals[at].timestamp == timestamp)
                        return t->arrivals[at].arrival_us;
        }
        return t->arrivals[newest].arrival_us;
}

void camera_track_push(struct camera_track *t, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us)
{
        struct depay_packet packet = { .payload = p->payload,
                .timestamp = a->timestamp,
                .marker = p->marker,
                .lost_packets = a->lost_packets,
                .extension_profile = p->has_extension ? p->extension_profile : 0,
                .extension = p->extension };

        /* How many is not known; of another sender, not even whether. */
        if ((a->restarted || a->ssrc_changed) && packet.lost_packets == 0)
                packet.lost_packets = 1;
        t->sequence = a->sequence;
        note_arrival(t, a->timestamp, arrival_us);
        depay_push(t->depay, &packet);
}

int camera_track_pull(
        struct camera_track *t, const struct rtcp_clock *clock, struct access_unit *ret)
{
        struct access_unit unit;
        struct err why;
        int r;

        while ((r = depay_pull(t->depay, &unit, &why)) < 0) {
                if (r == ERR_AGAIN)
                        return r;
                t->bad_packets++;
                t->damage = why;
        }
        unit.arrival_us = arrival_of(t, unit.pts);
        note_unit(t, unit.pts);
        unit.sender_us = rtcp_clock_wall_us(clock, unit.pts, t->config.clock_rate);
        unit.report_us = clock->known ? clock->wall_us : INT64_MIN;
        unit.report_came_us = clock->known ? clock->arrival_us : INT64_MIN;
        *ret = unit;
        return 0;
}

void camera_track_hold(struct camera_track *t, const struct access_unit *unit)
{
        if (unit->new_config)
                t->config_held = true;
}

void camera_track_tell(struct camera_track *t, struct access_unit *unit)
{
        if (t->config_held && !unit->new_config)
                unit->new_config = depay_config(t->depay);
        t->config_held = false;
}

const struct media_config *camera_track_now(const struct camera_track *t)
{
        return depay_config(t->depay);
}

bool camera_track_decodable(const struct camera_track *t)
{
        return media_config_complete(depay_config(t->depay));
}
