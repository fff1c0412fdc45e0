/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pieces of one stream put in order and judged as one chain (docs/spec/seal.md sections 3 and
 * 4): holes, order, copies, ends. Writes the items of the verdict, in order of the recording. Pure.
 */
#ifndef CUSTOS_VERIFY_LINE_H
#define CUSTOS_VERIFY_LINE_H

#include "verify/piece.h"

enum line_kind {
        LINE_FILE,   /* one segment by itself */
        LINE_VAULT,  /* all segments of a stream, in any order */
        LINE_EXPORT, /* the segments of an export, in its order; it may begin and end inside of one
                      */
};

/* pieces are sorted in place. stream: for texts. */
void line_judge(enum line_kind kind, const char *stream, struct piece *pieces, size_t n,
        struct signers *signers, struct verdict *v);

#endif
