/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/media_box.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "crypto/ossl.h"
#include "crypto/random.h"

#define MEDIA_BOX_NONCE_BYTES 12

struct media_box {
        EVP_CIPHER *gcm;
        EVP_CIPHER_CTX *ctx; /* has the key; the nonce is set for each message */
        bool sealing;
        uint64_t next;                      /* number of the next message; opening: the least */
        uint8_t key[MEDIA_BOX_KEY_BYTES];   /* to wrap it again; of a sender */
        uint8_t session[HPKE_PUBLIC_BYTES]; /* likewise */
};

static struct media_box *box_new(const uint8_t key[static MEDIA_BOX_KEY_BYTES], bool sealing)
{
        struct media_box *b = xcalloc(1, sizeof *b);

        ossl_begin();
        b->sealing = sealing;
        b->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
        b->ctx = EVP_CIPHER_CTX_new();
        ossl_must(b->gcm && b->ctx &&
                          EVP_CipherInit_ex2(b->ctx, b->gcm, key, NULL, sealing, NULL) == 1,
                "AES-256-GCM");
        return b;
}

int media_box_seal_new(const uint8_t session[static HPKE_PUBLIC_BYTES], struct bytes context,
        struct media_box **ret, uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES], struct err *e)
{
        uint8_t key[MEDIA_BOX_KEY_BYTES];

        random_bytes(key, sizeof key);
        CLEANUP(media_box_freep) struct media_box *b = box_new(key, true);
        memcpy(b->key, key, sizeof key);
        explicit_bzero(key, sizeof key);
        memcpy(b->session, session, sizeof b->session);
        int r = media_box_wrap(b, context, ret_wrap, e);
        if (r == 0)
                *ret = TAKE(b);
        return r;
}

int media_box_wrap(const struct media_box *b, struct bytes context,
        uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES], struct err *e)
{
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];

        assert(b->sealing);
        int r = hpke_seal(b->session, BYTES(NULL, 0), context, BYTES(b->key, sizeof b->key), wrap,
                wrap + HPKE_PUBLIC_BYTES, e);
        if (r < 0)
                return err_wrap(e, r, "media key for a session");
        memcpy(ret_wrap, wrap, sizeof wrap);
        return 0;
}

int media_box_open_new(const uint8_t private_key[static HPKE_PRIVATE_BYTES], struct bytes context,
        const uint8_t wrap[static MEDIA_BOX_WRAP_BYTES], struct media_box **ret, struct err *e)
{
        uint8_t key[MEDIA_BOX_KEY_BYTES];

        int r = hpke_open(private_key, wrap, BYTES(NULL, 0), context,
                BYTES(wrap + HPKE_PUBLIC_BYTES, MEDIA_BOX_WRAP_BYTES - HPKE_PUBLIC_BYTES), key, e);
        if (r < 0)
                return err_wrap(e, r, "media key");
        *ret = box_new(key, false);
        explicit_bzero(key, sizeof key);
        return 0;
}

struct media_box *media_box_free(struct media_box *b)
{
        if (!b)
                return NULL;
        EVP_CIPHER_CTX_free(b->ctx); /* cleanses the key schedule */
        EVP_CIPHER_free(b->gcm);
        explicit_bzero(b, sizeof *b);
        free(b);
        return NULL;
}

void media_box_freep(struct media_box **b)
{
        media_box_free(*b);
}

uint64_t media_box_next(const struct media_box *b)
{
        return b->next;
}

void media_box_skip(struct media_box *b)
{
        assert(b->sealing);
        b->next += b->next < MEDIA_BOX_MESSAGES_MAX;
}

static void box_begin(struct media_box *b, uint64_t number, struct bytes aad)
{
        uint8_t nonce[MEDIA_BOX_NONCE_BYTES] = { 0 };
        int n = 0;

        for (unsigned i = 0; i < 8; i++)
                nonce[4 + i] = (uint8_t)(number >> (56 - 8 * i));
        assert(aad.n <= INT_MAX);
        ossl_must(
                EVP_CipherInit_ex2(b->ctx, NULL, NULL, nonce, b->sealing, NULL) == 1 &&
                        (aad.n == 0 || EVP_CipherUpdate(b->ctx, NULL, &n, aad.p, (int)aad.n) == 1),
                "AES-256-GCM");
}

static void box_apply(struct media_box *b, struct bytes in, uint8_t *out)
{
        int n = 0;

        ossl_must(in.n == 0 || (EVP_CipherUpdate(b->ctx, out, &n, in.p, (int)in.n) == 1 &&
                                       (size_t)n == in.n),
                "AES-256-GCM");
}

int media_box_seal(struct media_box *b, struct bytes aad, const struct bytes *parts,
        unsigned parts_n, struct buf *out, struct err *e)
{
        size_t bytes = 0;
        int rest = 0;

        assert(b->sealing && parts_n <= MEDIA_BOX_PARTS_MAX);
        if (b->next >= MEDIA_BOX_MESSAGES_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "the media key has sealed as much as it may: open the stream anew");
        for (unsigned i = 0; i < parts_n; i++) {
                if (parts[i].n > INT_MAX - bytes)
                        return err_set(e, ERR_EXHAUSTED, "media message of more than 2 GiB");
                bytes += parts[i].n;
        }
        uint8_t *to = buf_reserve(out, bytes + MEDIA_BOX_TAG_BYTES);
        if (!to)
                return err_set(e, ERR_EXHAUSTED, "media message of %zu bytes, no room in %zu",
                        bytes, out->max);
        box_begin(b, b->next++, aad);
        for (unsigned i = 0; i < parts_n; i++) {
                box_apply(b, parts[i], to);
                to += parts[i].n;
        }
        ossl_must(EVP_CipherFinal_ex(b->ctx, to, &rest) == 1 &&
                          EVP_CIPHER_CTX_ctrl(
                                  b->ctx, EVP_CTRL_AEAD_GET_TAG, MEDIA_BOX_TAG_BYTES, to) == 1,
                "AES-256-GCM");
        out->n += bytes + MEDIA_BOX_TAG_BYTES;
        return 0;
}

int media_box_open(struct media_box *b, uint64_t number, struct bytes aad, struct bytes sealed,
        struct buf *out, struct err *e)
{
        uint8_t tag[MEDIA_BOX_TAG_BYTES];
        int rest = 0;

        assert(!b->sealing);
        if (sealed.n < MEDIA_BOX_TAG_BYTES || sealed.n > INT_MAX)
                return err_set(e, ERR_INVALID, "media message of %zu sealed bytes", sealed.n);
        if (number < b->next || number >= MEDIA_BOX_MESSAGES_MAX)
                return err_set(e, ERR_STATE,
                        "media message %llu: %llu or later was expected (sent twice, or out of "
                        "order)",
                        (unsigned long long)number, (unsigned long long)b->next);
        struct bytes body = bytes_sub(sealed, 0, sealed.n - MEDIA_BOX_TAG_BYTES);
        uint8_t *to = buf_reserve(out, sealed.n);
        if (!to)
                return err_set(e, ERR_EXHAUSTED, "media message of %zu bytes, no room in %zu",
                        body.n, out->max);
        memcpy(tag, sealed.p + body.n, sizeof tag);
        box_begin(b, number, aad);
        box_apply(b, body, to);
        ossl_must(EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1,
                "AES-256-GCM");
        if (EVP_CipherFinal_ex(b->ctx, to + body.n, &rest) != 1) {
                explicit_bzero(to, body.n);
                ERR_clear_error();
                return err_set(e, ERR_AUTH,
                        "media message %llu does not open: changed, or sealed with another key",
                        (unsigned long long)number);
        }
        out->n += body.n;
        b->next = number + 1;
        return 0;
}
