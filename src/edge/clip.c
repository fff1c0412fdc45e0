/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/clip.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

#include "base/str.h"
#include "media/depay_metadata.h"
#include "media/h264.h"
#include "media/h265.h"
#include "media/media_config.h"
#include "media/sound_config.h"

#define AAC_FRAME_SAMPLES 1024
#define SOUND_PIECES_PER_S 50
#define METADATA_CLOCK 90000
#define TIME_ATTRIBUTE "UtcTime=\""
#define TIME_BLANK "0000-00-00T00:00:00.000Z"
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
        else
                return 0;
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
        case AV_CODEC_ID_MJPEG:
                return MEDIA_JPEG;
        case AV_CODEC_ID_PCM_MULAW:
                return MEDIA_PCMU;
        case AV_CODEC_ID_PCM_ALAW:
                return MEDIA_PCMA;
        case AV_CODEC_ID_ADPCM_G726:
        case AV_CODEC_ID_ADPCM_G726LE:
                return MEDIA_G726;
        case AV_CODEC_ID_OPUS:
                return MEDIA_OPUS;
        default:
                return MEDIA_NONE;
        }
}

static int config_of(const AVCodecParameters *par, enum media_codec codec, struct media_config *ret,
        struct err *e)
{
        const struct bytes record =
                BYTES(par->extradata, par->extradata_size > 0 ? (size_t)par->extradata_size : 0);
        const uint32_t rate = (uint32_t)par->sample_rate;
        const uint32_t channels = (uint32_t)par->ch_layout.nb_channels;
        int r;

        switch (codec) {
        case MEDIA_PCMU:
        case MEDIA_PCMA:
                return sound_config_pcm(codec, rate, channels, ret, e);
        case MEDIA_G726:
                return sound_config_g726_make((unsigned)par->bits_per_coded_sample,
                        par->codec_id == AV_CODEC_ID_ADPCM_G726LE ? SOUND_PACKING_RFC3551
                                                                  : SOUND_PACKING_AAL2,
                        rate, ret, e);
        case MEDIA_OPUS:
                return sound_config_opus(SOUND_OPUS_RATE, channels, ret, e);
        case MEDIA_JPEG:
                *ret = (struct media_config){ .codec = MEDIA_JPEG,
                        .clock_rate = 90000,
                        .width = (uint32_t)par->width,
                        .height = (uint32_t)par->height };
                return 0;
        default:
                r = check_lengths(codec, record, e);
                return r < 0 ? r : media_config_of_record(codec, record, ret, e);
        }
}

static int add_track(struct clip_reader *r, int stream, struct err *e)
{
        const AVCodecParameters *par = r->file->streams[stream]->codecpar;
        struct clip_track *t = &r->clip->tracks[r->clip->tracks_n];
        const enum media_codec codec = codec_of(par->codec_id);
        int rc;

        if (codec == MEDIA_NONE)
                return err_set(e, ERR_INVALID,
                        "%s is not served (H.264, H.265, JPEG, AAC, G.711, G.726 and Opus are): "
                        "convert it",
                        avcodec_get_name(par->codec_id));
        rc = config_of(par, codec, &t->config, e);
        if (rc < 0)
                return rc;
        r->stream_of[r->clip->tracks_n++] = stream;
        return 0;
}

/* The first video, then every audio track. */
static int find_tracks(struct clip_reader *r, struct err *e)
{
        const int video = av_find_best_stream(r->file, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
        int rc = video >= 0 ? add_track(r, video, e) : 0;

        if (rc < 0)
                return err_wrap(e, rc, "video track");
        for (unsigned i = 0; i < r->file->nb_streams; i++) {
                if (r->file->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
                        continue;
                if (r->clip->tracks_n == TIMELINE_TRACKS_MAX)
                        return err_set(e, ERR_INVALID, "more than %d tracks", TIMELINE_TRACKS_MAX);
                rc = add_track(r, (int)i, e);
                if (rc < 0)
                        return err_wrap(e, rc, "audio track");
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

/* Bytes of 20 ms of sound that has no frames of its own, 0 for any other. */
static size_t piece_bytes(const struct media_config *c)
{
        switch (c->codec) {
        case MEDIA_PCMU:
        case MEDIA_PCMA:
                return c->sample_rate / SOUND_PIECES_PER_S * c->channels;
        case MEDIA_G726: /* eight code words fill whole bytes */
                return (c->sample_rate / SOUND_PIECES_PER_S + 7) / 8 * sound_config_g726_bits(c);
        default:
                return 0;
        }
}

static int put_sample(struct clip_reader *r, struct clip_track *t, int64_t due, int64_t pts,
        struct bytes data, bool key, struct err *e)
{
        struct clip_sample *s;
        int rc;

        if (data.n > ACCESS_UNIT_MAX || t->samples_n >= CLIP_SAMPLES_MAX)
                return err_set(e, ERR_INVALID, "sample %zu: %zu bytes", t->samples_n, data.n);
        s = new_sample(t);
        *s = (struct clip_sample){
                .due = due, .pts = pts, .at = r->clip->data.n, .n = (uint32_t)data.n, .key = key
        };
        rc = buf_append(&r->clip->data, data, e);
        if (rc >= 0)
                t->samples_n++;
        return rc;
}

/* A long piece of sound as short ones, each as late as what lies before it is long. */
static int put_pieces(
        struct clip_reader *r, struct clip_track *t, int64_t due, struct bytes data, struct err *e)
{
        const size_t piece = piece_bytes(&t->config);
        const int64_t ticks = t->config.clock_rate / SOUND_PIECES_PER_S;
        int rc = 0;

        for (size_t at = 0; rc >= 0 && at < data.n; at += piece) {
                const int64_t when = due + (int64_t)(at / piece) * ticks;

                rc = put_sample(r, t, when, when, bytes_sub(data, at, piece), true, e);
        }
        return rc;
}

static int add_sample(struct clip_reader *r, unsigned track, struct err *e)
{
        struct clip_track *t = &r->clip->tracks[track];
        const AVRational from = r->file->streams[r->stream_of[track]]->time_base;
        const AVRational to = { 1, (int)t->config.clock_rate };
        const AVPacket *p = r->packet;
        const struct bytes data = BYTES(p->data, p->size > 0 ? (size_t)p->size : 0);
        const bool nals = media_has_nals(t->config.codec);
        /* Containers without reordering (AVI) know one time only. */
        const int64_t pts = p->pts == AV_NOPTS_VALUE && !nals ? p->dts : p->pts;
        int rc;

        if (nals && !r->started[track] && !(p->flags & AV_PKT_FLAG_KEY))
                return 0; /* nothing can be decoded before the first key frame */
        r->started[track] = true;
        if (pts == AV_NOPTS_VALUE || p->dts == AV_NOPTS_VALUE)
                return err_set(e, ERR_INVALID, "sample %zu has no time stamp", t->samples_n);
        if (p->dts < -TIME_STAMP_MAX || pts > TIME_STAMP_MAX || pts < p->dts)
                return err_set(
                        e, ERR_INVALID, "sample %zu: its time stamps make no sense", t->samples_n);
        if (data.n == 0 || (nals && !nals_are_whole(data)))
                return err_set(e, ERR_INVALID, "sample %zu: %s", t->samples_n,
                        data.n ? "broken NAL lengths" : "empty");
        const int64_t due = av_rescale_q(p->dts, from, to);
        if (piece_bytes(&t->config))
                rc = put_pieces(r, t, due, data, e);
        else
                rc = put_sample(r, t, due, av_rescale_q(pts, from, to), data,
                        !nals || (p->flags & AV_PKT_FLAG_KEY), e);
        if (rc >= 0)
                t->end = due + (p->duration > 0 ? av_rescale_q(p->duration, from, to) : 0);
        return rc;
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

/* Blanks the times of a document, and notes where they stand. Attributes may have any length. */
static int take_times(struct bytes document, struct clip_track *t, struct buf *out, struct err *e)
{
        const size_t name_n = strlen(TIME_ATTRIBUTE);
        int r = 0;

        while (r >= 0 && document.p && document.n > 0) {
                const uint8_t *at = memmem(document.p, document.n, TIME_ATTRIBUTE, name_n);
                const size_t n = at ? (size_t)(at - document.p) + name_n : document.n;
                const uint8_t *end;

                r = buf_append(out, bytes_sub(document, 0, n), e);
                document = bytes_sub(document, n, document.n);
                if (r < 0 || !at)
                        continue;
                end = memchr(document.p, '"', document.n);
                if (!end || t->times_n == CLIP_TIMES_MAX)
                        return err_set(e, ERR_INVALID,
                                "an UtcTime without an end, or more than %d of them",
                                CLIP_TIMES_MAX);
                t->times[t->times_n++] = out->n;
                r = buf_append(out, bytes_str(TIME_BLANK), e);
                document = bytes_sub(document, (size_t)(end - document.p), document.n);
        }
        return r;
}

int clip_add_metadata(struct clip *c, struct bytes document, struct err *e)
{
        struct clip_track *t = &c->tracks[c->tracks_n];
        int64_t longest_us = 0;
        struct buf blanked;
        int r;

        if (c->tracks_n == TIMELINE_TRACKS_MAX)
                return err_set(e, ERR_INVALID, "more than %d tracks", TIMELINE_TRACKS_MAX);
        if (document.n > CLIP_METADATA_MAX || !depay_metadata_begins(document))
                return err_set(e, ERR_INVALID,
                        "not a document of ONVIF metadata (tt:MetadataStream), or longer than %d "
                        "bytes",
                        CLIP_METADATA_MAX);
        for (unsigned i = 0; i < c->tracks_n; i++) {
                const int64_t us =
                        av_rescale(c->tracks[i].end, 1000000, c->tracks[i].config.clock_rate);

                longest_us = us > longest_us ? us : longest_us;
        }
        *t = (struct clip_track){ .config = { .codec = MEDIA_ONVIF_METADATA,
                                          .clock_rate = METADATA_CLOCK } };
        buf_init(&blanked, 2 * CLIP_METADATA_MAX);
        r = take_times(document, t, &blanked, e);
        for (int64_t s = 0; r >= 0 && (s == 0 || (s + 1) * 1000000 <= longest_us); s++) {
                *new_sample(t) = (struct clip_sample){ .due = s * METADATA_CLOCK,
                        .pts = s * METADATA_CLOCK,
                        .at = c->data.n,
                        .n = (uint32_t)blanked.n,
                        .key = true };
                r = buf_append(&c->data, buf_bytes(&blanked), e);
                t->end = (s + 1) * METADATA_CLOCK;
                t->samples_n++;
        }
        buf_done(&blanked);
        c->tracks_n++; /* also when it failed: clip_free frees it */
        return r < 0 ? r : 0;
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
