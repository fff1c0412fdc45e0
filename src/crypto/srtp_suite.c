/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/srtp_suite.h"

#include <assert.h>

#include "crypto/random.h"

static const struct {
        const char *name;
        uint8_t key_bytes, salt_bytes;
} srtp_suites[SRTP_SUITES] = {
        [SRTP_SUITE_NONE] = { "", 0, 0 },
        [SRTP_SUITE_AES_CM_128_HMAC_SHA1_80] = { "AES_CM_128_HMAC_SHA1_80", 16, 14 },
        [SRTP_SUITE_AES_CM_128_HMAC_SHA1_32] = { "AES_CM_128_HMAC_SHA1_32", 16, 14 },
        [SRTP_SUITE_AEAD_AES_128_GCM] = { "AEAD_AES_128_GCM", 16, 12 },
        [SRTP_SUITE_AEAD_AES_256_GCM] = { "AEAD_AES_256_GCM", 32, 12 },
};

const char *srtp_suite_name(enum srtp_suite s)
{
        assert(s < SRTP_SUITES);
        return srtp_suites[s].name;
}

enum srtp_suite srtp_suite_find(struct bytes name)
{
        for (unsigned i = 1; i < SRTP_SUITES; i++)
                if (bytes_equal(name, bytes_str(srtp_suites[i].name)))
                        return (enum srtp_suite)i;
        return SRTP_SUITE_NONE;
}

bool srtp_suite_is_aead(enum srtp_suite s)
{
        return s == SRTP_SUITE_AEAD_AES_128_GCM || s == SRTP_SUITE_AEAD_AES_256_GCM;
}

size_t srtp_suite_key_bytes(enum srtp_suite s)
{
        assert(s < SRTP_SUITES);
        return srtp_suites[s].key_bytes;
}

size_t srtp_suite_salt_bytes(enum srtp_suite s)
{
        assert(s < SRTP_SUITES);
        return srtp_suites[s].salt_bytes;
}

int srtp_suite_make_key(enum srtp_suite s, struct bytes key, struct bytes salt, struct bytes mki,
        struct srtp_key *ret, struct err *e)
{
        if (s == SRTP_SUITE_NONE || s >= SRTP_SUITES)
                return err_set(e, ERR_INVALID, "SRTP: no suite");
        if (key.n != srtp_suite_key_bytes(s) || salt.n != srtp_suite_salt_bytes(s))
                return err_set(e, ERR_INVALID,
                        "SRTP: a key of %zu and a salt of %zu bytes, %s has %zu and %zu", key.n,
                        salt.n, srtp_suite_name(s), srtp_suite_key_bytes(s),
                        srtp_suite_salt_bytes(s));
        if (mki.n > SRTP_MKI_MAX)
                return err_set(e, ERR_INVALID, "SRTP: an MKI of %zu bytes, at most %d", mki.n,
                        SRTP_MKI_MAX);
        *ret = (struct srtp_key){ .suite = s, .mki_n = mki.n };
        ret->master.n = key.n + salt.n;
        memcpy(ret->master.p, key.p, key.n);
        memcpy(ret->master.p + key.n, salt.p, salt.n);
        if (mki.n)
                memcpy(ret->mki, mki.p, mki.n);
        return 0;
}

void srtp_suite_draw_key(enum srtp_suite s, struct srtp_key *ret)
{
        *ret = (struct srtp_key){ .suite = s };
        ret->master.n = srtp_suite_key_bytes(s) + srtp_suite_salt_bytes(s);
        random_bytes(ret->master.p, ret->master.n);
}

void srtp_suite_wipe_key(struct srtp_key *k)
{
        explicit_bzero(k, sizeof *k);
}
