/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of messages (message.c, message_volume.c) share. For these alone. */
#ifndef CUSTOS_RECORDER_MESSAGE_PARTS_H
#define CUSTOS_RECORDER_MESSAGE_PARTS_H

#include "base/pack.h"
#include "seal/seal.h"

/* ERR_EXHAUSTED when it did not fit. */
int message_packed(const struct pack *p, const char *what, struct err *e) MUST_USE;
/* ERR_PROTOCOL when it was not read to its end, or is of another form. */
int message_parsed(const struct unpack *u, const char *what, struct err *e) MUST_USE;
void message_pack_link(struct pack *p, const struct seal_link *l);
void message_unpack_link(struct unpack *u, struct seal_link *l);
bool message_unpack_bool(struct unpack *u);

#endif
