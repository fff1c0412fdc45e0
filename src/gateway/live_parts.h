/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What live.c (who watches, and by which grant), live_stream.c (what comes from a recorder) and
 * live_viewer.c (what goes to a WebSocket) share. For these alone.
 */
#ifndef CUSTOS_GATEWAY_LIVE_PARTS_H
#define CUSTOS_GATEWAY_LIVE_PARTS_H

#include "crypto/hpke.h"
#include "crypto/media_box.h"
#include "gateway/live.h"
#include "hub/hub_reader.h"

#define LIVE_WINDOW (2u << 20)        /* bytes on their way from a recorder */
#define LIVE_VIEWER_WINDOW (2u << 20) /* that wait for a viewer, before he skips */
#define LIVE_PATH_ROOM 96
#define LIVE_NAME_ROOM 48

struct live_stream;

struct live_viewer {
        struct live *live;
        struct live_viewer *next, **at;           /* of all */
        struct live_viewer *next_same, **at_same; /* of its stream */
        struct http_socket *socket;
        struct live_stream *stream; /* NULL until it has a grant */
        char path[LIVE_PATH_ROOM], recorder[LIVE_NAME_ROOM], session[33], person[260];
        bool playback, keys_only;
        char from[40], until[40];
        uint64_t ticket, seen_ticket; /* asked the manager */
        char *grant;                  /* that the recorder has not seen yet; owned */
        bool asking;                  /* it is before the recorder */
        bool watching;
        int64_t made_us, renew_us, expires_us; /* boot clock */
        struct hub_reader reader;
        bool in_thing; /* the rest of it follows */
        bool said_at;  /* when the next fragment is of */
        bool paced;    /* of playback: what begins behind pace_us waits */
        int64_t pace_us;
        json_t *last; /* to be said, and then it is over */
};

/* One subscription at a recorder. */
struct live_stream {
        struct live *live;
        struct live_stream *next, **at;
        char path[LIVE_PATH_ROOM], recorder[LIVE_NAME_ROOM];
        uint32_t subscription;
        bool playback, open, ended;
        bool busy; /* leaving does not free it */
        struct live_viewer *viewers;
        struct live_viewer *before; /* whose grant is before the recorder; NULL: he left */
        char *grant;                /* that one; owned */
        uint64_t ticket;
        struct media_box *box;
        struct hub_gather gather;
        struct hub_thing *header; /* the newest: for who comes later */
        struct buf opened;
        uint64_t owed; /* credit that goes back */
};

struct live {
        struct loop *loop;
        struct gateway_links *links;
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        char session[2 * HPKE_PUBLIC_BYTES + 1];
        struct live_viewer *viewers;
        unsigned viewers_n;
        struct live_stream *streams;
        uint32_t subscriptions;
        struct timer tick;
        uint64_t bytes_in, bytes_out, skips;
        int64_t seen_us;
        struct buf message;
};

/* live_stream.c */
/* v has a grant: it is shown to the recorder as soon as that is possible. */
void live_stream_show(struct live_viewer *v);
/* He leaves; the last one ends the subscription. */
void live_stream_leave(struct live_viewer *v);
struct live_stream *live_stream_free(struct live_stream *s);
/* The viewer of recorded footage has taken something: what he has no room for waits there. */
void live_stream_taken(struct live_stream *s);

/* live_viewer.c */
void live_viewer_push(struct live_viewer *v, struct hub_thing *t);
/* Sends what there is, as far as the socket takes it. */
void live_viewer_pump(struct live_viewer *v);
/* Says why, behind what is on its way (at once: before it), and closes. v may be gone then. */
void live_viewer_end(struct live_viewer *v, bool at_once, const struct err *why);
/* The same with a body as media.ended has it. */
void live_viewer_ended(struct live_viewer *v, json_t *body);

/* live.c */
struct live_viewer *live_viewer_free(struct live_viewer *v);

#endif
