/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/clip.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

#include "media/h264.h"
#include "media/h265.h"
#include "media/media_config.h"

#define AAC_FRAME_SAMPLES 1024
#define TIME_STAMP_MAX (INT64_C(1) << 45)

/* While the file is read. */
struct clip_reader {
        AVFormatContext *file;
        AVPacket *packet;
        struct clip *clip;
        int stream_of[TIMELINE_TRACKS_MAX];
        bool started[TIMELINE_TRACKS_MAX]; /* the first key frame was seen */
};

static int av_fail(struct err *e, int code, int av, const char *what)
{
        char text[AV_ERROR_MAX_STRING_SIZE] = "";

        av_strerror(av, text, sizeof text);
        return err_set(e, code, "%s: %s", what, text);
}

/* The NAL units of the samples must lie behind 4-byte lengths, as in nearly every MP4 file. */
static int check_lengths(enum media_codec codec, struct bytes record, struct err *e)
{
        struct nal_sets sets;
        unsigned n = NAL_LENGTH_BYTES;
        int r = 0;

        if (codec == MEDIA_H264)
                r = h264_config_sets(record, &sets, &n, e);
        else if (codec == MEDIA_H265)
                r = h265_config_sets(record, &sets, &n, e);
        if (r < 0)
                return err_wrap(
                        e, r, "not stored as in MP4 (convert it: ffmpeg -i FILE -c copy NEW.mp4)");
        return n == NAL_LENGTH_BYTES
                       ? 0
                       : err_set(e, ERR_INVALID, "NAL lengths of %u bytes instead of 4", n);
}

static enum media_codec codec_of(enum AVCodecID id)
{
        switch (id) {
        case AV_CODEC_ID_H264:
                return MEDIA_H264;
        case AV_CODEC_ID_HEVC:
                return MEDIA_H265;
        case AV_CODEC_ID_AAC:
                return MEDIA_AAC;
        default:
                return MEDIA_NONE;
        }
}

static int add_track(struct clip_reader *r, int stream, struct err *e)
{
        const AVCodecParameters *par = r->file->streams[stream]->codecpar;
        struct clip_track *t = &r->clip->tracks[r->clip->tracks_n];
        const enum media_codec codec = codec_of(par->codec_id);
        const struct bytes record =
                BYTES(par->extradata, par->extradata_size > 0 ? (size_t)par->extradata_size : 0);
        int rc;

        if (codec == MEDIA_NONE)
                return err_set(e, ERR_INVALID,
                        "%s is not served (H.264, H.265 and AAC are): convert it",
                        avcodec_get_name(par->codec_id));
        rc = check_lengths(codec, record, e);
        if (rc >= 0)
                rc = media_config_of_record(codec, record, &t->config, e);
        if (rc < 0)
                return rc;
        r->stream_of[r->clip->tracks_n++] = stream;
        return 0;
}

static int find_tracks(struct clip_reader *r, struct err *e)
{
        static const enum AVMediaType types[] = { AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO };
        int rc;

        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                const int stream = av_find_best_stream(r->file, types[i], -1, -1, NULL, 0);

                if (stream < 0)
                        continue;
                rc = add_track(r, stream, e);
                if (rc < 0)
                        return err_wrap(e, rc, "%s track", av_get_media_type_string(types[i]));
        }
        if (r->clip->tracks_n == 0)
                return err_set(e, ERR_INVALID, "it holds neither video nor audio");
        return 0;
}

static struct clip_sample *new_sample(struct clip_track *t)
{
        if (t->samples_n == t->samples_room) {
                t->samples_room = t->samples_room ? 2 * t->samples_room : 256;
                t->samples = xrealloc(t->samples, t->samples_room, sizeof *t->samples);
        }
        return &t->samples[t->samples_n];
}

/* Every NAL unit whole, none empty, so that the packetizer never meets anything else. */
static bool nals_are_whole(struct bytes b)
{
        struct bytes nal;
        size_t nals = 0;

        while (nal_next(&b, &nal))
                nals++;
        return b.n == 0 && nals > 0 && nals <= ACCESS_UNIT_NALS_MAX;
}

static int add_sample(struct clip_reader *r, unsigned track, struct err *e)
{
        struct clip_track *t = &r->clip->tracks[track];
        const AVRational from = r->file->streams[r->stream_of[track]]->time_base;
        const AVRational to = { 1, (int)t->config.clock_rate };
        const AVPacket *p = r->packet;
        const struct bytes data = BYTES(p->data, (size_t)p->size);
        struct clip_sample *s;
        int rc;

        if (media_is_video(t->config.codec) && !r->started[track] && !(p->flags & AV_PKT_FLAG_KEY))
                return 0; /* nothing can be decoded before the first key frame */
        r->started[track] = true;
        if (p->pts == AV_NOPTS_VALUE || p->dts == AV_NOPTS_VALUE)
                return err_set(e, ERR_INVALID, "sample %zu has no time stamp", t->samples_n);
        if (p->dts < -TIME_STAMP_MAX || p->pts > TIME_STAMP_MAX || p->pts < p->dts)
                return err_set(
                        e, ERR_INVALID, "sample %zu: its time stamps make no sense", t->samples_n);
        if (p->size <= 0 || (uint32_t)p->size > ACCESS_UNIT_MAX || t->samples_n >= CLIP_SAMPLES_MAX)
                return err_set(e, ERR_INVALID, "sample %zu: %d bytes", t->samples_n, p->size);
        if (media_is_video(t->config.codec) && !nals_are_whole(data))
                return err_set(e, ERR_INVALID, "sample %zu: broken NAL lengths", t->samples_n);
        s = new_sample(t);
        *s = (struct clip_sample){
                .due = av_rescale_q(p->dts, from, to),
                .pts = av_rescale_q(p->pts, from, to),
                .at = r->clip->data.n,
                .n = (uint32_t)p->size,
                .key = !media_is_video(t->config.codec) || (p->flags & AV_PKT_FLAG_KEY),
        };
        rc = buf_append(&r->clip->data, data, e);
        if (rc < 0)
                return rc;
        t->end = s->due + (p->duration > 0 ? av_rescale_q(p->duration, from, to) : 0);
        t->samples_n++;
        return 0;
}

static int read_samples(struct clip_reader *r, struct err *e)
{
        int av, rc;

        while ((av = av_read_frame(r->file, r->packet)) >= 0) {
                rc = 0;
                for (unsigned i = 0; rc >= 0 && i < r->clip->tracks_n; i++)
                        if (r->packet->stream_index == r->stream_of[i])
                                rc = add_sample(r, i, e);
                av_packet_unref(r->packet);
                if (rc < 0)
                        return rc;
        }
        if (av != AVERROR_EOF)
                return av_fail(e, ERR_CORRUPT, av, "reading");
        return 0;
}

/* Decoding times must rise; where the file does not say how long the last sample is, as long as the
 * one before. */
static int check_times(struct clip_track *t, struct err *e)
{
        if (t->samples_n == 0)
                return err_set(e, ERR_INVALID, "a track without samples (or without a key frame)");
        for (size_t i = 1; i < t->samples_n; i++)
                if (t->samples[i].due <= t->samples[i - 1].due)
                        return err_set(
                                e, ERR_INVALID, "sample %zu is not later than the one before", i);
        if (t->end <= t->samples[t->samples_n - 1].due) {
                const struct clip_sample *last = &t->samples[t->samples_n - 1];
                const int64_t step = media_is_video(t->config.codec) ? t->config.clock_rate / 25
                                                                     : AAC_FRAME_SAMPLES;

                t->end = last->due + (t->samples_n > 1 ? last->due - last[-1].due : step);
        }
        return 0;
}

/* Makes all times count from the earliest sample, the same instant for all tracks. */
static void move_to_start(struct clip *c)
{
        int64_t start_us = INT64_MAX;

        for (unsigned i = 0; i < c->tracks_n; i++) {
                const int64_t us = av_rescale_rnd(c->tracks[i].samples[0].due, 1000000,
                        c->tracks[i].config.clock_rate, AV_ROUND_DOWN);

                start_us = us < start_us ? us : start_us;
        }
        for (unsigned i = 0; i < c->tracks_n; i++) {
                struct clip_track *t = &c->tracks[i];
                const int64_t rate = t->config.clock_rate;
                const int64_t from = av_rescale_rnd(start_us, rate, 1000000, AV_ROUND_DOWN);

                t->end -= from;
                for (size_t k = 0; k < t->samples_n; k++) {
                        struct clip_sample *s = &t->samples[k];
                        const int64_t late =
                                av_rescale_rnd(s->pts - s->due, 1000000, rate, AV_ROUND_UP);

                        s->due -= from;
                        s->pts -= from;
                        c->delay_us = late > c->delay_us ? late : c->delay_us;
                }
        }
}

static int read_file(struct clip_reader *r, const char *path, struct err *e)
{
        int rc = avformat_open_input(&r->file, path, NULL, NULL);

        if (rc < 0)
                return av_fail(e, ERR_INVALID, rc, "opening it as a media file");
        rc = avformat_find_stream_info(r->file, NULL);
        if (rc < 0)
                return av_fail(e, ERR_INVALID, rc, "finding its tracks");
        rc = find_tracks(r, e);
        if (rc >= 0)
                rc = read_samples(r, e);
        for (unsigned i = 0; rc >= 0 && i < r->clip->tracks_n; i++)
                rc = check_times(&r->clip->tracks[i], e);
        if (rc >= 0)
                move_to_start(r->clip);
        return rc;
}

int clip_open(const char *path, struct clip **ret, struct err *e)
{
        CLEANUP(clip_freep) struct clip *c = xcalloc(1, sizeof *c);
        struct clip_reader r = { .clip = c, .packet = av_packet_alloc() };
        int rc;

        if (!r.packet)
                abort();
        buf_init(&c->data, CLIP_BYTES_MAX);
        av_log_set_level(AV_LOG_ERROR);
        rc = read_file(&r, path, e);
        av_packet_free(&r.packet);
        avformat_close_input(&r.file);
        if (rc < 0)
                return err_wrap(e, rc, "%s", path);
        *ret = TAKE(c);
        return 0;
}

struct clip *clip_free(struct clip *c)
{
        if (!c)
                return NULL;
        for (unsigned i = 0; i < c->tracks_n; i++)
                free(c->tracks[i].samples);
        buf_done(&c->data);
        free(c);
        return NULL;
}

void clip_freep(struct clip **c)
{
        *c = clip_free(*c);
}

struct bytes clip_bytes(const struct clip *c, const struct clip_sample *s)
{
        return bytes_sub(buf_bytes(&c->data), s->at, s->n);
}
