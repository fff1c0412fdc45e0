/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every reason for which a peer is refused: its row in the table of faults, and what of OpenSSL
 * means it. */
#include <assert.h>

#include "crypto/tls_session.h"

struct tls_refusal_kind {
        enum fault fault; /* its words */
        int code;
};

static const struct tls_refusal_kind tls_refusal_kinds[TLS_REFUSALS] = {
        [TLS_OK] = { FAULT_NONE, 0 },
        [TLS_NOT_TLS] = { FAULT_NOT_TLS, ERR_PROTOCOL },
        [TLS_VERSION] = { FAULT_TLS_VERSION, ERR_PROTOCOL },
        [TLS_NO_CIPHER] = { FAULT_NO_CIPHER, ERR_PROTOCOL },
        [TLS_SELF_SIGNED] = { FAULT_SELF_SIGNED, ERR_AUTH },
        [TLS_UNKNOWN_ISSUER] = { FAULT_UNKNOWN_ISSUER, ERR_AUTH },
        [TLS_EXPIRED] = { FAULT_EXPIRED, ERR_AUTH },
        [TLS_NOT_YET_VALID] = { FAULT_NOT_YET_VALID, ERR_AUTH },
        [TLS_WRONG_NAME] = { FAULT_WRONG_NAME, ERR_AUTH },
        [TLS_WRONG_ROLE] = { FAULT_WRONG_ROLE, ERR_AUTH },
        [TLS_WRONG_PURPOSE] = { FAULT_WRONG_PURPOSE, ERR_AUTH },
        [TLS_WEAK_KEY] = { FAULT_WEAK_KEY, ERR_AUTH },
        [TLS_REVOKED] = { FAULT_REVOKED, ERR_AUTH },
        [TLS_PIN_MISMATCH] = { FAULT_PIN_MISMATCH, ERR_AUTH },
        [TLS_BAD_SIGNATURE] = { FAULT_BAD_SIGNATURE, ERR_AUTH },
        [TLS_MALFORMED] = { FAULT_MALFORMED_CERTIFICATE, ERR_AUTH },
        [TLS_REFUSED] = { FAULT_CERTIFICATE_REFUSED, ERR_AUTH },
        [TLS_PROTOCOL] = { FAULT_TLS_PROTOCOL, ERR_PROTOCOL },
};

enum fault tls_refusal_fault(enum tls_refusal r)
{
        assert(r < TLS_REFUSALS);
        return tls_refusal_kinds[r].fault;
}

const char *tls_refusal_name(enum tls_refusal r)
{
        return r == TLS_OK ? "ok" : fault_name(tls_refusal_fault(r));
}

int tls_refusal_err(const struct tls *t, struct err *e)
{
        const struct tls_refusal_kind *k = &tls_refusal_kinds[t->refusal];
        bool more = t->detail[0] != '\0';

        return err_fault(e, k->code, k->fault, "%s%s%s%s Fix: %s", fault_text(k->fault),
                more ? " (" : "", t->detail, more ? ")" : "", fault_remedy(k->fault));
}

enum tls_refusal tls_refusal_of_chain(int x509_error)
{
        switch (x509_error) {
        case X509_V_OK:
                return TLS_OK;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
                return TLS_SELF_SIGNED;
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
                return TLS_UNKNOWN_ISSUER;
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return TLS_EXPIRED;
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return TLS_NOT_YET_VALID;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
        case X509_V_ERR_PERMITTED_VIOLATION:
        case X509_V_ERR_EXCLUDED_VIOLATION:
                return TLS_WRONG_NAME;
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_CERT_REJECTED:
                return TLS_WRONG_PURPOSE;
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK:
        case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
                return TLS_WEAK_KEY;
        case X509_V_ERR_CERT_REVOKED:
                return TLS_REVOKED;
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
        case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
                return TLS_BAD_SIGNATURE;
        case X509_V_ERR_OUT_OF_MEM:
        case X509_V_ERR_UNSPECIFIED:
        case X509_V_ERR_INVALID_CALL:
        case X509_V_ERR_STORE_LOOKUP:
                return TLS_PROTOCOL;
        default: /* the many ways in which a certificate can be wrong in itself */
                return TLS_MALFORMED;
        }
}

/* RFC 8446 section 6.2. In TLS 1.3 a client meets such an alert with what it reads first: its own
 * handshake is over before the server has looked at its certificate. */
bool tls_refusal_is_ours(unsigned long openssl_error)
{
        if (ERR_GET_LIB(openssl_error) != ERR_LIB_SSL)
                return false;
        switch (ERR_GET_REASON(openssl_error)) {
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
                return true;
        default:
                return false;
        }
}

enum tls_refusal tls_refusal_of_reason(unsigned long openssl_error)
{
        if (ERR_GET_LIB(openssl_error) != ERR_LIB_SSL)
                return TLS_PROTOCOL;
        switch (ERR_GET_REASON(openssl_error)) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_VERSION_TOO_LOW:
                return TLS_VERSION;
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SHARED_GROUPS:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        case SSL_R_WRONG_CIPHER_RETURNED:
        case SSL_R_UNKNOWN_CIPHER_RETURNED:
        case SSL_R_WRONG_SIGNATURE_TYPE:
        case SSL_R_WRONG_CURVE:
                return TLS_NO_CIPHER;
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL:
        case SSL_R_CA_MD_TOO_WEAK:
                return TLS_WEAK_KEY;
        case SSL_R_BAD_SIGNATURE:
                return TLS_BAD_SIGNATURE;
        default:
                return TLS_PROTOCOL;
        }
}
