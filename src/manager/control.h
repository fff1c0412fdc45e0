/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: its connections (os/listener), and the
 * requests that arrive on them, each with a tag by which it is answered later or at once. Knows no
 * request by name.
 */
#ifndef CUSTOS_MANAGER_CONTROL_H
#define CUSTOS_MANAGER_CONTROL_H

#include "net/link.h"

struct control;

/* tag: not 0. request is borrowed for the call. */
typedef void (*control_on_request)(void *owner, uint64_t tag, const struct link_message *request);

/* Replaces a socket file that a dead process left behind. Before the process is confined: names of
 * users are read here. */
int control_open(struct loop *l, const char *path, control_on_request on_request, void *owner,
        struct control **ret, struct err *e) MUST_USE;
struct control *control_free(struct control *c);
/* Takes body. Nothing happens when the asker is gone. */
void control_answer(struct control *c, uint64_t tag, json_t *body);
void control_fail(struct control *c, uint64_t tag, const struct err *why, const char *remedy);
/* Who asked: the name of the user at the other end of the socket, "uid N" where it has none; ""
 * when the asker is gone. Valid until the next call. */
const char *control_person(struct control *c, uint64_t tag);

#endif
