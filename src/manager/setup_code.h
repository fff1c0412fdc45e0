/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The code that lets the first administrator be made (docs/design/web.md): 10 letters of base32,
 * XXXXX-XXXXX, 50 bits; good for 20 minutes and five wrong tries; its SHA-256 is in the site
 * database, so that it outlives this process. There is one at most: another takes its place. The
 * reader ignores case, spaces and '-', and takes 0 for O, 1 for I, 8 for B. Times are the caller's
 * wall clock.
 */
#ifndef CUSTOS_MANAGER_SETUP_CODE_H
#define CUSTOS_MANAGER_SETUP_CODE_H

#include "db/db.h"

#define SETUP_CODE_ROOM 12
#define SETUP_CODE_LIFE_US (INT64_C(20) * 60 * 1000000)
#define SETUP_CODE_TRIES 5

/* remote: it may be used by others than who sits at the gateway's host. The caller wipes `to`. */
int setup_code_make(struct db *d, bool remote, int64_t now_us, char to[static SETUP_CODE_ROOM],
        int64_t *ret_until_us, struct err *e) MUST_USE;
/* Whether this is the open code. ERR_AUTH: not, in one and the same text; a wrong one is counted,
 * durably, and the last try closes the code. ERR_DENIED: not from there, which counts nothing. */
int setup_code_check(
        struct db *d, const char *typed, bool loopback, int64_t now_us, struct err *e) MUST_USE;
/* 1 where one is open, and until when and for whom; 0. */
int setup_code_open(struct db *d, int64_t now_us, int64_t *ret_until_us, bool *ret_remote,
        struct err *e) MUST_USE;
/* It is good for nothing any more. */
int setup_code_close(struct db *d, struct err *e) MUST_USE;

#endif
