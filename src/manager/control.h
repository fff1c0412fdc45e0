/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: its connections (os/listener), and the requests that arrive on them, each
 * with its tag of the desk. Knows no request by name.
 */
#ifndef CUSTOS_MANAGER_CONTROL_H
#define CUSTOS_MANAGER_CONTROL_H

#include "manager/desk.h"

struct control;

/* tag: of the desk. request is borrowed for the call. */
typedef void (*control_on_request)(void *owner, uint64_t tag, const struct link_message *request);

/* Replaces a socket file that a dead process left behind. Before the process is confined: names of
 * users are read here. Borrows desk: who asks is the user at the other end of the socket by name,
 * "uid N" where it has none. */
int control_open(struct loop *l, const char *path, struct desk *desk, control_on_request on_request,
        void *owner, struct control **ret, struct err *e) MUST_USE;
struct control *control_free(struct control *c);

#endif
