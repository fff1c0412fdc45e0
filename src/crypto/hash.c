/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/hash.h"

#include <stdlib.h>

#include "crypto/ossl.h"

struct hash {
        EVP_MD *md; /* fetched once: the implicit fetch of EVP_sha256() costs a look-up each time */
        EVP_MD_CTX *ctx;
};

struct hash *hash_new(void)
{
        struct hash *h = xcalloc(1, sizeof *h);

        ossl_begin();
        h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
        h->ctx = EVP_MD_CTX_new();
        ossl_must(h->md && h->ctx && EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1, "SHA-256");
        return h;
}

struct hash *hash_free(struct hash *h)
{
        if (!h)
                return NULL;
        EVP_MD_CTX_free(h->ctx);
        EVP_MD_free(h->md);
        free(h);
        return NULL;
}

void hash_freep(struct hash **h)
{
        hash_free(*h);
}

void hash_start(struct hash *h)
{
        ossl_must(EVP_DigestInit_ex2(h->ctx, NULL, NULL) == 1, "SHA-256");
}

void hash_update(struct hash *h, struct bytes b)
{
        ossl_must(EVP_DigestUpdate(h->ctx, b.p, b.n) == 1, "SHA-256");
}

void hash_finish(struct hash *h, uint8_t ret[static HASH_BYTES])
{
        ossl_must(EVP_DigestFinal_ex(h->ctx, ret, NULL) == 1, "SHA-256");
}

static EVP_MD *hash_md;

static void hash_fetch(void)
{
        hash_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Any thread may be the first; each fragment and each seal is hashed this way. */
void hash_once(struct bytes b, uint8_t ret[static HASH_BYTES])
{
        static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

        ossl_begin();
        ossl_must(CRYPTO_THREAD_run_once(&once, hash_fetch) == 1 && hash_md &&
                          EVP_Digest(b.p, b.n, ret, NULL, hash_md, NULL) == 1,
                "SHA-256");
}
