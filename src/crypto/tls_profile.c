/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What RFC 5280 demands of the certificates of a chain and OpenSSL does not ask for, not even when
 * told to be strict. Each rule is one line of a table.
 */
#include "crypto/tls_session.h"

#define TLS_PROFILE_SERIAL_BYTES 20 /* section 4.1.2.2 */

static bool tls_profile_has(const X509 *cert, int nid, bool critical)
{
        int at = X509_get_ext_by_NID(cert, nid, -1);

        return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at)) == critical;
}

static bool tls_profile_leaf_is_ca(X509 *cert, int depth)
{
        return depth == 0 && (X509_get_extension_flags(cert) & EXFLAG_CA);
}

/* A negative one is a mistake that nothing hangs on; zero and long ones are not unique. */
static bool tls_profile_serial(X509 *cert, int depth)
{
        const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
        int n = ASN1_STRING_length(serial);
        const uint8_t *bytes = ASN1_STRING_get0_data(serial);

        (void)depth;
        if (X509_get_extension_flags(cert) & EXFLAG_SS)
                return false; /* a root is known by itself */
        return n > TLS_PROFILE_SERIAL_BYTES || n == 0 || (n == 1 && bytes[0] == 0) ||
               (n == TLS_PROFILE_SERIAL_BYTES && bytes[0] & 0x80);
}

static bool tls_profile_names_unbound(X509 *cert, int depth)
{
        (void)depth;
        return tls_profile_has(cert, NID_name_constraints, false);
}

static bool tls_profile_names_of_nothing(X509 *cert, int depth)
{
        NAME_CONSTRAINTS *names = X509_get_ext_d2i(cert, NID_name_constraints, NULL, NULL);
        bool empty = names && sk_GENERAL_SUBTREE_num(names->permittedSubtrees) <= 0 &&
                     sk_GENERAL_SUBTREE_num(names->excludedSubtrees) <= 0;

        (void)depth;
        NAME_CONSTRAINTS_free(names);
        return empty;
}

static bool tls_profile_policies_unbound(X509 *cert, int depth)
{
        (void)depth;
        return tls_profile_has(cert, NID_policy_constraints, false);
}

/* A key identifier that is there must say which key. */
static bool tls_profile_key_id(X509 *cert, int depth)
{
        AUTHORITY_KEYID *id = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
        bool without = id && !id->keyid;

        (void)depth;
        AUTHORITY_KEYID_free(id);
        return without;
}

struct tls_profile_rule {
        bool (*broken)(X509 *cert, int depth);
        enum tls_refusal refusal;
        const char *text;
};

static const struct tls_profile_rule tls_profile_rules[] = {
        { tls_profile_leaf_is_ca, TLS_WRONG_PURPOSE, "it is a CA's certificate" },
        { tls_profile_serial, TLS_MALFORMED, "its serial number is not one of 1 to 20 bytes" },
        { tls_profile_names_unbound, TLS_MALFORMED, "name constraints not marked critical" },
        { tls_profile_names_of_nothing, TLS_MALFORMED, "name constraints that are empty" },
        { tls_profile_policies_unbound, TLS_MALFORMED, "policy constraints not marked critical" },
        { tls_profile_key_id, TLS_MALFORMED, "an authority key identifier without an identifier" },
};

/* What a peer of ours can prove that it has; a DSA key is none for any suite that is taken. */
static bool tls_profile_key_known(X509 *cert)
{
        EVP_PKEY *key = X509_get0_pubkey(cert);

        return key && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
                              EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "ED25519") ||
                              EVP_PKEY_is_a(key, "ED448"));
}

enum tls_refusal tls_profile_check(STACK_OF(X509) * chain, const char **ret_text, X509 **ret_at)
{
        for (int depth = 0; depth < sk_X509_num(chain); depth++) {
                X509 *cert = sk_X509_value(chain, depth);
                *ret_at = cert;
                if (!tls_profile_key_known(cert)) {
                        *ret_text = "a key that is neither RSA nor of an elliptic curve";
                        return TLS_WEAK_KEY;
                }
                for (size_t i = 0; i < ARRAY_LEN(tls_profile_rules); i++) {
                        if (tls_profile_rules[i].broken(cert, depth)) {
                                *ret_text = tls_profile_rules[i].text;
                                return tls_profile_rules[i].refusal;
                        }
                }
        }
        return TLS_OK;
}
