/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a player sends of an export, opened: how long the file is, then its bytes, and no message of
 * them missing. Pure. */
#ifndef CUSTOS_GATEWAY_EXPORT_TEXT_H
#define CUSTOS_GATEWAY_EXPORT_TEXT_H

#include "base/bytes.h"
#include "base/err.h"
#include "proto/media_message.h"

#define EXPORT_TEXT_BYTES_MAX (INT64_C(1) << 50)

/* {"bytes":N}: how long the file is, 1 to EXPORT_TEXT_BYTES_MAX. ERR_PROTOCOL. */
int export_text_plan(struct bytes json, uint64_t *ret_bytes, struct err *e) MUST_USE;

struct export_text_parts { /* zeros at first */
        uint64_t number;   /* of the next message */
        uint64_t bytes;    /* of the file, 0: not known yet */
        uint64_t received; /* of them */
};
/* 1: plain was the plan; 0: it is the file's next bytes. ERR_PROTOCOL: then the file will not be
 * whole. */
int export_text_take(struct export_text_parts *p, const struct media_message *m, struct bytes plain,
        struct err *e) MUST_USE;

#endif
