/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of a stream's epochs (docs/spec/seal.md section 3): an epoch stands behind the one that
 * its first seal names, whatever the clocks said; where no link is known, by the sealer's time.
 * Pure bookkeeping.
 */
#ifndef CUSTOS_SEAL_EPOCH_ORDER_H
#define CUSTOS_SEAL_EPOCH_ORDER_H

#include "seal/seal.h"

struct epoch_order; /* owned */

struct epoch_order *epoch_order_new(void);
struct epoch_order *epoch_order_free(struct epoch_order *o);
/* One seal; the lowest sequence of each epoch decides. time: any that orders epochs without a known
 * link. */
void epoch_order_add(struct epoch_order *o, const struct seal_link *self,
        const struct seal_link *previous, int64_t time);
/* Place of an epoch from 0; computed at the first call after epoch_order_add. Unknown epochs come
 * last. */
size_t epoch_order_rank(struct epoch_order *o, const uint8_t epoch[static 16]);

#endif
