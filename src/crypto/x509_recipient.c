/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_recipient.h"

#include "crypto/ossl.h"
#include "crypto/sign.h"
#include "crypto/x509.h"

/* RFC 5480: id-ecPublicKey, prime256v1, and the uncompressed point behind it. */
static const uint8_t x509_recipient_front[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
        0x03, 0x42, 0x00 };

int x509_recipient_spki(
        const uint8_t point[static HPKE_PUBLIC_BYTES], struct buf *out, struct err *e)
{
        int r = buf_append(out, BYTES(x509_recipient_front, sizeof x509_recipient_front), e);

        return r < 0 ? r : buf_append(out, BYTES(point, HPKE_PUBLIC_BYTES), e);
}

static int x509_recipient_check_usage(struct bytes cert_der, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        if (X509_get_key_usage(cert) != X509v3_KU_KEY_AGREEMENT || X509_check_ca(cert))
                return err_set(e, ERR_INVALID, "not a certificate for key agreement alone");
        return 0;
}

int x509_recipient_key(struct bytes cert_der, struct bytes issuer_der,
        uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        CLEANUP(buf_done) struct buf spki;
        const size_t front = sizeof x509_recipient_front;

        buf_init(&spki, SIGN_SPKI_MAX);
        int r = x509_recipient_check_usage(cert_der, e);
        if (r == 0)
                r = x509_check_issued_by(cert_der, issuer_der, e);
        if (r == 0)
                r = verify_key_of_cert(cert_der, &key, e);
        if (r == 0)
                r = verify_key_format(key, &spki, e);
        if (r < 0)
                return r;
        if (spki.n != front + HPKE_PUBLIC_BYTES || memcmp(spki.p, x509_recipient_front, front) != 0)
                return err_set(e, ERR_INVALID, "not an uncompressed point of P-256");
        memcpy(ret, spki.p + front, HPKE_PUBLIC_BYTES);
        return 0;
}
