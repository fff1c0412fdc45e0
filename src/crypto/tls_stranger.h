/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One question to somebody for whom nobody vouches yet (RFC 7030 section 4.1.1): which certificates
 * has this site? A TLS 1.3 session in which any certificate is taken, and which therefore cannot be
 * told anything: there is no way to write, the question is TLS_STRANGER_QUESTION, and it goes out
 * by itself. What is answered is a stranger's word, good for comparing with what is known from
 * elsewhere (trust/enrolment.h) and for nothing else.
 */
#ifndef CUSTOS_CRYPTO_TLS_STRANGER_H
#define CUSTOS_CRYPTO_TLS_STRANGER_H

#include "crypto/tls.h"

#define TLS_STRANGER_QUESTION                                                                      \
        "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: custos\r\nConnection: close\r\n\r\n"

struct tls_stranger; /* owned */

struct tls_stranger *tls_stranger_new(void);
struct tls_stranger *tls_stranger_free(struct tls_stranger *s);
void tls_stranger_freep(struct tls_stranger **s);
/* As tls_start, tls_feed and tls_output. */
int tls_stranger_start(struct tls_stranger *s, struct err *e) MUST_USE;
int tls_stranger_feed(struct tls_stranger *s, struct bytes received, tls_on_data on_data,
        void *owner, bool *ret_closed, struct err *e) MUST_USE;
struct buf *tls_stranger_output(struct tls_stranger *s);

#endif
