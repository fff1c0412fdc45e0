/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two halves of a probe tell each other over a chan. For probe/ only. */
#ifndef CUSTOS_PROBE_PROBE_MESSAGE_H
#define CUSTOS_PROBE_PROBE_MESSAGE_H

#include "base/buf.h"
#include "probe/probe.h"

enum probe_message {
        /* child to caller */
        PROBE_STEP = 1,    /* string name, string text */
        PROBE_NEED_SOCKET, /* u8 enum camera_socket */
        PROBE_RESULT,      /* probe_message_pack_result; the last */
        /* caller to child */
        PROBE_SOCKET,    /* one descriptor */
        PROBE_DATAGRAMS, /* two descriptors; u16 port of the first */
        PROBE_NO_SOCKET, /* u8 -code, u8 fault, string text */
};

int probe_message_pack_result(
        const struct probe_result *r, struct buf *out, struct err *e) MUST_USE;
int probe_message_unpack_result(
        struct bytes body, struct probe_result *ret, struct err *e) MUST_USE;

#endif
