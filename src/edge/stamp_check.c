/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/stamp_check.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

#include "media/nal.h"

struct stamp_mark {
        uint64_t counter;
        int64_t wall_us;
};

struct stamp_marks { /* of one camera, as found */
        struct stamp_mark *p;
        size_t n, room;
};

struct stamp_check {
        struct stamp_check_camera *cameras;
        struct stamp_marks *marks; /* of the same index */
        size_t cameras_n;
        uint64_t frames, unstamped;
        bool counted; /* the cameras' figures belong to the marks */
};

struct stamp_check *stamp_check_new(void)
{
        return xcalloc(1, sizeof(struct stamp_check));
}

static void forget_gaps(struct stamp_check *c)
{
        for (size_t i = 0; i < c->cameras_n; i++) {
                free(c->cameras[i].gaps);
                c->cameras[i].gaps = NULL;
                c->cameras[i].gaps_n = 0;
        }
        c->counted = false;
}

struct stamp_check *stamp_check_free(struct stamp_check *c)
{
        if (!c)
                return NULL;
        forget_gaps(c);
        for (size_t i = 0; i < c->cameras_n; i++)
                free(c->marks[i].p);
        free(c->cameras);
        free(c->marks);
        free(c);
        return NULL;
}

void stamp_check_freep(struct stamp_check **c)
{
        *c = stamp_check_free(*c);
}

/* The camera's index, or negative. */
static int camera_of(struct stamp_check *c, const char *name, struct err *e)
{
        size_t i = 0;

        while (i < c->cameras_n && strcmp(c->cameras[i].name, name) != 0)
                i++;
        if (i == STAMP_CHECK_CAMERAS_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %d cameras", STAMP_CHECK_CAMERAS_MAX);
        if (i == c->cameras_n) {
                c->cameras = xrealloc(c->cameras, i + 1, sizeof *c->cameras);
                c->marks = xrealloc(c->marks, i + 1, sizeof *c->marks);
                c->cameras[i] = (struct stamp_check_camera){ 0 };
                c->marks[i] = (struct stamp_marks){ 0 };
                memcpy(c->cameras[i].name, name, strlen(name) + 1);
                c->cameras_n++;
        }
        return (int)i;
}

static int add_mark(struct stamp_check *c, const struct stamp *s, struct err *e)
{
        const int i = camera_of(c, s->camera, e);
        struct stamp_marks *m;

        if (i < 0)
                return i;
        m = &c->marks[i];
        if (m->n == m->room) {
                m->room = m->room ? 2 * m->room : 1024;
                m->p = xrealloc(m->p, m->room, sizeof *m->p);
        }
        m->p[m->n++] = (struct stamp_mark){ s->counter, s->wall_us };
        return 0;
}

/* The next NAL unit behind a length of length_n bytes; false at the end or where the lengths are
 * broken. */
static bool next_of_lengths(struct bytes *rest, unsigned length_n, struct bytes *ret)
{
        size_t n = 0;

        if (rest->n < length_n)
                return false;
        for (unsigned i = 0; i < length_n; i++)
                n = n << 8 | rest->p[i];
        if (n > rest->n - length_n)
                return false;
        *ret = bytes_sub(*rest, length_n, n);
        *rest = bytes_sub(*rest, length_n + n, rest->n);
        return true;
}

/* length_n: bytes of a NAL unit's length, 0 where start codes are used. */
static bool find_stamp(
        enum media_codec codec, struct bytes frame, unsigned length_n, struct stamp *ret)
{
        struct bytes nal;

        while (length_n ? next_of_lengths(&frame, length_n, &nal) : nal_next_annexb(&frame, &nal))
                if (stamp_parse(codec, nal, ret))
                        return true;
        return false;
}

static int read_frames(
        struct stamp_check *c, AVFormatContext *file, int stream, AVPacket *packet, struct err *e)
{
        const AVCodecParameters *par = file->streams[stream]->codecpar;
        const enum media_codec codec = par->codec_id == AV_CODEC_ID_HEVC ? MEDIA_H265 : MEDIA_H264;
        const int length_at = codec == MEDIA_H265 ? 21 : 4;
        unsigned length_n = 0;
        struct stamp s;
        int rc = 0;

        if (par->extradata_size > length_at && par->extradata[0] == 1)
                length_n = (par->extradata[length_at] & 3u) + 1;
        while (rc >= 0 && av_read_frame(file, packet) >= 0) {
                if (packet->stream_index == stream && packet->size > 0) {
                        if (++c->frames > STAMP_CHECK_FRAMES_MAX)
                                rc = err_set(e, ERR_EXHAUSTED, "more than %u frames",
                                        STAMP_CHECK_FRAMES_MAX);
                        else if (find_stamp(codec, BYTES(packet->data, (size_t)packet->size),
                                         length_n, &s))
                                rc = add_mark(c, &s, e);
                        else
                                c->unstamped++;
                }
                av_packet_unref(packet);
        }
        return rc;
}

static int find_video(AVFormatContext *file, struct err *e)
{
        const int stream = av_find_best_stream(file, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);

        if (stream < 0)
                return err_set(e, ERR_INVALID, "there is no video in it");
        if (file->streams[stream]->codecpar->codec_id != AV_CODEC_ID_H264 &&
                file->streams[stream]->codecpar->codec_id != AV_CODEC_ID_HEVC)
                return err_set(e, ERR_INVALID, "its video is neither H.264 nor H.265");
        return stream;
}

int stamp_check_file(struct stamp_check *c, const char *path, struct err *e)
{
        AVFormatContext *file = NULL;
        AVPacket *packet = av_packet_alloc();
        int rc;

        if (!packet)
                abort();
        forget_gaps(c);
        av_log_set_level(AV_LOG_FATAL);
        rc = avformat_open_input(&file, path, NULL, NULL);
        if (rc >= 0)
                rc = avformat_find_stream_info(file, NULL);
        if (rc < 0) {
                char text[AV_ERROR_MAX_STRING_SIZE] = "";

                av_strerror(rc, text, sizeof text);
                rc = err_set(e, ERR_INVALID, "%s: reading it as a media file: %s", path, text);
        } else {
                rc = find_video(file, e);
                if (rc >= 0)
                        rc = read_frames(c, file, rc, packet, e);
                if (rc < 0)
                        rc = err_wrap(e, rc, "%s", path);
        }
        av_packet_free(&packet);
        avformat_close_input(&file);
        return rc < 0 ? rc : 0;
}

static int by_counter(const void *a, const void *b)
{
        const struct stamp_mark *x = a, *y = b;

        return (x->counter > y->counter) - (x->counter < y->counter);
}

static void add_gap(struct stamp_check_camera *cam, const struct stamp_mark *before,
        const struct stamp_mark *behind)
{
        cam->gaps = xrealloc(cam->gaps, cam->gaps_n + 1, sizeof *cam->gaps);
        cam->gaps[cam->gaps_n++] = (struct stamp_check_gap){
                .first = before->counter + 1,
                .last = behind->counter - 1,
                .us = (int64_t)((uint64_t)behind->wall_us - (uint64_t)before->wall_us),
        };
        cam->missing += behind->counter - before->counter - 1;
}

static void count_camera(struct stamp_check_camera *cam, const struct stamp_marks *found)
{
        struct stamp_mark *m = xcalloc(found->n, sizeof *m);

        cam->frames = 1;
        cam->missing = cam->duplicates = cam->out_of_order = 0;
        for (size_t i = 1; i < found->n; i++)
                cam->out_of_order += found->p[i].counter < found->p[i - 1].counter;
        memcpy(m, found->p, found->n * sizeof *m);
        qsort(m, found->n, sizeof *m, by_counter);
        for (size_t i = 1; i < found->n; i++) {
                if (m[i].counter == m[i - 1].counter) {
                        cam->duplicates++;
                        continue;
                }
                cam->frames++;
                if (m[i].counter != m[i - 1].counter + 1)
                        add_gap(cam, &m[i - 1], &m[i]);
        }
        cam->first = m[0].counter;
        cam->first_us = m[0].wall_us;
        cam->last = m[found->n - 1].counter;
        cam->last_us = m[found->n - 1].wall_us;
        free(m);
}

const struct stamp_check_camera *stamp_check_cameras(struct stamp_check *c, size_t *ret_n)
{
        if (!c->counted)
                for (size_t i = 0; i < c->cameras_n; i++)
                        count_camera(&c->cameras[i], &c->marks[i]);
        c->counted = true;
        *ret_n = c->cameras_n;
        return c->cameras;
}

uint64_t stamp_check_unstamped(const struct stamp_check *c)
{
        return c->unstamped;
}

bool stamp_check_complete(struct stamp_check *c)
{
        uint64_t missing = c->unstamped;
        size_t n;
        const struct stamp_check_camera *cams = stamp_check_cameras(c, &n);

        for (size_t i = 0; i < n; i++)
                missing += cams[i].missing;
        return n > 0 && missing == 0;
}
