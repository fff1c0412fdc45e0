/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Brings a segment file to an end that stands (docs/spec/vault.md section 2). No writer may have it
 * open. What is changed is durable when these return. */
#ifndef CUSTOS_VAULT_SEGMENT_MEND_H
#define CUSTOS_VAULT_SEGMENT_MEND_H

#include "seal/segment.h"

struct segment_mended {
        uint64_t bytes, cut_bytes;
        bool completed; /* its LAST seal was there, and its index was not, or not whole */
};

/* keep: the first fragments, at least one; what is behind them is cut off, and room set aside is
 * given back. A segment with its LAST seal gets its index; one without has none. */
int segment_mend(const char *path, const struct segment *s, unsigned keep,
        struct segment_mended *ret, struct err *e) MUST_USE;
int segment_mend_delete(const char *path, struct err *e) MUST_USE;

#endif
