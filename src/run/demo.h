/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two demo cameras: edge processes of their own, each with a certificate from the site's camera
 * issuer, that play real footage over RTSPS on loopback, and their entries in the inventory. Ports
 * are the kernel's choice at each start.
 */
#ifndef CUSTOS_RUN_DEMO_H
#define CUSTOS_RUN_DEMO_H

#include "run/supervisor.h"
#include "trust/site_ca.h"

struct demo;

/* Makes keys, certificates and password below <state>/demo. ERR_NOT_FOUND when the footage is not
 * installed. */
int demo_prepare(const char *state, struct site_ca *ca, struct demo **ret, struct err *e) MUST_USE;
struct demo *demo_free(struct demo *d);
/* Starts the cameras; once they serve and the manager answers, they are in the inventory. */
void demo_start(struct demo *d, struct loop *l, struct supervisor *s);

#endif
