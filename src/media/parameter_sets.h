/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parameter sets of one H.264 or H.265 track as seen so far, one of each kind and id, kept in
 * order, so that the same sets always make the same record whatever their order of arrival.
 */
#ifndef CUSTOS_MEDIA_PARAMETER_SETS_H
#define CUSTOS_MEDIA_PARAMETER_SETS_H

#include "media/access_unit.h"
#include "media/nal.h"

struct parameter_sets {
        enum media_codec codec;
        unsigned n;
        struct parameter_sets_entry {
                unsigned key; /* kind and id: the order */
                size_t n;
        } entries[NAL_SETS_MAX];
        size_t used;
        uint8_t arena[MEDIA_PARAMETERS_MAX]; /* the units, in the order of the entries */
};

void parameter_sets_init(struct parameter_sets *s, enum media_codec codec);
/* 1 when nal is a parameter set that is new or differs from the one of its kind and id before; 0
 * when it is the same, or no parameter set. ERR_PROTOCOL for a malformed one, ERR_EXHAUSTED when
 * all together are too many; s is unchanged then. */
int parameter_sets_put(struct parameter_sets *s, struct bytes nal, struct err *e) MUST_USE;
/* Puts those of avcC or hvcC. */
int parameter_sets_put_record(
        struct parameter_sets *s, struct bytes record, struct err *e) MUST_USE;
/* avcC or hvcC with the size of the picture; ERR_INVALID while one of a kind is missing. */
int parameter_sets_config(
        const struct parameter_sets *s, struct media_config *ret, struct err *e) MUST_USE;

#endif
