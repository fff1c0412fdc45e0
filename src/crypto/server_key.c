/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/server_key.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/ossl.h"

struct server_key {
        EVP_PKEY *pkey;
};

/* Nobody is there to be asked; an encrypted key is refused, and said to be one. */
static int server_key_no_passphrase(char *to, int room, int writing, void *owner)
{
        bool *asked = owner;

        (void)to;
        (void)room;
        (void)writing;
        *asked = true;
        return -1;
}

static int server_key_read(struct bytes pem, EVP_PKEY **ret, struct err *e)
{
        bool asked = false;
        BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);

        ossl_must(in != NULL, "a memory BIO");
        EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, server_key_no_passphrase, &asked);
        BIO_free(in);
        if (asked) {
                EVP_PKEY_free(key);
                ERR_clear_error();
                return err_set(e, ERR_INVALID,
                        "the private key is encrypted, and nobody is there to be asked for its "
                        "passphrase; decrypt it with `openssl pkey`, into a file of mode 0600");
        }
        if (!key)
                return ossl_err(e, ERR_INVALID, "no private key in PEM");
        *ret = key;
        return 0;
}

static int server_key_check_kind(EVP_PKEY *key, struct err *e)
{
        const char *kind = EVP_PKEY_get0_type_name(key);
        char group[32] = "";
        int bits = EVP_PKEY_get_bits(key);

        if (EVP_PKEY_is_a(key, "RSA")) {
                if (bits < SERVER_KEY_RSA_MIN)
                        return err_fault(e, ERR_INVALID, FAULT_WEAK_KEY,
                                "the private key is RSA of %d bits: too small, at least %d are "
                                "needed",
                                bits, SERVER_KEY_RSA_MIN);
                return bits <= SERVER_KEY_RSA_MAX
                               ? 0
                               : err_set(e, ERR_INVALID,
                                         "the private key is RSA of %d bits, at most %d are taken",
                                         bits, SERVER_KEY_RSA_MAX);
        }
        if (EVP_PKEY_is_a(key, "EC") &&
                EVP_PKEY_get_utf8_string_param(
                        key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
                (strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, SN_secp384r1) == 0))
                return 0;
        ERR_clear_error();
        return err_set(e, ERR_INVALID,
                "the private key is %s%s%s: RSA of %d bits or more, P-256 or P-384 is needed",
                kind ? kind : "of an unknown kind", group[0] ? " on " : "", group,
                SERVER_KEY_RSA_MIN);
}

/* A key with a part that was changed signs, and tells who looks what the whole is. */
static bool server_key_whole(EVP_PKEY *key)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        bool ok = ctx && EVP_PKEY_pairwise_check(ctx) == 1;

        EVP_PKEY_CTX_free(ctx);
        return ok;
}

int server_key_parse(struct bytes pem, struct server_key **ret, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *key = NULL;

        ossl_begin();
        ERR_clear_error();
        if (pem.n == 0 || pem.n > SERVER_KEY_PEM_MAX)
                return err_set(e, ERR_INVALID,
                        "a private key of %zu bytes of PEM, expected 1 to %d", pem.n,
                        SERVER_KEY_PEM_MAX);
        int r = server_key_read(pem, &key, e);
        if (r == 0)
                r = server_key_check_kind(key, e);
        if (r < 0)
                return r;
        if (!server_key_whole(key))
                return ossl_err(e, ERR_INVALID, "private and public half do not belong together");
        struct server_key *k = xcalloc(1, sizeof *k);
        k->pkey = TAKE(key);
        *ret = k;
        return 0;
}

struct server_key *server_key_free(struct server_key *k)
{
        if (!k)
                return NULL;
        EVP_PKEY_free(k->pkey);
        free(k);
        return NULL;
}

void server_key_freep(struct server_key **k)
{
        server_key_free(*k);
}

void server_key_id(const struct server_key *k, uint8_t ret[static 32])
{
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(k->pkey, &der);

        ossl_must(n > 0, "encoding a public key");
        hash_once(BYTES(der, (size_t)n), ret);
        OPENSSL_free(der);
}

struct evp_pkey_st *server_key_evp(const struct server_key *k)
{
        return k->pkey;
}
