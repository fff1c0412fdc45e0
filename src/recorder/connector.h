/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connector process: resolves names, asks the policy, connects, and passes the socket on; pairs
 * of UDP sockets too. It is told a host, a port and a kind, and nothing else of a camera: no path,
 * no user, no password, no footage. It reads the resolver's configuration and no other file, and
 * what answers come back from name servers are parsed here and not where the vault lies.
 *
 * Descriptor 3 is the channel to the recorder's parent.
 */
#ifndef CUSTOS_RECORDER_CONNECTOR_H
#define CUSTOS_RECORDER_CONNECTOR_H

#define CONNECTOR_ATTEMPTS_MAX 1024 /* at the same time */

/* argv: --state DIR [--config FILE]. Returns the exit status. */
int connector_main(int argc, char **argv);

#endif
