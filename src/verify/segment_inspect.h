/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at every byte of one segment file (docs/spec/seal.md section 4) and notes what it finds in
 * a piece: its seals, and each fault with its place. Order and chain are judged later (line.h).
 * Pure.
 */
#ifndef CUSTOS_VERIFY_SEGMENT_INSPECT_H
#define CUSTOS_VERIFY_SEGMENT_INSPECT_H

#include "verify/piece.h"

/* p: from piece_init. */
void segment_inspect(struct bytes file, struct signers *signers, struct piece *p);

#endif
