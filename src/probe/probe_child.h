/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The confined half of a probe. For probe.c only. */
#ifndef CUSTOS_PROBE_PROBE_CHILD_H
#define CUSTOS_PROBE_PROBE_CHILD_H

#include "ingest/camera.h"
#include "probe/probe.h"

/* In the forked child: gives up every power, then looks at the camera through fd, a chan to the
 * caller's process. Returns the exit status. */
int probe_child_run(int fd, const struct probe_options *o, enum camera_transport transport,
        enum camera_carrier carrier);

#endif
