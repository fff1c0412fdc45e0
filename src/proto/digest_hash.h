/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The computation of a Digest response (RFC 7616 section 3.4.1, RFC 2617). For digest.c and
 * digest_server.c. */
#ifndef CUSTOS_PROTO_DIGEST_HASH_H
#define CUSTOS_PROTO_DIGEST_HASH_H

#include "proto/digest.h"

#define DIGEST_HASH_HEX_ROOM 65

struct digest_hash_input {
        enum digest_scheme scheme;
        const char *user;
        const struct secret *password;
        const char *realm, *nonce;
        const char *method, *uri;
        bool qop_auth;
        const char *nc, *cnonce; /* with qop */
};
/* Lower-case hex. Pieces of the secret are wiped. */
int digest_hash_response(const struct digest_hash_input *in, char ret[static DIGEST_HASH_HEX_ROOM],
        struct err *e) MUST_USE;

/* DIGEST_NONE for one that is not understood. */
enum digest_scheme digest_hash_scheme(const char *algorithm);
/* "MD5", "SHA-256-sess", ... */
const char *digest_hash_algorithm(enum digest_scheme s);

#endif
