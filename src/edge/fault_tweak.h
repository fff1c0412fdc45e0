/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan's faults of what a camera says: as a tweak of the RTSP server, and as changes to a session
 * description. Pure.
 */
#ifndef CUSTOS_EDGE_FAULT_TWEAK_H
#define CUSTOS_EDGE_FAULT_TWEAK_H

#include "base/buf.h"
#include "edge/fault_plan.h"
#include "net/rtsp_tweak.h"

/* False when there is nothing to be said wrong; *ret borrows from the plan. */
bool fault_tweak_make(
        const struct fault_plan *p, const char *stream, const char *camera, struct rtsp_tweak *ret);
/* Changes the description in place. */
int fault_tweak_sdp(const struct fault_plan *p, const char *stream, const char *camera,
        struct buf *sdp, struct err *e) MUST_USE;

#endif
