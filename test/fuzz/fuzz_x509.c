/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates and keys as files and peers give them: PEM, DER, names, dates, the chain of a seal.
 */
#include "crypto/sign.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_der(struct bytes der)
{
        struct verify_key *key = NULL;
        uint8_t id[32];
        char text[100], uri[X509_URI_ROOM];
        int64_t until;
        struct err e;
        struct buf pem, back;

        buf_init(&pem, X509_PEM_MAX);
        buf_init(&back, X509_CERT_MAX);
        int taken = x509_key_id(der, id, &e);
        if (x509_subject(der, text, sizeof text, &e) == 0 && taken < 0)
                __builtin_trap();
        if (x509_not_after(der, &until, &e) == 0 && taken < 0)
                __builtin_trap();
        if (verify_key_of_cert(der, &key, &e) == 0 && taken < 0)
                __builtin_trap();
        verify_key_freep(&key);
        /* One certificate never passes for all three of a chain. */
        if (x509_check_seal_chain(der, der, der, INT64_C(1795000000000000), &e) == 0)
                __builtin_trap();
        if (x509_check_grant_chain(der, der, der, INT64_C(1795000000000000), uri, &e) == 0)
                __builtin_trap();
        if (x509_check_issued_by(der, der, &e) == 0 && taken < 0)
                __builtin_trap();
        if (x509_pem_format(der, &pem, &e) == 0 &&
                x509_pem_parse(buf_bytes(&pem), 0, &back, &e) < 0)
                __builtin_trap();
        buf_done(&pem);
        buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes in = BYTES(data, n);
        struct tls_client_config *config = NULL;
        struct sign_key *key = NULL;
        struct verify_key *public_key = NULL;
        uint64_t number;
        struct err e;
        struct buf der;

        fuzz_der(in);
        buf_init(&der, X509_CERT_MAX);
        for (unsigned i = 0; i < 3; i++) {
                buf_clear(&der);
                if (x509_pem_parse(in, i, &der, &e) == 0)
                        fuzz_der(buf_bytes(&der));
                if (x509_crl_allows(in, buf_bytes(&der), buf_bytes(&der), &e) == ERR_DENIED &&
                        e.fault != FAULT_REVOKED)
                        __builtin_trap();
                if (x509_crl_number(in, buf_bytes(&der), &number, &e) > 0)
                        __builtin_trap();
        }
        buf_done(&der);
        if (sign_key_parse(in, &key, &e) == 0)
                sign_key_freep(&key);
        if (verify_key_parse(in, &public_key, &e) == 0)
                verify_key_freep(&public_key);
        if (tls_client_config_new(in, &config, &e) == 0)
                tls_client_config_freep(&config);
        return 0;
}
