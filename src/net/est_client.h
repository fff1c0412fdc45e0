/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment over Secure Transport (RFC 7030), client side: for the command line, blocking, each
 * call one connection that is over by its deadline. TLS 1.3 alone.
 *
 * What it brings is what the other side said: whose certificates these are is judged by the caller
 * (trust/enrolment.h).
 */
#ifndef CUSTOS_NET_EST_CLIENT_H
#define CUSTOS_NET_EST_CLIENT_H

#include "base/bytes.h"
#include "crypto/tls_role.h"
#include "crypto/x509_pkcs7.h"
#include "proto/url.h"

#define EST_CLIENT_DEADLINE_US (INT64_C(30) * 1000000)

/* GET cacerts from whoever answers there: nobody is verified, and nothing else can be said to him
 * (crypto/tls_stranger.h). Of `at` host and port count. */
int est_client_cacerts(const struct url *at, struct x509_pkcs7 *ret, struct err *e) MUST_USE;

struct est_client_request {
        const char *label;    /* RFC 7030 section 3.2.2; NULL: none */
        const char *user;     /* of HTTP Basic; NULL: the certificate of `as` says who asks */
        const char *password; /* no ':' in either */
        struct bytes csr_der;
};
/* POST simpleenroll to the manager, who is verified before a byte of the request goes out: by `as`,
 * with the clock now_us. ret_manager may be NULL. ERR_DENIED: a status of 401 or 403; where TLS
 * refused, e->fault says for what. */
int est_client_enroll(const struct url *at, struct tls_role_config *as,
        const struct est_client_request *r, int64_t now_us, struct x509_pkcs7 *ret,
        struct tls_role_peer *ret_manager, struct err *e) MUST_USE;

#endif
