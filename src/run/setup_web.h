/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first start's part of the page's certificate (docs/design/web.md): what this host is called,
 * in <state>/site/host-names, for the manager; the root that people install, which vouches for
 * those names; and the page's first certificate, so that the page is there at once. Each is made
 * where it is not; of an older state directory, at its next start.
 */
#ifndef CUSTOS_RUN_SETUP_WEB_H
#define CUSTOS_RUN_SETUP_WEB_H

#include "base/err.h"
#include "trust/site_ca.h"

#define SETUP_WEB_HOST_NAMES "site/host-names"

/* name: of this host's gateway; days: life of its page's certificate. */
int setup_web(const char *state, struct site_ca *ca, const char *name, unsigned days,
        struct err *e) MUST_USE;

#endif
