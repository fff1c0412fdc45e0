/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/fault_media.h"

#include <stdlib.h>

#include "media/h264.h"
#include "media/h265.h"
#include "proto/rtp.h"
#include "proto/rtsp.h"

#define US_PER_S INT64_C(1000000)
#define PACKET_MAX 65536
#define EACH_REORDERED 10
#define EACH_LATE 50
#define EACH_WITH_GARBAGE 10
#define EACH_TRUNCATED 10
#define LATE_MAX 32
#define GROUP_BYTES_MAX (16u << 20)
#define GROUP_PACKETS_MAX 65536
#define FILLER_BYTES (FEED_RTP_BYTES - RTP_HEAD_BYTES)
#define FILLER_US_MAX 100000 /* of one picture */
#define OLD_CLOCK_US (INT64_C(1577836800) * US_PER_S)
#define WRAP_SEQUENCE 65436u /* about two seconds of a small stream before its wrap */

enum { H264_FU_A = 28, H264_FILLER = 12, H265_FU = 49, H265_FILLER = 38 };

struct track {
        enum media_codec codec;
        uint32_t clock_rate;
        bool begun, rebased;
        uint16_t sequence; /* of the next packet */
        uint16_t sequence_change;
        uint32_t timestamp_change, last_timestamp;
        uint32_t ssrc;
        int64_t last_us;
        unsigned fragmented; /* NAL units so far */
        uint64_t packets;
        unsigned percent[FAULT_PLAN_KINDS];
};

struct late_packet {
        struct buf bytes;
        unsigned track;
        int64_t due_us;
};

/* The group of pictures that is sent again and again. */
struct group {
        struct buf payloads;
        struct group_packet {
                size_t at, n;
                bool marker, first; /* of its picture */
        } * packets;
        size_t packets_n, packets_room, next;
        bool open, complete;
};

struct fault_media {
        const struct fault_plan_fault *faults[FAULT_PLAN_KINDS]; /* borrowed; NULL: not asked for */
        bool done[FAULT_PLAN_KINDS];                             /* of what happens once */
        int64_t begin_us;
        int64_t frames; /* of the first track */
        unsigned tracks_n;
        struct track tracks[TIMELINE_TRACKS_MAX];
        bool in_band;
        struct media_config parameters; /* which, of the first track */
        struct late_packet late[LATE_MAX];
        struct buf held; /* to go behind the next packet */
        unsigned held_track;
        struct group group;
        struct buf packet;
};

/* Where one packet goes, and what it is made of. */
struct sending {
        struct fault_media *m;
        struct track *track;
        unsigned index;
        uint8_t payload_type;
        uint32_t timestamp;
        int64_t now_us;
        fault_media_on_packet on_packet;
        void *owner;
};

static bool is_of_media(enum fault_plan_kind kind)
{
        return kind == FAULT_PLAN_CLOSE || kind == FAULT_PLAN_STALL ||
               kind == FAULT_PLAN_HALF_OPEN || kind >= FAULT_PLAN_GARBAGE;
}

struct fault_media *fault_media_new(
        const struct fault_plan *plan, const char *stream, const char *camera)
{
        struct fault_media *m = xcalloc(1, sizeof *m);
        bool any = false;

        for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++) {
                if (is_of_media((enum fault_plan_kind)i))
                        m->faults[i] =
                                fault_plan_find(plan, stream, camera, (enum fault_plan_kind)i);
                any |= m->faults[i] != NULL;
        }
        if (!any) {
                free(m);
                return NULL;
        }
        buf_init(&m->packet, PACKET_MAX);
        buf_init(&m->held, PACKET_MAX);
        buf_init(&m->group.payloads, GROUP_BYTES_MAX);
        for (unsigned i = 0; i < LATE_MAX; i++)
                buf_init(&m->late[i].bytes, PACKET_MAX);
        return m;
}

struct fault_media *fault_media_free(struct fault_media *m)
{
        if (!m)
                return NULL;
        for (unsigned i = 0; i < LATE_MAX; i++)
                buf_done(&m->late[i].bytes);
        buf_done(&m->packet);
        buf_done(&m->held);
        buf_done(&m->group.payloads);
        free(m->group.packets);
        free(m);
        return NULL;
}

static bool is_due(const struct fault_media *m, enum fault_plan_kind kind, int64_t now_us)
{
        const struct fault_plan_fault *f = m->faults[kind];

        if (!f)
                return false;
        if (f->unit == FAULT_PLAN_AT_US)
                return now_us - m->begin_us >= f->at;
        return f->unit == FAULT_PLAN_AT_START || m->frames >= f->at;
}

static bool is_due_once(struct fault_media *m, enum fault_plan_kind kind, int64_t now_us)
{
        if (m->done[kind] || !is_due(m, kind, now_us))
                return false;
        m->done[kind] = true;
        return true;
}

/* True for so many of a hundred calls. */
static bool is_hit(
        struct fault_media *m, struct track *t, enum fault_plan_kind kind, int64_t now_us)
{
        if (!is_due(m, kind, now_us))
                return false;
        t->percent[kind] += (unsigned)m->faults[kind]->number;
        if (t->percent[kind] < 100)
                return false;
        t->percent[kind] -= 100;
        return true;
}

void fault_media_begin(struct fault_media *m, const struct feed *f,
        struct feed_start starts[static TIMELINE_TRACKS_MAX], int64_t now_us)
{
        m->begin_us = now_us;
        m->frames = 0;
        m->in_band = m->group.open = m->group.complete = false;
        m->group.packets_n = m->group.next = 0;
        buf_clear(&m->group.payloads);
        memset(m->done, 0, sizeof m->done);
        m->tracks_n = feed_tracks(f);
        for (unsigned i = 0; i < m->tracks_n; i++) {
                const struct media_config *config = feed_config(f, i);

                m->tracks[i] =
                        (struct track){ .codec = config->codec, .clock_rate = config->clock_rate };
                if (!m->faults[FAULT_PLAN_WRAP])
                        continue;
                m->tracks[i].sequence_change = (uint16_t)(WRAP_SEQUENCE - starts[i].sequence);
                m->tracks[i].timestamp_change = 0u - 2 * config->clock_rate - starts[i].timestamp;
                starts[i].sequence = WRAP_SEQUENCE;
                starts[i].timestamp = 0u - 2 * config->clock_rate;
        }
}

static void put_u32(uint8_t *to, uint32_t v)
{
        for (unsigned i = 0; i < 4; i++)
                to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t ssrc_of(const struct feed_frame *frame)
{
        const uint8_t *p = feed_frame_packet(frame, 0).p + 8;

        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void say_goodbye(struct fault_media *m, fault_media_on_packet on_packet, void *owner)
{
        for (unsigned i = 0; i < m->tracks_n; i++) {
                uint8_t p[16] = { 0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1 };

                put_u32(p + 4, m->tracks[i].ssrc);
                put_u32(p + 12, m->tracks[i].ssrc);
                on_packet(owner, i, FAULT_MEDIA_RTCP, BYTES(p, sizeof p));
        }
}

enum fault_media_deed fault_media_due(
        struct fault_media *m, int64_t now_us, fault_media_on_packet on_packet, void *owner)
{
        if (is_due(m, FAULT_PLAN_HALF_OPEN, now_us))
                return FAULT_MEDIA_FREEZE;
        if (is_due(m, FAULT_PLAN_CLOSE, now_us))
                return FAULT_MEDIA_CLOSE;
        if (is_due_once(m, FAULT_PLAN_BYE, now_us))
                say_goodbye(m, on_packet, owner);
        if (is_due(m, FAULT_PLAN_STALL, now_us) || is_due(m, FAULT_PLAN_BYE, now_us))
                return FAULT_MEDIA_STALL;
        if (is_due_once(m, FAULT_PLAN_CHANGED_PARAMETERS, now_us))
                return FAULT_MEDIA_SWITCH;
        return FAULT_MEDIA_GO_ON;
}

const char *fault_media_other_stream(const struct fault_media *m)
{
        return m->faults[FAULT_PLAN_CHANGED_PARAMETERS]->text;
}

void fault_media_switch(struct fault_media *m, const struct feed *to)
{
        for (unsigned i = 0; i < m->tracks_n; i++)
                m->tracks[i].rebased = true;
        m->parameters = *feed_config(to, 0);
        m->in_band = true;
}

static void give(const struct sending *s, unsigned track, struct bytes packet)
{
        static const uint8_t nonsense[] = "nonsense; ";
        struct fault_media *m = s->m;

        if (is_due(m, FAULT_PLAN_GARBAGE, s->now_us) && s->track->packets % EACH_WITH_GARBAGE == 0)
                for (int64_t left = m->faults[FAULT_PLAN_GARBAGE]->number; left > 0;) {
                        const struct bytes piece =
                                bytes_sub(BYTES(nonsense, sizeof nonsense - 1), 0, (size_t)left);

                        s->on_packet(s->owner, track, FAULT_MEDIA_GARBAGE, piece);
                        left -= (int64_t)piece.n;
                }
        s->on_packet(s->owner, track, FAULT_MEDIA_RTP, packet);
        if (is_hit(m, s->track, FAULT_PLAN_DUPLICATE, s->now_us))
                s->on_packet(s->owner, track, FAULT_MEDIA_RTP, packet);
}

static bool keep_for_later(const struct sending *s, struct bytes packet)
{
        struct fault_media *m = s->m;

        for (unsigned i = 0; i < LATE_MAX; i++)
                if (m->late[i].bytes.n == 0 && buf_append(&m->late[i].bytes, packet, NULL) >= 0) {
                        m->late[i].track = s->index;
                        m->late[i].due_us = s->now_us + 1000 * m->faults[FAULT_PLAN_LATE]->number;
                        return true;
                }
        return false;
}

static void give_late(const struct sending *s)
{
        for (unsigned i = 0; i < LATE_MAX; i++) {
                struct late_packet *l = &s->m->late[i];

                if (l->bytes.n == 0 || l->due_us > s->now_us)
                        continue;
                give(s, l->track, buf_bytes(&l->bytes));
                buf_clear(&l->bytes);
        }
}

/* A packet with its headers, on its way: lost, held back, late, or given. */
static void pass(const struct sending *s, struct bytes packet)
{
        struct fault_media *m = s->m;
        const uint64_t number = s->track->packets++;

        if (is_hit(m, s->track, FAULT_PLAN_LOST, s->now_us))
                return;
        if (is_due(m, FAULT_PLAN_LATE, s->now_us) && number % EACH_LATE == EACH_LATE - 1 &&
                keep_for_later(s, packet))
                return;
        if (is_due(m, FAULT_PLAN_REORDER, s->now_us) &&
                number % EACH_REORDERED == EACH_REORDERED - 1 && m->held.n == 0 &&
                buf_append(&m->held, packet, NULL) >= 0) {
                m->held_track = s->index;
                return;
        }
        give(s, s->index, packet);
        if (m->held.n > 0) {
                give(s, m->held_track, buf_bytes(&m->held));
                buf_clear(&m->held);
        }
}

static void send_payload(const struct sending *s, bool marker, struct bytes payload)
{
        struct fault_media *m = s->m;
        uint8_t head[RTP_HEAD_BYTES];

        if (is_due(m, FAULT_PLAN_NO_MARKER, s->now_us))
                marker = false;
        else if (is_due(m, FAULT_PLAN_EXTRA_MARKER, s->now_us))
                marker = true;
        rtp_format_head(
                head, s->payload_type, marker, s->track->sequence++, s->timestamp, s->track->ssrc);
        buf_clear(&m->packet);
        if (buf_append(&m->packet, BYTES(head, sizeof head), NULL) >= 0 &&
                buf_append(&m->packet, payload, NULL) >= 0)
                pass(s, buf_bytes(&m->packet));
}

static bool ends_fragments(enum media_codec codec, struct bytes payload)
{
        if (codec == MEDIA_H264)
                return payload.n > 2 && (payload.p[0] & 0x1f) == H264_FU_A && (payload.p[1] & 0x40);
        return codec == MEDIA_H265 && payload.n > 3 && (payload.p[0] >> 1 & 0x3f) == H265_FU &&
               (payload.p[2] & 0x40);
}

/* Fills a picture up to the planned rate, with NAL units that a decoder passes over. */
static void send_filler(const struct sending *s)
{
        uint8_t nal[FILLER_BYTES];
        const int64_t us = s->now_us - s->track->last_us;
        int64_t bytes = s->m->faults[FAULT_PLAN_BIT_RATE_BOMB]->number *
                        (us < 0 || us > FILLER_US_MAX ? FILLER_US_MAX : us) / 8;

        memset(nal, 0xff, sizeof nal);
        nal[0] = s->track->codec == MEDIA_H264 ? H264_FILLER : H265_FILLER << 1;
        if (s->track->codec == MEDIA_H265)
                nal[1] = 1;
        nal[sizeof nal - 1] = 0x80;
        for (; bytes > 0; bytes -= (int64_t)sizeof nal)
                send_payload(s, false, BYTES(nal, sizeof nal));
}

static void send_sets(const struct sending *s)
{
        const struct media_config *c = &s->m->parameters;
        const struct bytes record = BYTES(c->parameters, c->parameters_n);
        struct nal_sets sets;
        int r = -1;

        if (c->codec == MEDIA_H264)
                r = h264_config_sets(record, &sets, NULL, NULL);
        else if (c->codec == MEDIA_H265)
                r = h265_config_sets(record, &sets, NULL, NULL);
        for (unsigned i = 0; r >= 0 && i < sets.n; i++)
                send_payload(s, false, sets.set[i]);
}

/* Payload and marker of a frame's packet; the headers are the feed's own, of RTP_HEAD_BYTES. */
static struct bytes payload_of(const struct feed_frame *f, size_t i, bool *ret_marker)
{
        const struct bytes packet = feed_frame_packet(f, i);

        *ret_marker = packet.p[1] & 0x80;
        return bytes_sub(packet, RTP_HEAD_BYTES, packet.n);
}

static void record_frame(struct group *g, const struct feed_frame *f)
{
        for (size_t i = 0; i < f->packets_n; i++) {
                struct group_packet p = { .at = g->payloads.n, .first = i == 0 };
                const struct bytes payload = payload_of(f, i, &p.marker);

                p.n = payload.n;
                if (g->packets_n == GROUP_PACKETS_MAX ||
                        buf_append(&g->payloads, payload, NULL) < 0)
                        return;
                if (g->packets_n == g->packets_room) {
                        g->packets_room = g->packets_room ? 2 * g->packets_room : 256;
                        g->packets = xrealloc(g->packets, g->packets_room, sizeof *g->packets);
                }
                g->packets[g->packets_n++] = p;
        }
}

/* True when the frame was replaced by one of the group's. */
static bool replay(const struct sending *s, const struct feed_frame *frame)
{
        struct group *g = &s->m->group;

        if (s->index != 0 || !is_due(s->m, FAULT_PLAN_REPLAY, s->now_us))
                return false;
        if (!g->complete && frame->key) {
                g->complete = g->packets_n > 0;
                g->open = true;
        }
        if (!g->complete) {
                if (g->open)
                        record_frame(g, frame);
                return false;
        }
        do {
                const struct group_packet *p = &g->packets[g->next];

                send_payload(s, p->marker, bytes_sub(buf_bytes(&g->payloads), p->at, p->n));
                g->next = (g->next + 1) % g->packets_n;
        } while (!g->packets[g->next].first);
        return true;
}

/* What changes once, or where another stream is gone on with. */
static void change(
        struct fault_media *m, struct track *t, const struct feed_frame *frame, int64_t now_us)
{
        if (!t->begun) {
                t->begun = true;
                t->sequence = (uint16_t)(frame->sequence + t->sequence_change);
                t->ssrc = ssrc_of(frame);
                t->last_us = now_us;
        }
        if (t->rebased) {
                t->rebased = false;
                t->timestamp_change = t->last_timestamp + t->clock_rate / 25 - frame->timestamp;
        }
        if (is_due_once(m, FAULT_PLAN_JUMP, now_us))
                for (unsigned i = 0; i < m->tracks_n; i++)
                        m->tracks[i].timestamp_change +=
                                (uint32_t)(m->faults[FAULT_PLAN_JUMP]->number *
                                           m->tracks[i].clock_rate);
        if (is_due_once(m, FAULT_PLAN_SEQUENCE_JUMP, now_us))
                for (unsigned i = 0; i < m->tracks_n; i++)
                        m->tracks[i].sequence =
                                (uint16_t)(m->tracks[i].sequence +
                                           m->faults[FAULT_PLAN_SEQUENCE_JUMP]->number);
        if (is_due_once(m, FAULT_PLAN_SSRC_CHANGE, now_us))
                for (unsigned i = 0; i < m->tracks_n; i++)
                        m->tracks[i].ssrc = m->tracks[i].ssrc * 2654435761u + 1;
}

void fault_media_frame(struct fault_media *m, const struct feed_frame *frame, int64_t now_us,
        fault_media_on_packet on_packet, void *owner)
{
        struct track *t = &m->tracks[frame->track];
        struct sending s = { .m = m,
                .track = t,
                .index = frame->track,
                .payload_type = feed_frame_packet(frame, 0).p[1] & 0x7f,
                .now_us = now_us,
                .on_packet = on_packet,
                .owner = owner };

        change(m, t, frame, now_us);
        s.timestamp = frame->timestamp + t->timestamp_change;
        give_late(&s);
        if (m->in_band && media_has_nals(t->codec) && frame->key)
                send_sets(&s);
        if (!replay(&s, frame))
                for (size_t i = 0; i < frame->packets_n; i++) {
                        bool marker;
                        const struct bytes payload = payload_of(frame, i, &marker);

                        if (i + 1 == frame->packets_n && media_has_nals(t->codec) &&
                                is_due(m, FAULT_PLAN_BIT_RATE_BOMB, now_us))
                                send_filler(&s);
                        if (ends_fragments(t->codec, payload) &&
                                is_due(m, FAULT_PLAN_TRUNCATED_FU, now_us) &&
                                ++t->fragmented % EACH_TRUNCATED == 0)
                                continue;
                        send_payload(&s, marker, payload);
                }
        t->last_timestamp = s.timestamp;
        t->last_us = now_us;
        m->frames += frame->track == 0;
}

bool fault_media_report(
        struct fault_media *m, unsigned track, uint8_t *report, size_t n, int64_t now_us)
{
        const struct fault_plan_fault *wrong = m->faults[FAULT_PLAN_WRONG_CLOCK];
        const struct track *t = &m->tracks[track];
        uint64_t ntp = 0;
        uint32_t timestamp = 0;

        if (m->faults[FAULT_PLAN_NO_RTCP] || n < 36)
                return false;
        for (unsigned i = 0; i < 8; i++)
                ntp = ntp << 8 | report[8 + i];
        for (unsigned i = 0; i < 4; i++)
                timestamp = timestamp << 8 | report[16 + i];
        if (wrong)
                ntp += (uint64_t)wrong->number << 32;
        if (m->faults[FAULT_PLAN_OLD_CLOCK])
                ntp = rtcp_ntp_of_us(OLD_CLOCK_US + now_us - m->begin_us);
        put_u32(report + 8, (uint32_t)(ntp >> 32));
        put_u32(report + 12, (uint32_t)ntp);
        put_u32(report + 16, timestamp + t->timestamp_change);
        if (t->begun) {
                put_u32(report + 4, t->ssrc);
                put_u32(report + 32, t->ssrc); /* of the SDES behind it */
        }
        return true;
}
