/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A user and a password on one connection of a camera, RTSP or HTTP: the answer that goes with a
 * request, and what is done about a 401. How strong an offer must be is proto/digest.h's; that the
 * link is fit for it (Basic in verified TLS only), its owner's.
 */
#ifndef CUSTOS_NET_LOGIN_H
#define CUSTOS_NET_LOGIN_H

#include "base/secret.h"
#include "proto/digest.h"

#define LOGIN_TRIES_MAX 3 /* answers to challenges for one request */

struct login {
        const char *user;              /* borrowed; NULL: none */
        const struct secret *password; /* borrowed; NULL: empty */
        struct digest_client *auth;    /* borrowed: kept over reconnects */
        unsigned tries;                /* for this request; the owner sets it to 0 for the next */
};

/* 1: `to` holds the Authorization value, which the caller wipes (explicit_bzero); 0: the request
 * goes without one. */
int login_answer(struct login *l, const char *method, const char *uri,
        char to[static DIGEST_ANSWER_ROOM], struct err *e) MUST_USE;
/* Takes the WWW-Authenticate values of a 401. 0: send the request again. */
int login_challenge(
        struct login *l, const struct bytes *values, unsigned values_n, struct err *e) MUST_USE;

#endif
