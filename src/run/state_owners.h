/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gives each part of the state directory to the user of the role that needs it (trust/role_users),
 * before any role begins. For root. Made with care for what may lie there: a role that was captured
 * may have put links in its own directories, and whoever follows one as root gives away what it
 * leads to. So no link is followed, nothing on another device is touched, and a file with a second
 * name is left as it is. Blocking; each start goes through all but footage, which is looked at
 * where its directory is not given yet.
 */
#ifndef CUSTOS_RUN_STATE_OWNERS_H
#define CUSTOS_RUN_STATE_OWNERS_H

#include "trust/role_users.h"

/* For root, before anything is read or made there: each part that is there is a directory itself,
 * where the manager, which may make links beside them, could lead to another. */
int state_owners_check(const char *state, struct err *e) MUST_USE;
/* Volumes elsewhere too, as their list says, where they are whole volumes of root or of the user
 * that the state directory belonged to; any other is its administrator's to give. */
int state_owners_give(const char *state, const struct role_users *users, struct err *e) MUST_USE;
/* Back to root, where the users are gone and it had been given to them. */
int state_owners_take_back(const char *state, struct err *e) MUST_USE;

#endif
