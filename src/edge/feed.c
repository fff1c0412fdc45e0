/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/feed.h"

#include <assert.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/random.h"
#include "media/h264.h"
#include "media/h265.h"
#include "media/media_config.h"
#include "media/pay.h"
#include "proto/key_mgmt.h"
#include "proto/rtp.h"
#include "proto/rtsp.h"
#include "proto/sdp.h"
#include "proto/sdp_crypto.h"

#define PAYLOAD_TYPE_FIRST 96 /* dynamic (RFC 3551 section 6) */
#define FMTP_MAX (4 * MEDIA_PARAMETERS_MAX)
#define KEYS_MAX 2048
/* A unit, its stamp, and for each packet the heads. */
#define FRAME_BYTES_MAX (ACCESS_UNIT_MAX + ACCESS_UNIT_MAX / 16 + 65536)

struct feed_track {
        const struct clip_track *clip; /* borrowed from the feed's clip */
        uint32_t *packets_before;      /* of each sample, in its round */
        uint32_t round_packets;
        uint32_t ssrc, first_timestamp;
        uint16_t first_sequence;
        uint64_t round; /* of the next sample */
        size_t next;
        uint64_t sent_packets, sent_bytes;
};

struct feed {
        struct feed_options o;
        struct clip *clip; /* owned */
        struct timeline timeline;
        struct feed_track tracks[TIMELINE_TRACKS_MAX];
        unsigned tracks_n;
        int64_t begin_us;
        uint64_t video_frames;
        struct buf unit;           /* with the stamp in it */
        struct feed_frame *frames; /* [0] alone, or the group so far */
        size_t frames_n, frames_room, gop_bytes;
        bool gop_open; /* frames begins with a key frame and holds all since */
};

/* What pay_unit's callback needs. */
struct feed_packing {
        struct feed_track *track;
        struct feed_frame *frame;
        size_t stamp_from; /* in the unit; 0: none */
        const uint8_t *unit;
        uint8_t payload_type;
};

static int count_packet(void *owner, const struct pay_packet *p, struct err *e)
{
        (void)owner;
        (void)p;
        (void)e;
        return 0;
}

static bool is_video(const struct feed_track *t)
{
        return media_is_video(t->clip->config.codec);
}

static bool is_stamped(const struct feed *f, const struct feed_track *t)
{
        return f->o.stamp && media_has_nals(t->clip->config.codec);
}

/* The static one where there is one (RFC 3551 section 6), else dynamic. */
static uint8_t payload_type(const struct feed_track *t, unsigned track)
{
        const struct media_config *c = &t->clip->config;
        const bool telephone = c->sample_rate == 8000 && c->channels == 1;

        if (c->codec == MEDIA_PCMU && telephone)
                return 0;
        if (c->codec == MEDIA_PCMA && telephone)
                return 8;
        return c->codec == MEDIA_JPEG ? 26 : (uint8_t)(PAYLOAD_TYPE_FIRST + track);
}

static int count_packets(struct feed *f, struct feed_track *t, struct err *e)
{
        t->packets_before = xcalloc(t->clip->samples_n, sizeof *t->packets_before);
        for (size_t i = 0; i < t->clip->samples_n; i++) {
                const int n =
                        pay_unit(t->clip->config.codec, clip_bytes(f->clip, &t->clip->samples[i]),
                                FEED_RTP_BYTES - RTP_HEAD_BYTES, count_packet, NULL, e);

                if (n < 0)
                        return err_wrap(e, n, "sample %zu", i);
                t->packets_before[i] = t->round_packets;
                t->round_packets += (uint32_t)n + is_stamped(f, t);
        }
        return 0;
}

static int prepare(struct feed *f, struct err *e)
{
        uint32_t clocks[TIMELINE_TRACKS_MAX];
        int64_t ends[TIMELINE_TRACKS_MAX];

        for (unsigned i = 0; i < f->tracks_n; i++) {
                struct feed_track *t = &f->tracks[i];
                int r;

                t->clip = &f->clip->tracks[i];
                t->ssrc = (uint32_t)random_u64();
                t->first_timestamp = (uint32_t)random_u64();
                t->first_sequence = (uint16_t)random_u64();
                clocks[i] = t->clip->config.clock_rate;
                ends[i] = t->clip->end;
                r = count_packets(f, t, e);
                if (r < 0)
                        return r;
        }
        return timeline_init(&f->timeline, clocks, ends, f->tracks_n, e);
}

int feed_new(struct clip *clip, const struct feed_options *o, struct feed **ret, struct err *e)
{
        struct feed *f = xcalloc(1, sizeof *f);
        int r;

        f->o = *o;
        f->clip = clip;
        f->tracks_n = clip->tracks_n;
        buf_init(&f->unit, ACCESS_UNIT_MAX + NAL_LENGTH_BYTES + STAMP_NAL_ROOM);
        r = prepare(f, e);
        if (r < 0) {
                feed_free(f);
                return r;
        }
        *ret = f;
        return 0;
}

struct feed *feed_free(struct feed *f)
{
        if (!f)
                return NULL;
        for (unsigned i = 0; i < f->tracks_n; i++)
                free(f->tracks[i].packets_before);
        for (size_t i = 0; i < f->frames_room; i++) {
                buf_done(&f->frames[i].bytes);
                free(f->frames[i].packet_at);
        }
        free(f->frames);
        buf_done(&f->unit);
        clip_free(f->clip);
        free(f);
        return NULL;
}

unsigned feed_tracks(const struct feed *f)
{
        return f->tracks_n;
}

const struct media_config *feed_config(const struct feed *f, unsigned track)
{
        return &f->tracks[track].clip->config;
}

void feed_begin(struct feed *f, int64_t boot_us)
{
        f->begin_us = boot_us;
}

void feed_delay(struct feed *f, int64_t us)
{
        f->begin_us += us;
}

/* Sending time of a sample, from the beginning of the first round. */
static int64_t sample_due_us(const struct feed *f, unsigned track, uint64_t round, size_t sample)
{
        const struct clip_track *c = f->tracks[track].clip;

        return timeline_us(&f->timeline, track,
                timeline_ticks(&f->timeline, track, round, c->samples[sample].due));
}

static struct feed_start sample_start(
        const struct feed *f, unsigned track, uint64_t round, size_t sample)
{
        const struct feed_track *t = &f->tracks[track];
        const int64_t ticks =
                timeline_ticks(&f->timeline, track, round, t->clip->samples[sample].pts);

        return (struct feed_start){
                .sequence = (uint16_t)(t->first_sequence + round * t->round_packets +
                                       t->packets_before[sample]),
                .timestamp = t->first_timestamp + (uint32_t)ticks,
        };
}

/* Of two that are due at once, video goes first. */
static unsigned next_track(const struct feed *f)
{
        unsigned best = 0;

        for (unsigned i = 1; i < f->tracks_n; i++)
                if (sample_due_us(f, i, f->tracks[i].round, f->tracks[i].next) <
                        sample_due_us(f, best, f->tracks[best].round, f->tracks[best].next))
                        best = i;
        return best;
}

int64_t feed_due_us(const struct feed *f)
{
        const unsigned i = next_track(f);

        return f->begin_us + sample_due_us(f, i, f->tracks[i].round, f->tracks[i].next);
}

/* Where the first slice's length begins in the unit, and that slice's temporal id; the unit's end
 * when there is none. */
static size_t first_slice(
        enum media_codec codec, struct bytes unit, unsigned *ret_temporal_id_plus1)
{
        struct bytes rest = unit, nal;

        *ret_temporal_id_plus1 = 1;
        for (size_t at = 0; nal_next(&rest, &nal); at = unit.n - rest.n) {
                if (codec == MEDIA_H264 && h264_is_picture(h264_nal_type(nal)))
                        return at;
                if (codec == MEDIA_H265 && nal.n >= 2 && h265_is_picture(h265_nal_type(nal))) {
                        if (nal.p[1] & 7)
                                *ret_temporal_id_plus1 = nal.p[1] & 7;
                        return at;
                }
        }
        return unit.n;
}

/* The unit with a stamp of no camera in it; returns where the stamp's NAL unit begins. */
static size_t insert_stamp(
        struct feed *f, enum media_codec codec, struct bytes unit, struct feed_frame *frame)
{
        struct stamp s = frame->stamp;
        uint8_t nal[STAMP_NAL_ROOM], length[NAL_LENGTH_BYTES] = { 0 };
        const size_t at = first_slice(codec, unit, &frame->temporal_id_plus1);
        size_t n;
        struct err e;
        int r;

        s.camera[0] = '-';
        s.camera[1] = 0;
        n = stamp_format(codec, frame->temporal_id_plus1, &s, nal);
        length[NAL_LENGTH_BYTES - 1] = (uint8_t)n;
        buf_clear(&f->unit);
        r = buf_append(&f->unit, bytes_sub(unit, 0, at), &e);
        r = r < 0 ? r : buf_append(&f->unit, BYTES(length, sizeof length), &e);
        r = r < 0 ? r : buf_append(&f->unit, BYTES(nal, n), &e);
        r = r < 0 ? r : buf_append(&f->unit, bytes_sub(unit, at, unit.n - at), &e);
        assert(r >= 0); /* the maximum was set to fit the largest unit */
        (void)r;
        return at + NAL_LENGTH_BYTES;
}

/* The document with this time in its places. */
static struct bytes put_times(
        struct feed *f, const struct clip_track *t, struct bytes unit, int64_t wall_us)
{
        char text[STR_TIME_ROOM];
        struct err e;
        int r;

        str_time(text, wall_us);
        buf_clear(&f->unit);
        r = buf_append(&f->unit, unit, &e);
        assert(r >= 0); /* the maximum was set to fit the largest unit */
        (void)r;
        for (size_t i = 0; i < t->times_n; i++)
                memcpy(f->unit.p + t->times[i], text, strlen(text));
        return buf_bytes(&f->unit);
}

static void note_packet(struct feed_frame *frame)
{
        if (frame->packets_n == frame->packets_room) {
                frame->packets_room = frame->packets_room ? 2 * frame->packets_room : 16;
                frame->packet_at =
                        xrealloc(frame->packet_at, frame->packets_room, sizeof *frame->packet_at);
        }
        frame->packet_at[frame->packets_n++] = (uint32_t)frame->bytes.n;
}

static int add_packet(void *owner, const struct pay_packet *p, struct err *e)
{
        struct feed_packing *k = owner;
        struct feed_frame *frame = k->frame;
        const size_t payload_n = p->head_n + p->body.n, n = RTP_HEAD_BYTES + payload_n;
        uint8_t *to = buf_reserve(&frame->bytes, RTSP_FRAME_HEAD + n);

        if (!to)
                return err_set(e, ERR_EXHAUSTED, "a unit of more than %u bytes in packets",
                        FRAME_BYTES_MAX);
        rtsp_frame_head(to, 0, (uint16_t)n);
        rtp_format_head(to + RTSP_FRAME_HEAD, k->payload_type, p->marker,
                (uint16_t)(frame->sequence + frame->packets_n), frame->timestamp, k->track->ssrc);
        to += RTSP_FRAME_HEAD + RTP_HEAD_BYTES;
        memcpy(to, p->head, p->head_n);
        memcpy(to + p->head_n, p->body.p, p->body.n);
        if (k->stamp_from && p->body.p >= k->unit + k->stamp_from &&
                p->body.p < k->unit + k->stamp_from + stamp_nal_bytes(k->track->clip->config.codec))
                frame->stamp_at = frame->bytes.n + RTSP_FRAME_HEAD + RTP_HEAD_BYTES;
        note_packet(frame);
        frame->bytes.n += RTSP_FRAME_HEAD + n;
        k->track->sent_packets++;
        k->track->sent_bytes += payload_n;
        return 0;
}

/* An empty frame to be filled: the group's next, or the only one. */
static struct feed_frame *new_frame(struct feed *f, bool starts_group)
{
        struct feed_frame *frame;

        if (starts_group || !f->gop_open) {
                f->frames_n = 0;
                f->gop_bytes = 0;
                f->gop_open = f->o.keep_gop && starts_group;
        }
        if (f->frames_n == f->frames_room) {
                f->frames = xrealloc(f->frames, f->frames_room + 1, sizeof *f->frames);
                frame = &f->frames[f->frames_room++];
                *frame = (struct feed_frame){ 0 };
                buf_init(&frame->bytes, FRAME_BYTES_MAX);
        }
        frame = &f->frames[f->frames_n++];
        buf_clear(&frame->bytes);
        frame->packets_n = 0;
        frame->stamp_at = 0;
        return frame;
}

static void step(struct feed *f, struct feed_track *t, const struct feed_frame *frame)
{
        f->video_frames += is_video(t);
        f->gop_bytes += frame->bytes.n;
        if (f->gop_bytes > FEED_GOP_BYTES_MAX)
                f->gop_open = false; /* too much to keep: clients begin with the next key frame */
        if (++t->next == t->clip->samples_n) {
                t->next = 0;
                t->round++;
        }
}

int feed_pull(struct feed *f, int64_t wall_us, struct feed_frame **ret, struct err *e)
{
        const unsigned i = next_track(f);
        struct feed_track *t = &f->tracks[i];
        const struct clip_sample *s = &t->clip->samples[t->next];
        const struct feed_start start = sample_start(f, i, t->round, t->next);
        struct feed_frame *frame = new_frame(f, (is_video(t) || f->tracks_n == 1) && s->key);
        struct feed_packing k = { .track = t, .frame = frame, .payload_type = payload_type(t, i) };
        struct bytes unit = clip_bytes(f->clip, s);
        int r;

        frame->track = i;
        frame->key = s->key;
        frame->sequence = start.sequence;
        frame->timestamp = start.timestamp;
        frame->stamp = (struct stamp){ .counter = f->video_frames, .wall_us = wall_us };
        if (t->clip->config.codec == MEDIA_ONVIF_METADATA)
                unit = put_times(f, t->clip, unit, wall_us);
        if (is_stamped(f, t)) {
                k.stamp_from = insert_stamp(f, t->clip->config.codec, unit, frame);
                unit = buf_bytes(&f->unit);
        }
        k.unit = unit.p;
        r = pay_unit(
                t->clip->config.codec, unit, FEED_RTP_BYTES - RTP_HEAD_BYTES, add_packet, &k, e);
        if (r < 0)
                return err_wrap(e, r, "track %u, sample %zu", i, t->next);
        step(f, t, frame);
        *ret = frame;
        return 0;
}

bool feed_is_start(const struct feed *f, const struct feed_frame *frame)
{
        return frame->track == 0 && (frame->key || !is_video(&f->tracks[0]));
}

void feed_next_start(const struct feed *f, struct feed_start ret[static TIMELINE_TRACKS_MAX])
{
        const struct feed_track *first = &f->tracks[0];
        uint64_t round = first->round;
        size_t k = first->next;
        int64_t from;

        while (k < first->clip->samples_n && !first->clip->samples[k].key)
                k++;
        if (k == first->clip->samples_n) {
                k = 0; /* a clip begins with a key frame */
                round++;
        }
        ret[0] = sample_start(f, 0, round, k);
        from = sample_due_us(f, 0, round, k);
        for (unsigned i = 1; i < f->tracks_n; i++) {
                const size_t n = f->tracks[i].clip->samples_n;
                uint64_t at_round = f->tracks[i].round;
                size_t at = f->tracks[i].next;

                while (sample_due_us(f, i, at_round, at) < from) {
                        at = (at + 1) % n;
                        at_round += at == 0;
                }
                ret[i] = sample_start(f, i, at_round, at);
        }
}

struct feed_frame *feed_gop(struct feed *f, size_t *ret_n)
{
        *ret_n = f->gop_open ? f->frames_n : 0;
        return f->frames;
}

void feed_gop_start(const struct feed *f, struct feed_start ret[static TIMELINE_TRACKS_MAX])
{
        for (unsigned i = 0; i < f->tracks_n; i++) {
                size_t k = 0;

                while (k < f->frames_n && f->frames[k].track != i)
                        k++;
                if (k < f->frames_n)
                        ret[i] = (struct feed_start){ f->frames[k].sequence,
                                f->frames[k].timestamp };
                else
                        ret[i] = sample_start(f, i, f->tracks[i].round, f->tracks[i].next);
        }
}

void feed_frame_name(const struct feed *f, struct feed_frame *frame, const char *camera)
{
        struct stamp s = frame->stamp;

        if (!frame->stamp_at)
                return;
        assert(strlen(camera) < sizeof s.camera);
        memcpy(s.camera, camera, strlen(camera) + 1);
        stamp_format(f->tracks[frame->track].clip->config.codec, frame->temporal_id_plus1, &s,
                frame->bytes.p + frame->stamp_at);
}

void feed_frame_channel(struct feed_frame *frame, uint8_t channel)
{
        if (frame->packets_n == 0 || frame->bytes.p[frame->packet_at[0] + 1] == channel)
                return;
        for (size_t i = 0; i < frame->packets_n; i++)
                frame->bytes.p[frame->packet_at[i] + 1] = channel;
}

struct bytes feed_frame_packet(const struct feed_frame *frame, size_t i)
{
        const struct bytes all = buf_bytes(&frame->bytes);
        const size_t from = frame->packet_at[i] + RTSP_FRAME_HEAD;
        const size_t to = i + 1 < frame->packets_n ? frame->packet_at[i + 1] : all.n;

        return bytes_sub(all, from, to - from);
}

int feed_report(const struct feed *f, unsigned track, int64_t boot_us, int64_t wall_us,
        const char *cname, struct buf *out, struct err *e)
{
        const struct feed_track *t = &f->tracks[track];
        /* The sample time that is captured at this moment. Before the feed begins there is none:
         * the time stamp wraps. */
        const int64_t ticks = timeline_ticks_of_us(
                &f->timeline, track, boot_us - f->begin_us + f->clip->delay_us);
        const struct rtcp_sender_report r = {
                .ssrc = t->ssrc,
                .ntp = rtcp_ntp_of_us(wall_us),
                .timestamp = t->first_timestamp + (uint32_t)ticks,
                .packets = (uint32_t)t->sent_packets,
                .bytes = (uint32_t)t->sent_bytes,
        };

        return rtcp_format_sender_report(&r, cname, out, e);
}

/* What a track's description borrows from. */
struct feed_words {
        struct buf fmtp, crypto, mikey;
        char control[8];
};

static void words_init(struct feed_words *w, unsigned track)
{
        buf_init(&w->fmtp, FMTP_MAX);
        buf_init(&w->crypto, KEYS_MAX);
        buf_init(&w->mikey, KEYS_MAX);
        memcpy(w->control, "track0", 7);
        w->control[5] = (char)('0' + track);
}

static void words_done(struct feed_words *w)
{
        if (w->crypto.p)
                explicit_bzero(w->crypto.p, w->crypto.room);
        if (w->mikey.p)
                explicit_bzero(w->mikey.p, w->mikey.room);
        buf_done(&w->fmtp);
        buf_done(&w->crypto);
        buf_done(&w->mikey);
}

/* The same key both ways: clients know the one or the other. */
static int describe_key(const struct feed_track *t, const struct srtp_key *key, int64_t wall_us,
        struct feed_words *w, struct sdp_media *m, struct err *e)
{
        struct sdp_crypto crypto = { .tag = 1, .keys_n = 1 };
        struct mikey mikey = { .streams_n = 1, .streams = { { .ssrc = t->ssrc } }, .keys_n = 1 };
        uint8_t random[MIKEY_RAND_BYTES];
        int r;

        crypto.keys[0] = mikey.keys[0] = *key;
        mikey.csb_id = (uint32_t)random_u64();
        random_bytes(random, sizeof random);
        r = sdp_crypto_format(&crypto, &w->crypto, e);
        if (r >= 0)
                r = key_mgmt_encode(&mikey, rtcp_ntp_of_us(wall_us), random, &w->mikey, e);
        sdp_crypto_done(&crypto);
        mikey_done(&mikey);
        m->protocol = bytes_str("RTP/SAVP");
        m->crypto_n = 1;
        m->crypto[0] = buf_bytes(&w->crypto);
        m->key_mgmt = buf_bytes(&w->mikey);
        return r;
}

static int describe_track(
        const struct feed *f, unsigned i, struct feed_words *w, struct sdp_media *m, struct err *e)
{
        const struct media_config *c = &f->tracks[i].clip->config;
        const enum sdp_kind kind = media_is_video(c->codec)   ? SDP_VIDEO
                                   : media_is_audio(c->codec) ? SDP_AUDIO
                                                              : SDP_APPLICATION;
        const int r = media_config_fmtp(c, &w->fmtp, e);

        *m = (struct sdp_media){
                .kind = kind,
                .kind_name = bytes_str(kind == SDP_VIDEO   ? "video"
                                       : kind == SDP_AUDIO ? "audio"
                                                           : "application"),
                .protocol = bytes_str("RTP/AVP"),
                .payload_type = payload_type(&f->tracks[i], i),
                .encoding = bytes_str(media_config_encoding(c)),
                .clock_rate = c->clock_rate,
                /* Opus always says two (RFC 7587 section 7). */
                .channels = c->codec == MEDIA_OPUS ? 2
                            : kind == SDP_AUDIO    ? c->channels
                                                   : 1,
                .fmtp = buf_bytes(&w->fmtp),
                .control = bytes_str(w->control),
        };
        return r;
}

int feed_describe(const struct feed *f, const char *name, const struct srtp_key *keys,
        int64_t wall_us, struct buf *out, struct err *e)
{
        struct sdp s = {
                .name = bytes_str(name), .control = bytes_str("*"), .media_n = f->tracks_n
        };
        struct feed_words words[TIMELINE_TRACKS_MAX];
        int r = 0;

        for (unsigned i = 0; i < f->tracks_n; i++) {
                words_init(&words[i], i);
                if (r >= 0)
                        r = describe_track(f, i, &words[i], &s.media[i], e);
                if (r >= 0 && keys)
                        r = describe_key(
                                &f->tracks[i], &keys[i], wall_us, &words[i], &s.media[i], e);
        }
        if (r >= 0)
                r = sdp_format(&s, f->tracks[0].ssrc, "0.0.0.0", out, e);
        for (unsigned i = 0; i < f->tracks_n; i++)
                words_done(&words[i]);
        return r;
}
