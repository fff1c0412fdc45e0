/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtp_reorder.h"

#include <stdlib.h>

#define PACKET_MAX 65535

struct emitting {
        rtp_reorder_emit emit;
        void *owner;
        struct err *e;
};

/* Goes past sequence number `next`, handing on its packet where it is there. */
static int step(struct rtp_reorder *r, const struct emitting *to)
{
        struct rtp_reorder_slot *s = &r->slots[r->next % RTP_REORDER_PACKETS];

        r->next++;
        if (!s->used)
                return 0;
        s->used = false;
        r->held--;
        return to->emit(to->owner, BYTES(s->p, s->n), s->wall_us, s->steady_us, to->e);
}

/* All that follows without a gap. */
static int run(struct rtp_reorder *r, const struct emitting *to)
{
        int n = 0;

        while (n >= 0 && r->held > 0 && r->slots[r->next % RTP_REORDER_PACKETS].used)
                n = step(r, to);
        return n < 0 ? n : 0;
}

static int flush(struct rtp_reorder *r, const struct emitting *to)
{
        int n = 0;

        while (n >= 0 && r->held > 0)
                n = step(r, to);
        return n < 0 ? n : 0;
}

static int hold(struct rtp_reorder *r, uint16_t sequence, struct bytes packet, int64_t wall_us,
        int64_t steady_us, const struct emitting *to)
{
        struct rtp_reorder_slot *s = &r->slots[sequence % RTP_REORDER_PACKETS];

        if (s->used) {
                r->duplicates++;
                return 0;
        }
        if (s->room < packet.n) {
                uint8_t *p = realloc(s->p, packet.n);

                if (!p)
                        return err_set(to->e, ERR_EXHAUSTED, "no memory for %zu bytes", packet.n);
                s->p = p;
                s->room = packet.n;
        }
        memcpy(s->p, packet.p, packet.n);
        s->n = packet.n;
        s->wall_us = wall_us;
        s->steady_us = steady_us;
        s->used = true;
        r->held++;
        return 0;
}

int rtp_reorder_push(struct rtp_reorder *r, struct bytes packet, int64_t wall_us, int64_t steady_us,
        rtp_reorder_emit emit, void *owner, struct err *e)
{
        const struct emitting to = { emit, owner, e };
        uint16_t sequence;
        int distance, n = 0;

        if (packet.n < 4 || packet.n > PACKET_MAX)
                return emit(owner, packet, wall_us, steady_us, e); /* no RTP: counted there */
        sequence = (uint16_t)(packet.p[2] << 8 | packet.p[3]);
        distance = r->started ? (int16_t)(sequence - r->next) : 0;
        if (distance <= -RTP_REORDER_JUMP || distance >= RTP_REORDER_JUMP) {
                n = flush(r, &to);
                distance = 0;
        }
        if (n < 0)
                return n;
        if (distance < 0)
                return emit(owner, packet, wall_us, steady_us, e);
        for (; n >= 0 && distance >= RTP_REORDER_PACKETS; distance--)
                n = step(r, &to);
        if (n >= 0 && distance > 0)
                n = run(r, &to);
        if (n < 0)
                return n;
        if (distance > 0 && sequence != r->next)
                return hold(r, sequence, packet, wall_us, steady_us, &to);
        r->started = true;
        r->next = (uint16_t)(sequence + 1);
        n = emit(owner, packet, wall_us, steady_us, e);
        return n < 0 ? n : run(r, &to);
}

int rtp_reorder_expire(struct rtp_reorder *r, int64_t now_steady_us, rtp_reorder_emit emit,
        void *owner, struct err *e)
{
        const struct emitting to = { emit, owner, e };
        unsigned last = 0;
        int n = 0;

        for (unsigned i = 0; r->held > 0 && i < RTP_REORDER_PACKETS; i++) {
                const struct rtp_reorder_slot *s =
                        &r->slots[(uint16_t)(r->next + i) % RTP_REORDER_PACKETS];

                if (s->used && now_steady_us - s->steady_us >= RTP_REORDER_WAIT_US)
                        last = i + 1;
        }
        for (; n >= 0 && last > 0; last--)
                n = step(r, &to);
        return n < 0 ? n : run(r, &to);
}

void rtp_reorder_done(struct rtp_reorder *r)
{
        for (unsigned i = 0; i < RTP_REORDER_PACKETS; i++)
                free(r->slots[i].p);
        *r = (struct rtp_reorder){ 0 };
}
