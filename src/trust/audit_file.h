/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file of lines of audit_line.h, open to be written on: where it ends, and where its chain
 * stands. Who writes, syncs and moves both on is the caller, which may have to do it off its loop.
 * Blocking: at start.
 */
#ifndef CUSTOS_TRUST_AUDIT_FILE_H
#define CUSTOS_TRUST_AUDIT_FILE_H

#include "trust/audit_line.h"

struct audit_file {
        int fd; /* owned; O_APPEND */
        uint64_t length;
        struct audit_line_chain chain;
};

/*
 * Opens the file, or makes it, mode 0600. The chain goes on behind its last line; one that a power
 * cut left incomplete is ended by a line feed, stays, and shows in a check: then *ret_broken says
 * what is wrong with it (code 0: nothing), for the caller's log.
 */
int audit_file_open(
        const char *path, struct audit_file *ret, struct err *ret_broken, struct err *e) MUST_USE;
void audit_file_close(struct audit_file *f); /* also of zeros */
/* To be read alone (audit_walk.h): the descriptor is the caller's. */
int audit_file_look(const char *path, int *ret_fd, uint64_t *ret_length, struct err *e) MUST_USE;

#endif
