/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By what names and addresses this host may be reached, as far as it knows without asking anybody:
 * its host name, the first label of it and that in .local, localhost, the loopback addresses, and
 * those of its interfaces that are up. For the certificate of its page at the first start.
 * Blocking.
 */
#ifndef CUSTOS_RUN_HOST_NAMES_H
#define CUSTOS_RUN_HOST_NAMES_H

#include "base/err.h"
#include "trust/web_names.h"

/* Those that are of no use are left out: link-local ones (RFC 4291 section 2.5.6: no page is opened
 * by one), and what goes beyond WEB_NAMES_MAX. Never fails: localhost there is. */
void host_names_find(struct web_names *ret);

#endif
