/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager's audit log (docs/spec/audit.md): <state>/audit.log, mode 0600, lines that name each
 * other by hash, each durable before audit_write returns. What is told and when is the caller's;
 * never a password or a key's private half.
 *
 * Whoever can write the file can write it anew from any line on, or cut its end off: the chain
 * shows every other change. Witnesses elsewhere are not in here.
 */
#ifndef CUSTOS_MANAGER_AUDIT_H
#define CUSTOS_MANAGER_AUDIT_H

#include "trust/audit_line.h"

struct audit; /* owned */

/* Goes on behind the last line; one that a power cut left incomplete stays, and shows in a check.
 */
int audit_open(const char *path, struct audit **ret, struct err *e) MUST_USE;
struct audit *audit_free(struct audit *a);
/* Takes fields (an object, or NULL). */
int audit_write(struct audit *a, const char *event, json_t *fields, struct err *e) MUST_USE;

/* How the file stands, for who reads it. */
struct audit_look {
        int fd; /* borrowed */
        uint64_t length;
        /* How often somebody else than this process has changed it since audit_open, as its change
         * time tells: what was checked of it before has to be checked again. */
        uint64_t changes;
        struct audit_line_chain chain; /* of what was written last. n 0: not known */
};
/* ERR_UNAVAILABLE: it is no file that can be read back. */
int audit_see(struct audit *a, struct audit_look *ret, struct err *e) MUST_USE;

#endif
