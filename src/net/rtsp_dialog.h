/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's side of one RTSP 1.0 conversation (RFC 2326): a request in, a response out, and what
 * follows from it. Knows no socket and no clock. One session in a dialog; live sources, so there is
 * no PAUSE and no seeking. Media go interleaved in the connection, or as datagrams to the client's
 * own address, where the caller has sockets for them.
 *
 * Everything but OPTIONS needs Digest authentication first, where a user is set: SHA-256 and MD5
 * are both offered, SHA-256 first (RFC 7616 section 3.7); the nonce is the dialog's own. After
 * RTSP_DIALOG_FAILURES_MAX wrong answers the dialog is over.
 *
 * Not here: media, deadlines (rtsp_server.h), logging.
 */
#ifndef CUSTOS_NET_RTSP_DIALOG_H
#define CUSTOS_NET_RTSP_DIALOG_H

#include "base/buf.h"
#include "base/secret.h"
#include "net/rtsp_tweak.h"
#include "proto/digest.h"
#include "proto/rtsp.h"
#include "proto/url.h"

#define RTSP_DIALOG_TRACKS_MAX 8
#define RTSP_DIALOG_PATH_ROOM 128
#define RTSP_DIALOG_FAILURES_MAX 4
#define RTSP_DIALOG_NONCE_ROOM 33
#define RTSP_DIALOG_RESPONSE_MAX (128u << 10)
#define RTSP_DIALOG_KEYS_MAX 2048

/* Where a track begins, for RTP-Info. */
struct rtsp_dialog_start {
        uint16_t sequence;
        uint32_t timestamp;
};

struct rtsp_dialog_track {
        bool set_up;
        bool datagrams; /* to client_port of the client's address; else in these channels: */
        uint8_t channel, rtcp_channel;
        uint16_t client_port[2]; /* RTP, RTCP */
        char url[URL_MAX];       /* as SETUP named it */
};

enum rtsp_dialog_next {
        RTSP_DIALOG_GO_ON,
        RTSP_DIALOG_PLAY,  /* media may follow the response, from now on */
        RTSP_DIALOG_STOP,  /* no media behind the response; the connection may stay */
        RTSP_DIALOG_CLOSE, /* the connection ends behind the response */
};

struct rtsp_dialog {
        /* Appends the SDP of a path (without leading slash), its tracks named "track0", "track1",
         * ... ERR_NOT_FOUND where there is no such path. sdp may be NULL: only the number is asked
         * for. */
        int (*describe)(void *owner, const char *path, struct buf *sdp, unsigned *ret_tracks,
                struct err *e);
        /* PLAY is about to be granted: where each track of the path begins. Negative refuses it
         * (503). */
        int (*play)(void *owner, const char *path,
                struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e);
        /* A track is about to be set up: key_mgmt is its KeyMgmt header (RFC 4567), empty where
         * there is none. Negative refuses it (463). May be NULL. */
        int (*set_up)(void *owner, const char *path, unsigned track, struct bytes key_mgmt,
                struct err *e);
        /* What is to be done wrong for this path; NULL, and the function may be NULL: nothing. */
        const struct rtsp_tweak *(*tweak)(void *owner, const char *path);
        void *owner;
        bool secure;                   /* RTP/SAVP is served, instead of RTP/AVP */
        uint16_t server_port[2];       /* where datagrams come from; 0: none are sent */
        const char *user;              /* borrowed; NULL: nobody is asked who he is */
        const struct secret *password; /* borrowed */
        unsigned timeout_s;            /* of the session, as told to the client */
        /* From here on to be read only. */
        const struct rtsp_tweak *tweaked; /* of the last request */
        struct digest_server digest;
        unsigned failures;
        bool playing;
        char session[RTSP_DIALOG_NONCE_ROOM]; /* empty: none */
        char path[RTSP_DIALOG_PATH_ROOM];     /* of the session */
        unsigned tracks_n;
        struct rtsp_dialog_track tracks[RTSP_DIALOG_TRACKS_MAX];
};

/* The fields before "read only" are the caller's to set first. nonce and session: drawn at random
 * by the caller, hex, of 32 digits; session_id is used when a session begins. */
int rtsp_dialog_init(struct rtsp_dialog *d, const char nonce[static RTSP_DIALOG_NONCE_ROOM],
        struct err *e) MUST_USE;
/*
 * Appends the response to out (of RTSP_DIALOG_RESPONSE_MAX; nothing where a tweak silences it).
 * Returns an enum rtsp_dialog_next, or
 * negative when no response can be made; then the connection is to be ended. new_session: a random
 * id for the case that one begins. why (may be NULL) tells what was refused, for a log; its code is
 * 0 when nothing was.
 */
int rtsp_dialog_answer(struct rtsp_dialog *d, const struct rtsp_message *request,
        const char new_session[static RTSP_DIALOG_NONCE_ROOM], struct buf *out,
        struct err *why) MUST_USE;

#endif
