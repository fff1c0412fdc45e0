/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The readers of what was sealed for one session of one stream: each message comes once, and goes
 * to every one of them as its own credit allows. Pure.
 */
#ifndef CUSTOS_HUB_HUB_GROUP_H
#define CUSTOS_HUB_HUB_GROUP_H

#include "hub/hub_reader.h"

struct hub_group {
        struct hub_gather gather;
        struct hub_reader *readers; /* borrowed; each in one group at most */
};

void hub_group_done(struct hub_group *g); /* lets go of its readers */
void hub_group_add(struct hub_group *g, struct hub_reader *r);
/* True where it was in this group. */
bool hub_group_remove(struct hub_group *g, struct hub_reader *r);
/* 1: something whole came, and the readers that take it are no longer empty; 0: more is to come.
 * Errors as hub_gather_push. */
int hub_group_push(struct hub_group *g, struct bytes message, struct err *e) MUST_USE;

#endif
