/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of a segment file, judged: which of its fragments stand, and which were being written
 * when the power went (docs/design/crash.md). Bytes in, a judgement out: no file is opened.
 *
 * A disk keeps an arbitrary part of what was not synced, so a seal may be there without what it
 * seals. What was never written reads as zeros, and sealed bytes have no sector of zeros: that
 * tells what was torn, which may be cut off, from what was damaged or changed later, which is
 * evidence and stays.
 */
#ifndef CUSTOS_VAULT_SEGMENT_END_H
#define CUSTOS_VAULT_SEGMENT_END_H

#include "seal/segment.h"

/* What is looked at behind the last seal that stands: longer ago than this it was synced, unless
 * the same look finds something torn. By the seals' boot clock. */
#define SEGMENT_END_UNSURE_US INT64_C(4000000)

struct segment_end {
        unsigned keep; /* fragments that stand, from the first; 0: none */
        bool torn;     /* something behind them was */
        bool settled;  /* what stands reaches back further than a crash does */
};

void segment_end_judge(const struct segment *s, struct segment_end *ret);

/* Of a file in which no fragment can be read: true when its first ones were never written whole.
 * Then nothing in it was ever synced, whatever seals are there. */
bool segment_end_never_synced(struct bytes file);
/* The whole seals among bytes that cannot be read, and how many; one that was cut off in the middle
 * proves nothing. 0: the rest is untouched. */
unsigned segment_end_find_seals(struct bytes file, struct seal *ret_first, struct seal *ret_last,
        struct bytes *ret_payload);

#endif
