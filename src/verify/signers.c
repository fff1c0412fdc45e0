/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/signers.h"

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/x509.h"

#include <stdio.h>
#include <stdlib.h>

struct signer {
        struct signer *next;
        uint8_t chain_hash[HASH_BYTES]; /* over the three certificates */
        struct buf leaf, issuer, root;
        struct verify_key *key;
        uint8_t key_id[32], root_id[32];
        bool checked;
        int64_t good_from_us, good_to_us; /* the chain holds at both, so also between */
};

struct signers {
        bool trust_given;
        uint8_t trust[32];
        bool root_known;
        uint8_t root_id[32]; /* of the first chain that held */
        struct signer *list, *last;
};

struct signers *signers_new(const uint8_t *trust)
{
        struct signers *s = xcalloc(1, sizeof *s);

        s->trust_given = trust != NULL;
        if (trust)
                memcpy(s->trust, trust, sizeof s->trust);
        return s;
}

static struct signer *signer_free(struct signer *g)
{
        if (g) {
                buf_done(&g->leaf);
                buf_done(&g->issuer);
                buf_done(&g->root);
                verify_key_free(g->key);
        }
        free(g);
        return NULL;
}

static void signer_freep(struct signer **g)
{
        *g = signer_free(*g);
}

struct signers *signers_free(struct signers *s)
{
        while (s && s->list) {
                struct signer *next = s->list->next;
                signer_free(s->list);
                s->list = next;
        }
        free(s);
        return NULL;
}

static void chain_hash(const struct head *h, uint8_t ret[static HASH_BYTES])
{
        const struct bytes certs[] = { h->seal_cert, h->issuer_cert, h->root_cert };
        CLEANUP(hash_freep) struct hash *hash = hash_new();

        hash_start(hash);
        for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
                uint32_t n = (uint32_t)certs[i].n;
                hash_update(hash, BYTES(&n, sizeof n));
                hash_update(hash, certs[i]);
        }
        hash_finish(hash, ret);
}

static int signer_make(const struct head *h, struct signer **ret, struct err *e)
{
        CLEANUP(signer_freep) struct signer *g = xcalloc(1, sizeof *g);
        int r = verify_key_of_cert(h->seal_cert, &g->key, e);

        if (r < 0)
                return err_wrap(e, r, "seal certificate");
        verify_key_id(g->key, g->key_id);
        r = x509_key_id(h->root_cert, g->root_id, e);
        if (r < 0)
                return err_wrap(e, r, "root certificate");
        buf_init(&g->leaf, X509_CERT_MAX);
        buf_init(&g->issuer, X509_CERT_MAX);
        buf_init(&g->root, X509_CERT_MAX);
        r = buf_append(&g->leaf, h->seal_cert, e);
        if (r == 0)
                r = buf_append(&g->issuer, h->issuer_cert, e);
        if (r == 0)
                r = buf_append(&g->root, h->root_cert, e);
        if (r == 0)
                *ret = TAKE(g);
        return r;
}

int signers_of_head(struct signers *s, const struct head *h, struct signer **ret, struct err *e)
{
        uint8_t hash[HASH_BYTES];
        struct signer *g;

        chain_hash(h, hash);
        if (s->last && memcmp(s->last->chain_hash, hash, sizeof hash) == 0) {
                *ret = s->last;
                return 0;
        }
        for (g = s->list; g && memcmp(g->chain_hash, hash, sizeof hash) != 0; g = g->next)
                ;
        if (!g) {
                int r = signer_make(h, &g, e);
                if (r < 0)
                        return r;
                memcpy(g->chain_hash, hash, sizeof hash);
                g->next = s->list;
                s->list = g;
        }
        *ret = s->last = g;
        return 0;
}

bool signers_signed(const struct signer *signer, const struct seal *seal, struct bytes payload)
{
        return memcmp(signer->key_id, seal->signer, sizeof signer->key_id) == 0 &&
               seal_signature_ok(payload, signer->key);
}

struct signer *signers_find(struct signers *s, const struct seal *seal, struct bytes payload)
{
        for (struct signer *g = s->list; g; g = g->next)
                if (signers_signed(g, seal, payload))
                        return g;
        return NULL;
}

/* A certificate's validity has no holes: what holds at two times holds between them. */
static int signer_check(struct signer *g, int64_t at_us, struct err *e)
{
        if (g->checked && at_us >= g->good_from_us && at_us <= g->good_to_us)
                return 0;
        int r = x509_check_seal_chain(
                buf_bytes(&g->leaf), buf_bytes(&g->issuer), buf_bytes(&g->root), at_us, e);
        if (r < 0)
                return r;
        if (!g->checked || at_us < g->good_from_us)
                g->good_from_us = at_us;
        if (!g->checked || at_us > g->good_to_us)
                g->good_to_us = at_us;
        g->checked = true;
        return 0;
}

enum verdict_kind signers_standing(
        struct signers *s, struct signer *signer, int64_t sealed_us, char *text, size_t room)
{
        struct err why;
        char hex[65];

        if (signer_check(signer, sealed_us, &why) < 0) {
                snprintf(text, room, "the certificates do not hold: %.180s", why.text);
                return VERDICT_FOREIGN;
        }
        if (!s->root_known) {
                memcpy(s->root_id, signer->root_id, sizeof s->root_id);
                s->root_known = true;
        }
        str_hex(hex, BYTES(signer->root_id, sizeof signer->root_id));
        if (s->trust_given) {
                if (memcmp(signer->root_id, s->trust, sizeof s->trust) == 0) {
                        text[0] = '\0';
                        return VERDICT_AUTHENTIC;
                }
                snprintf(text, room, "sealed by a site whose fingerprint is %s, not the one given",
                        hex);
                return VERDICT_KEY_NOT_TRUSTED;
        }
        if (memcmp(signer->root_id, s->root_id, sizeof s->root_id) != 0) {
                snprintf(text, room, "sealed by another site than the rest, of the fingerprint %s",
                        hex);
                return VERDICT_FOREIGN;
        }
        snprintf(text, room,
                "whole and unchanged since it was sealed, but no fingerprint was given to say "
                "whose site it is");
        return VERDICT_CANNOT_TELL;
}

bool signers_fingerprint(const struct signers *s, uint8_t ret[static 32])
{
        if (s->root_known)
                memcpy(ret, s->root_id, sizeof s->root_id);
        return s->root_known;
}
