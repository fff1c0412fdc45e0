/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells the person at the terminal how it stands: one line whenever the sum of all streams changes,
 * and once, when all of them record encrypted and verified, what to open and what to type next;
 * and, while nobody can sign in, the setup code, once: on a terminal, else in <state>/setup-code
 * (0600), since a journal reads along. Asks the manager over the control socket, once a second.
 */
#ifndef CUSTOS_RUN_ANNOUNCE_H
#define CUSTOS_RUN_ANNOUNCE_H

#include "os/loop.h"

struct announce;

/* program: how this program was called, for the hints. Both are copied. remote: the setup code may
 * be used from other hosts too; own_page: the page's certificate is one of the user's own, which
 * people need no fingerprint of. */
struct announce *announce_new(
        struct loop *l, const char *state, const char *program, bool remote, bool own_page);
struct announce *announce_free(struct announce *a);

#endif
