/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos certificate: requests of devices of somebody else's making, and the register of what the
 * site's issuers made. */
#ifndef CUSTOS_CLI_CLI_CERTIFICATE_H
#define CUSTOS_CLI_CLI_CERTIFICATE_H

#include <jansson.h>

#include "base/err.h"

int cli_certificate(int argc, char **argv);
/* All pages of "certificate.watch" in one list, the caller's. remedy has LINK_REMEDY_MAX bytes. */
int cli_certificate_fetch_watch(
        const char *state, json_t **ret, char *remedy, struct err *e) MUST_USE;

#endif
