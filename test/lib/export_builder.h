/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clear exports in memory, made from what segment_builder.h made. A test includes export_builder.c
 * behind segment_builder.c and links `seal`. Everything aborts where it cannot go on.
 */
#ifndef CUSTOS_TEST_EXPORT_BUILDER_H
#define CUSTOS_TEST_EXPORT_BUILDER_H

#include "segment_builder.h"
#include "seal/evidence.h"

/* Fragments [first, first + n) of one segment of the builder. */
struct export_builder_part {
        unsigned segment, first, n;
};

struct export_builder_options {
        int64_t from_us, to_us; /* both 0: everything */
        bool without_audio;
        const struct export_builder_part *parts; /* NULL: all segments */
        unsigned parts_n;
};

/* The bytes of the file, to be freed with buf_done. */
struct buf export_builder_make(
        const struct segment_builder *b, const struct export_builder_options *o);

#endif
