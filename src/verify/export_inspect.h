/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at every byte of an export (docs/spec/evidence.md): rebuilds its front and its evidence box
 * and compares, encrypts the samples again and compares with the sealed hashes, and judges the
 * chain. Pure but for the callback.
 */
#ifndef CUSTOS_VERIFY_EXPORT_INSPECT_H
#define CUSTOS_VERIFY_EXPORT_INSPECT_H

#include "verify/piece.h"

struct export_inspect_options {
        /* Called before bytes are read; a failure ends it. NULL: all is in memory. */
        int (*on_read)(void *owner, uint64_t offset, uint64_t n, struct err *e);
        void *owner;
};

/* Is this an export, or was it one? Needs only the bytes. */
bool export_inspect_is(struct bytes file);
int export_inspect(struct bytes file, const char *name, struct signers *signers,
        const struct export_inspect_options *o, struct verdict *v, struct err *e) MUST_USE;

#endif
