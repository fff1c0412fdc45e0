/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a verification found, per time range, and the overall result (docs/spec/seal.md section 4).
 * Filled by verify/, printed by cli/. Not in here: how it was found.
 */
#ifndef CUSTOS_SEAL_VERDICT_H
#define CUSTOS_SEAL_VERDICT_H

#include "seal/chain.h"

struct verdict_item {
        enum verdict_kind kind;
        char stream[HEAD_PATH_MAX];
        int64_t from_us, to_us; /* SEAL_UNKNOWN_US where unknown */
        char where[200];        /* the file, escaped, for people */
        uint64_t offset, end; /* bytes of that file; both 0 where it is the whole file or several */
        char text[CHAIN_TEXT_ROOM]; /* why, in one sentence */
};

struct verdict {
        size_t items_n, items_room;
        struct verdict_item *items; /* owned; neighbours of one kind and reason are merged */
        uint64_t fragments, bytes;  /* looked at */
        unsigned streams, segments;
        bool trust_given, trusted;        /* trusted: every root found is the one given */
        uint8_t fingerprint[32];          /* of the root found; zeros when none */
        uint64_t kinds[VERDICT_NOTE + 1]; /* items added, by kind, before merging */
};

void verdict_init(struct verdict *v);
void verdict_done(struct verdict *v);
void verdict_add(struct verdict *v, const struct verdict_item *item);
/* "file, bytes a to b" for people; just the file where no bytes are named. Returns to. */
const char *verdict_where(const struct verdict_item *item, char *to, size_t room);
/* 0 authentic, 1 not, 2 cannot tell (docs/spec/seal.md section 4). */
int verdict_overall(const struct verdict *v);

#endif
