/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which manager this recorder follows (trust/site_history.h), in <state>/storage/manager: what a
 * manager says first on its link, and whether one that was refused, or that says nothing where one
 * was taken before, may ask for anything else.
 */
#ifndef CUSTOS_RECORDER_PARENT_HISTORY_H
#define CUSTOS_RECORDER_PARENT_HISTORY_H

#include <jansson.h>

#include "base/err.h"

struct parent_history; /* owned */

/* Before the sandbox. A file that is damaged is a failure: it decides who is followed. */
int parent_history_open(const char *state, struct parent_history **ret, struct err *e) MUST_USE;
struct parent_history *parent_history_free(struct parent_history *h);
/* A new link: nobody has said anything on it. */
void parent_history_new_link(struct parent_history *h);
/* Request manager.history. Remembered, durably, before it is answered; ERR_DENIED: it is not
 * followed. */
int parent_history_on_offer(
        struct parent_history *h, const json_t *body, json_t **ret, struct err *e) MUST_USE;
/* Whether the manager of the link there is to be believed. NULL: yes. */
bool parent_history_followed(const struct parent_history *h);
/* ERR_DENIED, with what to do, where the manager of this link is not followed and type is more than
 * a look. */
int parent_history_allows(const struct parent_history *h, const char *type, struct err *e) MUST_USE;

#endif
