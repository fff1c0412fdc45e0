/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of an export: what a player says of it before its first byte. Pure. */
#ifndef CUSTOS_GATEWAY_EXPORT_TEXT_H
#define CUSTOS_GATEWAY_EXPORT_TEXT_H

#include "base/bytes.h"
#include "base/err.h"

#define EXPORT_TEXT_BYTES_MAX (INT64_C(1) << 50)

/* {"bytes":N}: how long the file is, 1 to EXPORT_TEXT_BYTES_MAX. ERR_PROTOCOL. */
int export_text_plan(struct bytes json, uint64_t *ret_bytes, struct err *e) MUST_USE;

#endif
