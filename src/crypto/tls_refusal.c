/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every reason for which a peer is refused: its stable name, a sentence, a remedy, and what of
 * OpenSSL means it. */
#include <assert.h>

#include "crypto/tls_session.h"

struct tls_refusal_words {
        const char *name, *text, *remedy;
        int code;
};

static const struct tls_refusal_words tls_refusal_words[TLS_REFUSALS] = {
        [TLS_OK] = { "ok", "The peer was accepted.", "Nothing is to be done.", 0 },
        [TLS_NOT_TLS] = { "not-tls", "The peer answered something that is not TLS.",
                "Switch TLS on in the camera and enter its port for TLS (usually 322 for rtsps, "
                "443 for https).",
                ERR_PROTOCOL },
        [TLS_VERSION] = { "tls-version", "The peer offers no TLS 1.2 or better.",
                "Update the camera's firmware, or allow TLS 1.2 in its settings.", ERR_PROTOCOL },
        [TLS_NO_CIPHER] = { "no-cipher",
                "No cipher suite in common: only ECDHE with AES-GCM or ChaCha20-Poly1305 is "
                "accepted.",
                "Allow modern cipher suites in the camera's settings, or update its firmware.",
                ERR_PROTOCOL },
        [TLS_SELF_SIGNED] = { "self-signed",
                "The certificate is self-signed: nobody but the peer vouches for it.",
                "Give the camera a certificate of the site's CA, or compare the key's fingerprint "
                "and pin it.",
                ERR_AUTH },
        [TLS_UNKNOWN_ISSUER] = { "unknown-issuer",
                "The certificate was issued by a CA that is not trusted here.",
                "Give the camera a certificate of the site's CA, with its issuer's certificate "
                "beside it, or pin its key.",
                ERR_AUTH },
        [TLS_EXPIRED] = { "expired", "The certificate, or one that it depends on, has expired.",
                "Renew it; check this machine's clock as well.", ERR_AUTH },
        [TLS_NOT_YET_VALID] = { "not-yet-valid",
                "The certificate, or one that it depends on, is not valid yet.",
                "Check this machine's clock and the clock of the machine that issued it.",
                ERR_AUTH },
        [TLS_WRONG_NAME] = { "wrong-name",
                "The certificate is not for the name or address that was asked for.",
                "Enter the camera by a name that its certificate carries, or issue one with this "
                "name.",
                ERR_AUTH },
        [TLS_WRONG_PURPOSE] = { "wrong-purpose",
                "The certificate, or its issuer, was not made for this purpose.",
                "Issue one for TLS servers (extended key usage serverAuth).", ERR_AUTH },
        [TLS_WEAK_KEY] = { "weak-key",
                "The key or a signature of the certificate is too weak (below 112 bits).",
                "Make a new key, P-256 or RSA of 2048 bits or more, and a certificate signed with "
                "SHA-256.",
                ERR_AUTH },
        [TLS_REVOKED] = { "revoked", "The certificate was revoked.",
                "Find out why; then give the camera a new key and certificate.", ERR_AUTH },
        [TLS_PIN_MISMATCH] = { "pin-mismatch", "The peer's key is not the one that was pinned.",
                "If the camera was replaced or reset, compare the new fingerprint at the camera "
                "and pin it; else somebody may sit in between.",
                ERR_AUTH },
        [TLS_BAD_SIGNATURE] = { "bad-signature",
                "A signature does not verify: of another CA with a trusted name, or of a peer "
                "without the key.",
                "Give the camera a certificate of the site's CA; if it has one, somebody may sit "
                "in between.",
                ERR_AUTH },
        [TLS_PROTOCOL] = { "protocol", "The TLS handshake or a record failed.",
                "Try again; if it stays, update the camera's firmware and report the reason given "
                "here.",
                ERR_PROTOCOL },
};

const char *tls_refusal_name(enum tls_refusal r)
{
        assert(r < TLS_REFUSALS);
        return tls_refusal_words[r].name;
}

const char *tls_refusal_text(enum tls_refusal r)
{
        assert(r < TLS_REFUSALS);
        return tls_refusal_words[r].text;
}

const char *tls_refusal_remedy(enum tls_refusal r)
{
        assert(r < TLS_REFUSALS);
        return tls_refusal_words[r].remedy;
}

int tls_refusal_err(const struct tls *t, struct err *e)
{
        const struct tls_refusal_words *w = &tls_refusal_words[t->refusal];
        bool more = t->detail[0] != '\0';

        return err_set(e, w->code, "%s%s%s%s Fix: %s", w->text, more ? " (" : "", t->detail,
                more ? ")" : "", w->remedy);
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
        default:
                return TLS_PROTOCOL;
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
