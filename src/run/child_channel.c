/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/child_channel.h"

#include <unistd.h>

#include "base/pack.h"

int child_channel(struct chan *to, uint16_t type, struct bytes body, int *ret_fd, struct err *e)
{
        int pair[2];

        if (!to)
                return err_set(e, ERR_UNAVAILABLE, "its peer does not run");
        int r = chan_pair(pair, e);
        if (r < 0)
                return r;
        r = chan_send(to, type, body, &pair[0], 1, e);
        close(pair[0]);
        if (r < 0) {
                close(pair[1]);
                return r;
        }
        *ret_fd = pair[1];
        return 0;
}

int child_channel_numbered(
        struct chan *to, uint16_t type, unsigned number, int *ret_fd, struct err *e)
{
        CLEANUP(buf_done) struct buf body;

        buf_init(&body, sizeof(uint32_t));
        struct pack p = pack_to(&body);
        pack_u32(&p, number);
        return child_channel(to, type, buf_bytes(&body), ret_fd, e);
}
