/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two UDP sockets for RTP and RTCP (RFC 3550 section 11: adjacent ports, the first even), which can
 * only receive: whoever is given them can send nothing to anybody. Bound to all addresses of this
 * machine, IPv4 and IPv6, since the camera sends to the one that its RTSP connection shows.
 */
#ifndef CUSTOS_RECORDER_DATAGRAM_PAIR_H
#define CUSTOS_RECORDER_DATAGRAM_PAIR_H

#include <stdint.h>

#include "base/err.h"

#define DATAGRAM_PAIR_BUFFER_BYTES (4 << 20) /* of a camera's largest key frame, and more */

/*
 * A free pair with both ports in first..last (first 0: any that the kernel gives). *ret_port is the
 * even one. ERR_EXHAUSTED, FAULT_NO_UDP_PORTS where there is none; ERR_INTERNAL where the kernel
 * would still let a socket send: then it is not handed out.
 */
int datagram_pair_open(uint16_t first, uint16_t last, int ret_fds[static 2], uint16_t *ret_port,
        struct err *e) MUST_USE;

#endif
