/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A camera that says what a script says: an RTSP server over TLS on one end of a socket pair, in
 * the process and on the loop of the test. It checks nothing by itself; it keeps all requests as
 * text for the test to look at. Include scripted_rtsp.c in one test file.
 */
#ifndef CUSTOS_TEST_SCRIPTED_RTSP_H
#define CUSTOS_TEST_SCRIPTED_RTSP_H

#include "crypto/sign.h"
#include "crypto/tls.h"
#include "net/stream.h"
#include "os/loop.h"

/* A CA that the client trusts, and a certificate of the camera's. */
enum scripted_fault {
        SCRIPTED_GOOD,
        SCRIPTED_WRONG_NAME,
        SCRIPTED_EXPIRED,
        SCRIPTED_OTHER_CA,
        SCRIPTED_SELF_SIGNED,
};
struct scripted_pki {
        struct tls_client_config *client;
        struct tls_server_config *server;
        struct tls_server_config *second; /* of the same CA for the same address: another key */
        uint8_t camera_key[32];
};
/* The camera is 127.0.0.1. */
void scripted_pki_init(struct scripted_pki *p, enum scripted_fault fault);
void scripted_pki_done(struct scripted_pki *p);

struct scripted_step {
        const char *method; /* waited for; anything else is answered 555. NULL: sent at once */
        const char *status; /* "200 OK" and header lines, CR LF between; NULL: no answer */
        const char *body;   /* or NULL */
        struct bytes after; /* sent behind the answer: interleaved packets, garbage */
        unsigned wait_ms;   /* before the answer */
        bool close;         /* after it */
        bool drop;          /* as close, without close_notify */
};

#define SCRIPTED_REQUESTS_MAX 65536

/* How a camera serves the tunnel in HTTP. */
struct scripted_tunnel {
        bool on;
        const char *refusals[4]; /* "401 Unauthorized" and header lines: the answers to the first
                                    GETs, in their order; NULL: 200 */
        const char *post_refusals[4]; /* likewise to the first POSTs */
        bool post_ok;                 /* says 200 to a POST at once */
        bool post_closes;             /* closes the POST after each request */
        bool answers_on_post;         /* RTSP comes back on the wrong connection */
        unsigned gets, posts;
        struct stream *post;
        struct stream *fresh; /* no head came yet */
        struct buf heads;     /* of GET and POST, as they came */
        struct buf head, base64;
};

struct scripted_rtsp {
        struct loop *loop;
        struct stream_shared *shared;
        struct stream *stream;
        int fd; /* the stream's */
        const struct scripted_step *steps;
        unsigned steps_n, at;
        unsigned piece_bytes; /* each answer in TLS records of so many bytes; 0: in one */
        struct timer wait;
        bool waiting;
        struct buf in;
        uint32_t cseq;
        struct buf requests; /* all heads, as they came */
        unsigned requests_n;
        unsigned frames;    /* interleaved packets from the client */
        uint8_t frame[256]; /* the newest */
        size_t frame_n;
        uint8_t frame_channel;
        bool ready, ended;
        struct scripted_tunnel tunnel;    /* set behind scripted_rtsp_init */
        void (*on_finished)(void *owner); /* the last step was sent; may be NULL */
        void *owner;
};

/* Takes fd. steps is borrowed. p: NULL for a camera without TLS. */
void scripted_rtsp_init(struct scripted_rtsp *s, struct loop *l, const struct scripted_pki *p,
        int fd, const struct scripted_step *steps, unsigned steps_n, unsigned piece_bytes);
/* One more connection of a tunnel. Takes fd. */
void scripted_rtsp_connection(struct scripted_rtsp *s, const struct scripted_pki *p, int fd);
/* How often the text is in the heads of GET and POST. */
unsigned scripted_tunnel_count(const struct scripted_rtsp *s, const char *text);
void scripted_rtsp_done(struct scripted_rtsp *s);
/* How often the text is in the requests so far. */
unsigned scripted_rtsp_count(const struct scripted_rtsp *s, const char *text);
/* More bytes, from a test. */
void scripted_rtsp_send(struct scripted_rtsp *s, struct bytes b);

/* Appends one interleaved RTP packet. */
void scripted_rtp(struct buf *to, uint8_t channel, uint8_t payload_type, bool marker,
        uint16_t sequence, uint32_t timestamp, uint32_t ssrc, struct bytes payload);
/* Appends one interleaved sender report. */
void scripted_sender_report(
        struct buf *to, uint8_t channel, uint32_t ssrc, uint64_t ntp, uint32_t timestamp);

#endif
