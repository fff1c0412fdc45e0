/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page's key and certificate: <state>/gateway/web.key (0600) and web.pem (leaf, issuer). */
#ifndef CUSTOS_GATEWAY_GATEWAY_CERTIFICATE_H
#define CUSTOS_GATEWAY_GATEWAY_CERTIFICATE_H

#include "base/err.h"
#include "crypto/tls.h"

/* dir: <state>/gateway. *ret is the caller's. Blocking: at the start. */
int gateway_certificate_load(
        const char *dir, struct tls_server_config **ret, struct err *e) MUST_USE;

#endif
