/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The offline verifier: is this segment, export or vault what a recorder sealed (docs/spec/seal.md
 * section 4, docs/spec/evidence.md)? Needs no network, database, index or key of footage; reads
 * every byte once.
 *
 * A fault in what is verified is an item of the verdict, never an error: an error says that nothing
 * could be looked at (no such file, not made by Custos, a medium that cannot be read).
 */
#ifndef CUSTOS_VERIFY_VERIFY_H
#define CUSTOS_VERIFY_VERIFY_H

#include "seal/verdict.h"

struct verify_options {
        const uint8_t *trust; /* the site's fingerprint (32 bytes), obtained apart; NULL: none */
        /* Called as bytes are done; total may grow. NULL: not wanted. */
        void (*on_progress)(void *owner, uint64_t done_bytes, uint64_t total_bytes);
        void *owner;
};

/* One volume of those that are verified as one. */
struct verify_vault {
        const char *path;
        const char *name; /* for texts */
        const char *away; /* why nothing can be read there: said in the verdict, and where something
                             is missing; NULL: it is read */
};

/* path: a segment, an export, a vault, or one stream's directory in it. ret: from verdict_init. */
int verify_path(const char *path, const struct verify_options *o, struct verdict *ret,
        struct err *e) MUST_USE;
/* The streams that lie on these volumes, each as one chain. stream: that one alone; NULL: all. */
int verify_vaults(const struct verify_vault *vaults, unsigned n, const char *stream,
        const struct verify_options *o, struct verdict *ret, struct err *e) MUST_USE;
/* The same for the bytes of one segment or export; name is for texts. */
int verify_bytes(struct bytes file, const char *name, const struct verify_options *o,
        struct verdict *ret, struct err *e) MUST_USE;

#endif
