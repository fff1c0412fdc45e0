/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wrong on purpose: what an RTSP server says otherwise than it should, so that a recorder can be
 * tried against a bad camera (edge/fault_plan.h). An honest server has none (NULL), and everything
 * zero means as usual.
 *
 * Not here: faults of media (edge/fault_media.h).
 */
#ifndef CUSTOS_NET_RTSP_TWEAK_H
#define CUSTOS_NET_RTSP_TWEAK_H

#include "base/err.h"
#include "base/secret.h"
#include "proto/digest.h"
#include "proto/rtsp.h"

enum rtsp_tweak_auth {
        RTSP_TWEAK_AUTH_HONEST,
        RTSP_TWEAK_AUTH_BASIC,      /* asks for Basic, and takes it */
        RTSP_TWEAK_AUTH_DOWNGRADE,  /* Digest first; once that was answered, Basic */
        RTSP_TWEAK_AUTH_SHA256,     /* only that */
        RTSP_TWEAK_AUTH_MD5,        /* only that */
        RTSP_TWEAK_AUTH_STALE_LOOP, /* every answer is one to an old nonce */
};

/* Texts are borrowed and outlive the server. */
struct rtsp_tweak {
        enum rtsp_tweak_auth auth;
        unsigned delay_ms;    /* before each response */
        bool one_byte_writes; /* each response, byte by byte */
        bool wrong_cseq;      /* the next number */
        bool no_session;      /* SETUP is answered without a Session */
        bool other_channels;  /* than were asked for */
        bool only_datagrams;  /* interleaved transport is refused */
        bool plain_datagrams; /* SETUP is answered with RTP/AVP over UDP, whatever was asked for */
        bool frozen;          /* nothing is read or answered any more */
        const char *silent;   /* this method is not answered; "*": none is */
        const char *refused;  /* this method is answered with refused_status */
        unsigned refused_status;
        const char *redirect;     /* DESCRIBE is answered with 302 and this Location */
        const char *content_base; /* of the description */
};

#define RTSP_TWEAK_BODY_MAX (4u << 20) /* of a description that is too long on purpose */
#define RTSP_TWEAK_CHALLENGES_MAX 2
#define RTSP_TWEAK_CHALLENGE_ROOM 768

/* The WWW-Authenticate values of a 401 that this tweak gives (auth is not HONEST); returns their
 * number. answered: the request carried an answer. Changes the nonce where each is to be stale. */
int rtsp_tweak_challenge(const struct rtsp_tweak *t, struct digest_server *digest, bool answered,
        char ret[static RTSP_TWEAK_CHALLENGES_MAX][RTSP_TWEAK_CHALLENGE_ROOM],
        struct err *e) MUST_USE;
/* Whether an Authorization value is Basic with this user and password. */
bool rtsp_tweak_basic_fits(
        struct bytes authorization, const char *user, const struct secret *password);
bool rtsp_tweak_names(const char *method_or_all, const struct rtsp_message *m);

#endif
