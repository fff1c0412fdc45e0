/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The links of a recorder, as its manager asks for them (links.get, docs/spec/link.md section 3):
 * what its porter says, checked. Sends nothing itself.
 */
#ifndef CUSTOS_RECORDER_PARENT_LINKS_H
#define CUSTOS_RECORDER_PARENT_LINKS_H

#include <jansson.h>

#include "base/err.h"
#include "base/own.h"

#define PARENT_LINKS_MAX 64 /* a recorder has its manager and the site's gateways */

/*
 * The body of the answer to links.get, the caller's, from that to porter.links (borrowed; a porter
 * faces the network, and may have been captured): the keys that are specified and no others.
 * ERR_PROTOCOL: it has another form; ERR_UNAVAILABLE: porter is NULL, there is none at the moment.
 */
int parent_links_answer(const json_t *porter, json_t **ret, struct err *e) MUST_USE;

#endif
