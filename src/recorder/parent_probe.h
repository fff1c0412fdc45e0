/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One look at a camera that is not recorded (yet), where it would be recorded: request camera.test
 * (docs/spec/link.md section 3). A prober that the supervisor begins reads what the camera sends;
 * its sockets come from the connector, so what a camera's address may be counts here too. The
 * parent passes on what both say, and keeps nothing of it: no footage, no password once the prober
 * has it.
 */
#ifndef CUSTOS_RECORDER_PARENT_PROBE_H
#define CUSTOS_RECORDER_PARENT_PROBE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define PARENT_PROBE_MAX 2     /* at once */
#define PARENT_PROBE_MS 20000  /* then it is answered with what was seen */
#define PARENT_PROBE_SECONDS 8 /* of receiving, without a key frame */

struct parent;
struct parent_probes; /* owned */

struct parent_probes *parent_probe_new(struct parent *p);
struct parent_probes *parent_probe_free(struct parent_probes *all);
/* For parent_status: PARENT_STATUS_LATER, or ERR_EXHAUSTED (FAULT_TEST_BUSY), ERR_UNAVAILABLE, or
 * ERR_INVALID: what does not fit. */
int parent_probe_on_test(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
/* The prober of that number; fd is taken. */
void parent_probe_attach(struct parent_probes *all, uint32_t number, int fd);

#endif
