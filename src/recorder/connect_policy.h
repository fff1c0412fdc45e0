/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which addresses the recorder connects to when a camera is meant. Asked for every address that a
 * name resolved to, right before connecting to that very address, so that nothing is looked up
 * twice.
 *
 * Never: addresses that are no machine's own (unspecified, multicast, broadcast and reserved), the
 * address where clouds keep a machine's credentials, port 0. Where networks are named: those alone.
 * Where none are: every other one; but the loopback of this machine only where the inventory names
 * it by its address or as localhost. A name that resolves there was pointed there by whoever
 * answers for it, and behind loopback lie services that trust this machine.
 *
 * Pure: no socket, no look-up, no clock.
 */
#ifndef CUSTOS_RECORDER_CONNECT_POLICY_H
#define CUSTOS_RECORDER_CONNECT_POLICY_H

#include "base/network.h"
#include "base/settings.h"

struct sockaddr;

struct connect_policy {
        struct network_list allowed; /* none: all */
};

int connect_policy_init(struct connect_policy *p, const struct settings *s, struct err *e) MUST_USE;
/* The host of a URL is an address, or localhost. */
bool connect_policy_is_literal(const char *host);
/* ERR_DENIED, FAULT_ADDRESS_NOT_ALLOWED. literal: of the host that the address comes from. */
int connect_policy_check(const struct connect_policy *p, const struct sockaddr *address,
        bool literal, struct err *e) MUST_USE;

#endif
