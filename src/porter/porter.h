/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The porter process: one role's node key and its connections (docs/design/links.md). It makes and
 * takes connections, does TLS, its checks and WebSocket, and hands its role one message channel for
 * each peer that passed (docs/spec/link.md section 7). It reads its node's files and the resolver's
 * and nothing else of the state directory: no CA key, no index, no key of footage.
 *
 * Descriptor 3 is the channel to its role; when that ends, so does the porter, and every link.
 */
#ifndef CUSTOS_PORTER_PORTER_H
#define CUSTOS_PORTER_PORTER_H

/* argv: --state DIR --role manager|recorder|gateway [--config FILE]. Returns the exit status. */
int porter_main(int argc, char **argv);

#endif
