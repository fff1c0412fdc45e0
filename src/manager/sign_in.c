/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/sign_in.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/random.h"

#define SIGN_IN_SECOND_US INT64_C(1000000)
#define SIGN_IN_KEY_BYTES 16

enum { SIGN_IN_PAIR, SIGN_IN_ADDRESS, SIGN_IN_NAME, SIGN_IN_KINDS };

struct sign_in_count {
        uint8_t key[SIGN_IN_KEY_BYTES];
        unsigned n; /* 0: free */
        int64_t first_us, last_us;
};

struct sign_in {
        uint8_t salt[SIGN_IN_KEY_BYTES]; /* so that nobody can choose names whose keys meet */
        struct hash *hash;
        struct sign_in_count counts[SIGN_IN_KINDS][SIGN_IN_REMEMBERED];
};

struct sign_in *sign_in_new(void)
{
        struct sign_in *s = xcalloc(1, sizeof *s);

        s->hash = hash_new();
        random_bytes(s->salt, sizeof s->salt);
        return s;
}

struct sign_in *sign_in_free(struct sign_in *s)
{
        if (!s)
                return NULL;
        hash_free(s->hash);
        free(s);
        return NULL;
}

void sign_in_place(const uint8_t address[static NETWORK_ADDRESS_BYTES],
        uint8_t ret[static NETWORK_ADDRESS_BYTES])
{
        static const uint8_t four[12] = { [10] = 0xff, [11] = 0xff };
        bool v4 = memcmp(address, four, sizeof four) == 0;

        memcpy(ret, address, NETWORK_ADDRESS_BYTES);
        if (!v4)
                memset(ret + NETWORK_ADDRESS_BYTES / 2, 0, NETWORK_ADDRESS_BYTES / 2);
}

/* What is counted under, for each kind. */
static void sign_in_key(struct sign_in *s, unsigned kind, const struct sign_in_try *t,
        uint8_t key[static SIGN_IN_KEY_BYTES])
{
        uint8_t hash[HASH_BYTES], head[] = { (uint8_t)kind };

        hash_start(s->hash);
        hash_update(s->hash, BYTES(s->salt, sizeof s->salt));
        hash_update(s->hash, BYTES(head, sizeof head));
        if (kind != SIGN_IN_NAME)
                hash_update(s->hash, BYTES(t->address, sizeof t->address));
        for (const char *c = t->name; kind != SIGN_IN_ADDRESS && *c; c++) {
                uint8_t letter = (uint8_t)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
                hash_update(s->hash, BYTES(&letter, 1));
        }
        hash_finish(s->hash, hash);
        memcpy(key, hash, SIGN_IN_KEY_BYTES);
}

static struct sign_in_count *sign_in_find(
        struct sign_in *s, unsigned kind, const uint8_t key[static SIGN_IN_KEY_BYTES])
{
        for (unsigned i = 0; i < SIGN_IN_REMEMBERED; i++) {
                struct sign_in_count *c = &s->counts[kind][i];
                if (c->n && memcmp(c->key, key, SIGN_IN_KEY_BYTES) == 0)
                        return c;
        }
        return NULL;
}

static bool sign_in_is_old(const struct sign_in_count *c, unsigned kind, int64_t now_us)
{
        return now_us - (kind == SIGN_IN_ADDRESS ? c->first_us : c->last_us) >= SIGN_IN_FORGET_US;
}

/* A place for another: one whose time is over, or else the least of them. */
static struct sign_in_count *sign_in_room(struct sign_in *s, unsigned kind, int64_t now_us)
{
        struct sign_in_count *least = NULL;

        for (unsigned i = 0; i < SIGN_IN_REMEMBERED; i++) {
                struct sign_in_count *c = &s->counts[kind][i];
                if (c->n == 0 || sign_in_is_old(c, kind, now_us))
                        return c;
                if (!least || c->n < least->n || (c->n == least->n && c->last_us < least->last_us))
                        least = c;
        }
        return least;
}

/* 1 s behind the first that makes one wait, then doubling. */
static int64_t sign_in_wait_us(unsigned n, unsigned free)
{
        int64_t wait_s = n - free < 10 ? INT64_C(1) << (n - free) : SIGN_IN_WAIT_MAX_S;

        return (wait_s < SIGN_IN_WAIT_MAX_S ? wait_s : SIGN_IN_WAIT_MAX_S) * SIGN_IN_SECOND_US;
}

/* From when on this count lets one try. */
static int64_t sign_in_free_us(
        const struct sign_in_count *c, unsigned kind, const struct sign_in_try *t)
{
        if (kind == SIGN_IN_ADDRESS)
                return c->n < SIGN_IN_OF_ADDRESS ? 0 : c->first_us + SIGN_IN_FORGET_US;
        unsigned free = kind == SIGN_IN_PAIR ? SIGN_IN_FREE : SIGN_IN_OF_NAME;
        if (c->n < free || (kind == SIGN_IN_NAME && t->known))
                return 0;
        return c->last_us + sign_in_wait_us(c->n, free);
}

static void sign_in_add(struct sign_in *s, unsigned kind,
        const uint8_t key[static SIGN_IN_KEY_BYTES], int64_t now_us)
{
        struct sign_in_count *c = sign_in_find(s, kind, key);

        if (!c) {
                c = sign_in_room(s, kind, now_us);
                *c = (struct sign_in_count){ .first_us = now_us };
                memcpy(c->key, key, SIGN_IN_KEY_BYTES);
        }
        c->n++;
        c->last_us = now_us;
}

/* Tries from a known address say nothing of those from elsewhere. */
static bool sign_in_counts(unsigned kind, const struct sign_in_try *t)
{
        return kind != SIGN_IN_NAME || !t->known;
}

int sign_in_admit(struct sign_in *s, const struct sign_in_try *t, int64_t now_us,
        unsigned *ret_wait_s, struct err *e)
{
        uint8_t keys[SIGN_IN_KINDS][SIGN_IN_KEY_BYTES];
        int64_t free_us = 0;

        for (unsigned kind = 0; kind < SIGN_IN_KINDS; kind++) {
                sign_in_key(s, kind, t, keys[kind]);
                struct sign_in_count *c = sign_in_find(s, kind, keys[kind]);
                if (c && sign_in_is_old(c, kind, now_us))
                        *c = (struct sign_in_count){ 0 };
                else if (c && sign_in_free_us(c, kind, t) > free_us)
                        free_us = sign_in_free_us(c, kind, t);
        }
        if (free_us > now_us) {
                *ret_wait_s =
                        (unsigned)((free_us - now_us + SIGN_IN_SECOND_US - 1) / SIGN_IN_SECOND_US);
                return err_fault(e, ERR_EXHAUSTED, FAULT_TOO_MANY_TRIES,
                        "too many wrong passwords: the next try is taken in %u s", *ret_wait_s);
        }
        for (unsigned kind = 0; kind < SIGN_IN_KINDS; kind++) {
                if (sign_in_counts(kind, t))
                        sign_in_add(s, kind, keys[kind], now_us);
        }
        return 0;
}

static void sign_in_forget(struct sign_in *s, const struct sign_in_try *t, bool pair)
{
        uint8_t key[SIGN_IN_KEY_BYTES];

        for (unsigned kind = 0; kind < SIGN_IN_KINDS; kind++) {
                sign_in_key(s, kind, t, key);
                struct sign_in_count *c =
                        sign_in_counts(kind, t) ? sign_in_find(s, kind, key) : NULL;
                if (!c)
                        continue;
                c->n = kind == SIGN_IN_PAIR && pair ? 0 : c->n - 1;
        }
}

void sign_in_succeeded(struct sign_in *s, const struct sign_in_try *t)
{
        sign_in_forget(s, t, true);
}

void sign_in_take_back(struct sign_in *s, const struct sign_in_try *t)
{
        sign_in_forget(s, t, false);
}
