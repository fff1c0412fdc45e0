/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/gateway_certificate.h"

#include <stdio.h>

#include "crypto/x509.h"
#include "os/file.h"

static int gateway_certificate_key(const char *dir, struct sign_key **ret, struct err *e)
{
        char path[4300];
        struct buf pem;

        snprintf(path, sizeof path, "%.4200s/web.key", dir);
        buf_init(&pem, SIGN_PEM_MAX);
        int r = file_read_own_secret(path, SIGN_PEM_MAX, &pem, e);
        if (r >= 0)
                r = sign_key_parse(buf_bytes(&pem), ret, e);
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r < 0 ? r : 0;
}

int gateway_certificate_load(const char *dir, struct tls_server_config **ret, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = NULL;
        CLEANUP(buf_done) struct buf chain;
        char path[4300];

        snprintf(path, sizeof path, "%.4200s/web.pem", dir);
        buf_init(&chain, 4 * X509_CERT_MAX);
        int r = gateway_certificate_key(dir, &key, e);
        if (r == 0)
                r = file_read(path, 4 * X509_CERT_MAX, &chain, e);
        if (r >= 0)
                r = tls_server_config_new(buf_bytes(&chain), key, ret, e);
        if (r >= 0)
                tls_server_config_web(*ret);
        return r < 0 ? err_wrap(e, r, "the page's certificate") : 0;
}
