/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The code by which a new host joins a site (docs/design/links.md, "Enrolment code"):
 *     ROLE-NAME-XXXX-XXXX-...   13 groups of 4 letters of base32 (RFC 4648, no padding): 260 bits
 * 128 bits of SHA-256 of the root's SubjectPublicKeyInfo, 128 bits of secret, and as a checksum the
 * first 4 bits of SHA-256("custos-enrol-code-1" | role | "/" | name | the 32 bytes). A reader
 * ignores case and spaces, and takes 0 for O, 1 for I, 8 for B. Pure.
 */
#ifndef CUSTOS_TRUST_ENROL_CODE_H
#define CUSTOS_TRUST_ENROL_CODE_H

#include "base/err.h"
#include "base/str.h"

#define ENROL_CODE_ROOM 160
#define ENROL_CODE_SECRET_BYTES 16
#define ENROL_CODE_HASH_BYTES 16

struct enrol_code {
        char role[16], name[48];
        uint8_t root[ENROL_CODE_HASH_BYTES]; /* first half of the fingerprint */
        uint8_t secret[ENROL_CODE_SECRET_BYTES];
};

void enrol_code_format(const struct enrol_code *c, char to[static ENROL_CODE_ROOM]);
/* ERR_INVALID says what is wrong with it, and never repeats it. */
int enrol_code_parse(const char *text, struct enrol_code *ret, struct err *e) MUST_USE;
/* The HTTP password: 32 hex digits. What the manager keeps of it: SHA-256("custos-enrol-secret-1" |
 * secret). */
void enrol_code_password(const struct enrol_code *c, char to[static 33]);
void enrol_code_hash(const uint8_t secret[static ENROL_CODE_SECRET_BYTES], uint8_t ret[static 32]);

#endif
