/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/digest_hash.h"

#include <strings.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/md5.h"

static const struct {
        enum digest_scheme scheme;
        const char *algorithm;
} algorithms[] = {
        { DIGEST_MD5, "MD5" },
        { DIGEST_MD5_SESS, "MD5-sess" },
        { DIGEST_SHA256, "SHA-256" },
        { DIGEST_SHA256_SESS, "SHA-256-sess" },
};

enum digest_scheme digest_hash_scheme(const char *algorithm)
{
        for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
                if (strcasecmp(algorithms[i].algorithm, algorithm) == 0)
                        return algorithms[i].scheme;
        return DIGEST_NONE;
}

const char *digest_hash_algorithm(enum digest_scheme s)
{
        for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
                if (algorithms[i].scheme == s)
                        return algorithms[i].algorithm;
        return "";
}

/* Hash of the parts with ':' between them, in hex. */
static int hash_parts(bool sha256, const struct bytes *parts, unsigned n,
        char ret[static DIGEST_HASH_HEX_ROOM], struct err *e)
{
        uint8_t text[4096], digest[HASH_BYTES];
        size_t at = 0;
        int r = 0;

        for (unsigned i = 0; i < n; i++) {
                if (parts[i].n + 1 > sizeof text - at) {
                        explicit_bzero(text, sizeof text);
                        return err_set(e, ERR_EXHAUSTED, "Digest: values longer than %zu bytes",
                                sizeof text);
                }
                if (i > 0)
                        text[at++] = ':';
                if (parts[i].n)
                        memcpy(text + at, parts[i].p, parts[i].n);
                at += parts[i].n;
        }
        if (sha256)
                hash_once(BYTES(text, at), digest);
        else
                r = md5_once(BYTES(text, at), digest, e);
        explicit_bzero(text, sizeof text);
        if (r == 0)
                str_hex(ret, BYTES(digest, sha256 ? HASH_BYTES : MD5_BYTES));
        return r;
}

/* H(A1): with -sess, the hash of user, realm and password is hashed again with the nonces. */
static int hash_user(const struct digest_hash_input *in, bool sha256,
        char ret[static DIGEST_HASH_HEX_ROOM], struct err *e)
{
        bool sess = in->scheme == DIGEST_MD5_SESS || in->scheme == DIGEST_SHA256_SESS;
        const struct bytes who[] = { bytes_str(in->user), bytes_str(in->realm),
                secret_bytes(in->password) };

        int r = hash_parts(sha256, who, ARRAY_LEN(who), ret, e);
        if (r == 0 && sess) {
                char first[DIGEST_HASH_HEX_ROOM];
                memcpy(first, ret, sizeof first);
                const struct bytes again[] = { bytes_str(first), bytes_str(in->nonce),
                        bytes_str(in->cnonce) };
                r = hash_parts(sha256, again, ARRAY_LEN(again), ret, e);
                explicit_bzero(first, sizeof first);
        }
        return r;
}

int digest_hash_response(
        const struct digest_hash_input *in, char ret[static DIGEST_HASH_HEX_ROOM], struct err *e)
{
        bool sha256 = in->scheme == DIGEST_SHA256 || in->scheme == DIGEST_SHA256_SESS;
        char who[DIGEST_HASH_HEX_ROOM] = "", what[DIGEST_HASH_HEX_ROOM];
        const struct bytes request[] = { bytes_str(in->method), bytes_str(in->uri) };

        int r = hash_user(in, sha256, who, e);
        if (r == 0)
                r = hash_parts(sha256, request, ARRAY_LEN(request), what, e);
        if (r == 0 && in->qop_auth) {
                const struct bytes all[] = { bytes_str(who), bytes_str(in->nonce),
                        bytes_str(in->nc), bytes_str(in->cnonce), bytes_str("auth"),
                        bytes_str(what) };
                r = hash_parts(sha256, all, ARRAY_LEN(all), ret, e);
        } else if (r == 0) {
                const struct bytes all[] = { bytes_str(who), bytes_str(in->nonce),
                        bytes_str(what) };
                r = hash_parts(sha256, all, ARRAY_LEN(all), ret, e);
        }
        explicit_bzero(who, sizeof who);
        return r;
}
