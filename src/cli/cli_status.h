/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos status: what is recorded and how it is protected, measured on the wire. */
#ifndef CUSTOS_CLI_CLI_STATUS_H
#define CUSTOS_CLI_CLI_STATUS_H

#include <jansson.h>

#include "base/err.h"

int cli_status(int argc, char **argv);
/* The answer to "status" of the running system, all of its pages in one; in its "recorders" the
 * "status" of each that is not the first; and how many streams of all are "not_encrypted" at the
 * moment. *ret is the caller's. remedy has LINK_REMEDY_MAX bytes. */
int cli_status_fetch(const char *state, json_t **ret, char *remedy, struct err *e) MUST_USE;
/* The state of a stream in that, whichever recorder has it; NULL where none does. */
const json_t *cli_status_stream(const json_t *status, const char *path);
/* Of a stream's state, as measured on the wire: "encrypted and verified", ..., "NOT ENCRYPTED" for
 * one that is connected in the clear, "not connected" where there is nothing to measure. */
const char *cli_status_protection(const json_t *state);

#endif
