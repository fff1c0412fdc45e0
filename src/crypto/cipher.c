/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/cipher.h"

#include <stdlib.h>

#include "crypto/ossl.h"

#define CIPHER_CHUNK ((size_t)1 << 30) /* OpenSSL counts in int */

struct cipher {
        EVP_CIPHER *aes; /* fetched once */
        EVP_CIPHER_CTX *ctx;
};

struct cipher *cipher_new(const uint8_t key[static CIPHER_KEY_BYTES])
{
        struct cipher *c = xcalloc(1, sizeof *c);

        ossl_begin();
        c->aes = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
        c->ctx = EVP_CIPHER_CTX_new();
        ossl_must(c->aes && c->ctx && EVP_EncryptInit_ex2(c->ctx, c->aes, key, NULL, NULL) == 1,
                "AES-128-CTR");
        cipher_start(c, 0);
        return c;
}

struct cipher *cipher_free(struct cipher *c)
{
        if (!c)
                return NULL;
        EVP_CIPHER_CTX_free(c->ctx); /* cleanses the key schedule */
        EVP_CIPHER_free(c->aes);
        free(c);
        return NULL;
}

void cipher_freep(struct cipher **c)
{
        cipher_free(*c);
}

void cipher_start(struct cipher *c, uint64_t iv)
{
        uint8_t block[16] = { 0 };

        for (unsigned i = 0; i < 8; i++)
                block[i] = (uint8_t)(iv >> (56 - 8 * i));
        ossl_must(EVP_EncryptInit_ex2(c->ctx, NULL, NULL, block, NULL) == 1, "AES-128-CTR");
}

void cipher_apply(struct cipher *c, const uint8_t *in, uint8_t *out, size_t n)
{
#ifdef CUSTOS_INSECURE_CLEARTEXT
        /* Test build only: shows that the search for clear footage on the disk finds it. */
        (void)c;
        if (n)
                memmove(out, in, n);
#else
        while (n > 0) {
                size_t part = n < CIPHER_CHUNK ? n : CIPHER_CHUNK;
                int done = 0;
                ossl_must(EVP_EncryptUpdate(c->ctx, out, &done, in, (int)part) == 1 &&
                                  (size_t)done == part,
                        "AES-128-CTR");
                in += part;
                out += part;
                n -= part;
        }
#endif
}
