/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is kept of a password: Argon2id (RFC 9106), version 1.3, as a PHC string
 *     $argon2id$v=19$m=65536,t=3,p=1$<salt, 16 bytes, base64>$<hash, 32 bytes, base64>
 * Each call takes PASSWORD_MEMORY_KIB of memory, which the library wipes, and a tenth of a second
 * or more: never on a loop. Starts no thread.
 */
#ifndef CUSTOS_CRYPTO_PASSWORD_H
#define CUSTOS_CRYPTO_PASSWORD_H

#include "base/bytes.h"
#include "base/err.h"

#define PASSWORD_ROOM 128 /* of the string */
#define PASSWORD_MEMORY_KIB 65536u
#define PASSWORD_PASSES 3u

/* With a new random salt. ERR_EXHAUSTED: no memory. */
int password_hash(struct bytes password, char to[static PASSWORD_ROOM], struct err *e) MUST_USE;
/* Whether it is that one: 1 or 0, compared in constant time. ERR_CORRUPT: not such a string, or one
 * that would take more than four times the memory or passes. */
int password_verify(const char *kept, struct bytes password, struct err *e) MUST_USE;
/* Whether password_hash would make one of the same cost: else it is to be made anew when the
 * password is known. */
bool password_is_current(const char *kept);

#endif
