/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The channel of a new child: a pair, one end of which goes to its peer by the channel that the
 * supervisor has with that one. */
#ifndef CUSTOS_RUN_CHILD_CHANNEL_H
#define CUSTOS_RUN_CHILD_CHANNEL_H

#include "os/chan.h"

/* to NULL: nobody is there, ERR_UNAVAILABLE. *ret_fd is the child's. */
int child_channel(
        struct chan *to, uint16_t type, struct bytes body, int *ret_fd, struct err *e) MUST_USE;
/* Its body is the number of the child. */
int child_channel_numbered(
        struct chan *to, uint16_t type, unsigned number, int *ret_fd, struct err *e) MUST_USE;

#endif
