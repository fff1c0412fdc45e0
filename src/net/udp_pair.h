/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two UDP sockets of adjacent ports, the first even: RTP and RTCP (RFC 3550 section 11), for
 * sending to many clients. What arrives on them is not read.
 */
#ifndef CUSTOS_NET_UDP_PAIR_H
#define CUSTOS_NET_UDP_PAIR_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"

struct udp_pair {
        int fds[2]; /* RTP, RTCP; owned */
        uint16_t port;
};

/* address: with any port, as the server listens. */
int udp_pair_open(
        struct udp_pair *p, const struct sockaddr_storage *address, struct err *e) MUST_USE;
void udp_pair_close(struct udp_pair *p); /* also of one that is zeroed with fds -1 */
/* To that address, with another port. What cannot be sent at once is lost. */
void udp_pair_send(const struct udp_pair *p, bool rtcp, const struct sockaddr_storage *to,
        uint16_t port, struct bytes packet);

#endif
