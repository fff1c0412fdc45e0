/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera_pull.h"

#include <stdlib.h>

#include "os/clock.h"
#include "proto/multipart.h"

struct camera_pull {
        struct http_pull *http; /* owned */
        struct loop *loop;      /* borrowed */
        const struct camera_pull_events *events;
        void *owner;
        unsigned snapshot_ms;
        struct timer timer; /* the next snapshot */
        struct multipart parts;
        bool has_parts;
        struct buf body; /* of a snapshot */
        struct media_config config;
        int64_t first_us; /* steady, of the first picture */
        int64_t pts;      /* of the newest; -1 before */
        unsigned bad_in_a_row;
        uint64_t pictures, bad;
        bool started, freed;
        unsigned busy; /* our own calls on the stack */
};

static void destroy(struct camera_pull *p)
{
        if (p->has_parts)
                multipart_done(&p->parts);
        buf_done(&p->body);
        free(p);
}

static void enter(struct camera_pull *p)
{
        p->busy++;
}

static int leave(struct camera_pull *p, int r)
{
        if (--p->busy > 0 || !p->freed)
                return p->freed ? ERR_CANCELLED : r;
        destroy(p);
        return ERR_CANCELLED;
}

/* ---- pictures ---- */

/* ITU-T T.81 annex B: the marker segments up to the frame header, which has the size. */
static bool picture_size(struct bytes b, uint32_t *ret_width, uint32_t *ret_height)
{
        for (size_t at = 2; at + 9 <= b.n;) {
                const uint8_t *m = b.p + at;
                size_t n = (size_t)m[2] << 8 | m[3];

                if (m[0] != 0xff)
                        return false;
                if (m[1] == 0xff) { /* fill */
                        at++;
                        continue;
                }
                /* SOF0..SOF15 but for DHT, JPG and DAC, which lie among them */
                if (m[1] >= 0xc0 && m[1] <= 0xcf && m[1] != 0xc4 && m[1] != 0xc8 && m[1] != 0xcc) {
                        *ret_height = (uint32_t)m[5] << 8 | m[6];
                        *ret_width = (uint32_t)m[7] << 8 | m[8];
                        return *ret_width > 0 && *ret_height > 0;
                }
                if (m[1] == 0xda || m[1] == 0xd9 || n < 2)
                        return false;
                at += 2 + n;
        }
        return false;
}

/* From SOI to EOI, without what some cameras put behind it. */
static bool is_picture(struct bytes *b, uint32_t *ret_width, uint32_t *ret_height)
{
        if (b->n < 4 || b->p[0] != 0xff || b->p[1] != 0xd8)
                return false;
        while (b->n > 4 &&
                (b->p[b->n - 1] == 0 || b->p[b->n - 1] == '\r' || b->p[b->n - 1] == '\n'))
                b->n--;
        return b->p[b->n - 2] == 0xff && b->p[b->n - 1] == 0xd9 &&
               picture_size(*b, ret_width, ret_height);
}

static int not_a_picture(struct camera_pull *p, struct err *e)
{
        p->bad++;
        if (++p->bad_in_a_row < CAMERA_PULL_BAD_MAX)
                return 0;
        return err_fault(e, ERR_PROTOCOL, FAULT_NOT_A_PICTURE,
                "%d times in a row what came was no JPEG picture", CAMERA_PULL_BAD_MAX);
}

static int on_picture(struct camera_pull *p, struct bytes data, struct err *e)
{
        int64_t now_us = clock_boot_us();
        struct access_unit unit = {
                .key = true, .arrival_us = clock_wall_us(), .sender_us = INT64_MIN
        };
        uint32_t width, height;
        int r = 0;

        if (!is_picture(&data, &width, &height))
                return not_a_picture(p, e);
        p->pictures++;
        p->bad_in_a_row = 0;
        if (width != p->config.width || height != p->config.height) {
                p->config = (struct media_config){
                        .codec = MEDIA_JPEG, .clock_rate = 90000, .width = width, .height = height
                };
                unit.new_config = p->started ? &p->config : NULL;
        }
        if (!p->started) {
                p->started = true;
                p->first_us = now_us;
                p->pts = -1;
                r = p->events->on_start(p->owner, &p->config, e);
        }
        if (r < 0 || p->freed)
                return r;
        unit.data = data;
        /* Two that were read together still follow each other. */
        p->pts = (now_us - p->first_us) * 9 / 100 > p->pts ? (now_us - p->first_us) * 9 / 100
                                                           : p->pts + 1;
        unit.pts = p->pts;
        r = p->events->on_unit(p->owner, &unit, e);
        return r < 0 ? r : 0;
}

/* ---- HTTP's events ---- */

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct camera_pull *p = owner;

        enter(p);
        return leave(p, p->events->on_secure(p->owner, tls, e));
}

static int on_head(void *owner, const struct http_answer *a, struct err *e)
{
        struct bytes type = http_answer_header(a, "Content-Type", 0);
        bool mixed = type.n > 10 && http_type_parameter(type, "boundary").p != NULL;
        struct camera_pull *p = owner;
        int r;

        if (mixed == (p->snapshot_ms > 0))
                return err_fault(e, ERR_PROTOCOL, FAULT_NOT_A_PICTURE,
                        mixed ? "the camera answers with a stream of pictures where one was asked "
                                "for"
                              : "the camera answers with something else than a stream of pictures");
        buf_clear(&p->body);
        if (!mixed)
                return 0;
        r = multipart_init(
                &p->parts, http_type_parameter(type, "boundary"), CAMERA_PULL_PICTURE_MAX, e);
        p->has_parts = r >= 0;
        return r < 0 ? r : 1;
}

static int on_part(void *owner, struct bytes part, struct err *e)
{
        struct camera_pull *p = owner;
        int r = on_picture(p, part, e);

        return p->freed ? ERR_CANCELLED : r;
}

static int on_body(void *owner, struct bytes piece, struct err *e)
{
        struct camera_pull *p = owner;
        int r;

        if (!p->has_parts)
                return buf_append(&p->body, piece, e);
        enter(p);
        r = multipart_feed(&p->parts, piece, on_part, p, e);
        return leave(p, r);
}

static int on_done(void *owner, struct err *e)
{
        struct camera_pull *p = owner;

        enter(p);
        return leave(p, on_picture(p, buf_bytes(&p->body), e));
}

static void need_connection(void *owner)
{
        struct camera_pull *p = owner;

        enter(p);
        p->events->need_connection(p->owner);
        (void)leave(p, 0);
}

static void on_end(void *owner, const struct err *why)
{
        struct camera_pull *p = owner;

        enter(p);
        p->events->on_end(p->owner, why);
        (void)leave(p, 0);
}

static const struct http_pull_events http_handlers = {
        .on_secure = on_secure,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .need_connection = need_connection,
        .on_end = on_end,
};

static void on_next(void *owner)
{
        struct camera_pull *p = owner;

        http_pull_again(p->http);
}

/* ---- life ---- */

int camera_pull_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct camera_pull_options *o, const struct camera_pull_events *events, void *owner,
        struct camera_pull **ret, struct err *e)
{
        struct camera_pull *p = xcalloc(1, sizeof *p);
        int r;

        p->loop = stream_shared_loop(sh);
        p->events = events;
        p->owner = owner;
        p->snapshot_ms = o->snapshot_ms;
        buf_init(&p->body, CAMERA_PULL_PICTURE_MAX);
        r = http_pull_new(sh, fd, t, &o->http, &http_handlers, p, &p->http, e);
        if (r < 0) {
                destroy(p);
                return r;
        }
        if (o->pace_ms)
                http_pull_pace(p->http, o->pace_ms);
        if (p->snapshot_ms)
                timer_start(&p->timer, p->loop, p->snapshot_ms, p->snapshot_ms, on_next, p);
        *ret = p;
        return 0;
}

struct camera_pull *camera_pull_free(struct camera_pull *p)
{
        if (!p)
                return NULL;
        timer_done(&p->timer);
        p->http = http_pull_free(p->http);
        p->freed = true;
        if (p->busy == 0)
                destroy(p);
        return NULL;
}

void camera_pull_connection(struct camera_pull *p, int fd, struct tls *t)
{
        http_pull_connection(p->http, fd, t);
}

void camera_pull_no_connection(struct camera_pull *p, const struct err *why)
{
        http_pull_no_connection(p->http, why);
}

void camera_pull_pace(struct camera_pull *p, unsigned interval_ms)
{
        http_pull_pace(p->http, interval_ms);
}

struct camera_pull_counters camera_pull_counters(const struct camera_pull *p)
{
        return (struct camera_pull_counters){ http_pull_received(p->http), p->pictures, p->bad };
}
