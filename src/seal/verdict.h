/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a verification found, per time range, and the overall result. Filled by verify/, printed by cli/. */
#ifndef CUSTOS_SEAL_VERDICT_H
#define CUSTOS_SEAL_VERDICT_H

#include "seal/chain.h"

struct verdict_item {
        enum verdict_kind kind;
        char stream[HEAD_PATH_MAX];
        int64_t from_us, to_us;   /* SEAL_UNKNOWN_US where unknown */
        char where[200];          /* file and byte, for people */
        char text[240];           /* why, in one sentence */
};

struct verdict {
        size_t items_n, items_room;
        struct verdict_item *items; /* owned; neighbours of one kind and reason are merged */
        uint64_t fragments, bytes;  /* looked at */
        unsigned streams, segments;
        bool trust_given, trusted;
        uint8_t fingerprint[32];    /* of the root found; zeros when none */
};

void verdict_init(struct verdict *v);
void verdict_done(struct verdict *v);
void verdict_add(struct verdict *v, const struct verdict_item *item);
/* 0 authentic, 1 not, 2 cannot tell (docs/spec/seal.md section 4). */
int verdict_overall(const struct verdict *v);

#endif
