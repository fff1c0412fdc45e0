/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A camera's pictures over HTTP, the last resort where it has no RTSP that can be used: one endless
 * answer of JPEG pictures (multipart/x-mixed-replace), or a request for each. Each picture is an
 * access unit of MEDIA_JPEG that decoding can start with, timed by its arrival in a clock of 90
 * kHz, since HTTP brings no other time.
 *
 * Bytes that are no whole JPEG picture are counted and left out; CAMERA_PULL_BAD_MAX in a row end
 * it (FAULT_NOT_A_PICTURE). What a picture shows is not looked at.
 */
#ifndef CUSTOS_INGEST_CAMERA_PULL_H
#define CUSTOS_INGEST_CAMERA_PULL_H

#include "media/access_unit.h"
#include "net/http_pull.h"

#define CAMERA_PULL_PICTURE_MAX (8u << 20)
#define CAMERA_PULL_BAD_MAX 5
#define CAMERA_PULL_SNAPSHOT_MS 1000u

struct camera_pull_options {
        struct http_pull_options http;
        unsigned snapshot_ms; /* 0: endless; else from one request to the next */
        unsigned pace_ms;     /* how the connection is read */
};

struct camera_pull;

/* All are called with the owner; a negative return, with e set, ends the pull with that error. */
struct camera_pull_events {
        int (*on_secure)(void *owner, const struct tls *tls, struct err *e);
        /* The first picture came; it follows as a unit. */
        int (*on_start)(void *owner, const struct media_config *config, struct err *e);
        int (*on_unit)(void *owner, const struct access_unit *unit, struct err *e);
        void (*need_connection)(void *owner); /* as of struct http_pull_events */
        void (*on_end)(void *owner, const struct err *why);
};

/* As http_pull_new. */
int camera_pull_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct camera_pull_options *o, const struct camera_pull_events *events, void *owner,
        struct camera_pull **ret, struct err *e) MUST_USE;
struct camera_pull *camera_pull_free(struct camera_pull *p); /* NULL is fine */
void camera_pull_connection(struct camera_pull *p, int fd, struct tls *t);
void camera_pull_no_connection(struct camera_pull *p, const struct err *why);
void camera_pull_pace(struct camera_pull *p, unsigned interval_ms);

struct camera_pull_counters {
        uint64_t bytes, pictures, bad;
};
struct camera_pull_counters camera_pull_counters(const struct camera_pull *p);

#endif
