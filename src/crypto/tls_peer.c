/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peer's certificate in words. */
#include <stdio.h>

#include "base/str.h"
#include "crypto/tls_session.h"

/* What was printed to bio, escaped behind what `to` has; empties it. */
static void tls_peer_add(char *to, size_t room, const char *before, BIO *bio)
{
        const uint8_t *text = NULL;
        long n = BIO_get_mem_data(bio, (void *)&text);
        size_t at = strlen(to);

        if (n > 0) {
                at += (size_t)snprintf(to + at, room - at, "%s", before);
                if (at < room)
                        str_escape(to + at, room - at, BYTES(text, (size_t)n));
        }
        (void)BIO_reset(bio);
}

char *tls_peer_names(const struct tls *t, char *to, size_t room)
{
        X509 *leaf = SSL_get0_peer_certificate(t->ssl);
        BIO *bio = BIO_new(BIO_s_mem());
        struct tm tm;

        ossl_must(bio != NULL && room > 0, "a memory BIO");
        to[0] = '\0';
        if (leaf) {
                int san = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);

                X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253);
                tls_peer_add(to, room, "", bio);
                if (san >= 0)
                        X509V3_EXT_print(bio, X509_get_ext(leaf, san), 0, 0);
                tls_peer_add(to, room, " for ", bio);
                X509_NAME_print_ex(bio, X509_get_issuer_name(leaf), 0, XN_FLAG_RFC2253);
                tls_peer_add(to, room, ", issued by ", bio);
                if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
                        BIO_printf(bio, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                                tm.tm_mday);
                tls_peer_add(to, room, ", valid until ", bio);
        }
        BIO_free(bio);
        ERR_clear_error();
        return to;
}

bool tls_peer_dates(const struct tls *t, int64_t *ret_from_us, int64_t *ret_until_us)
{
        X509 *leaf = SSL_get0_peer_certificate(t->ssl);
        int64_t from_us, until_us;

        if (!leaf || !ossl_time_us(X509_get0_notBefore(leaf), &from_us) ||
                !ossl_time_us(X509_get0_notAfter(leaf), &until_us))
                return false;
        *ret_from_us = from_us;
        *ret_until_us = until_us;
        return true;
}
