/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sealer process: holds the sealing key and the hour keys, and signs what notary.h lets it. It
 * has no sockets but its channels, opens nothing after its start, and never sees footage.
 *
 * Descriptor 3 is the channel to the recorder's parent, 4 that to the supervisor, from which come
 * the key channels of players.
 */
#ifndef CUSTOS_RECORDER_SEALER_H
#define CUSTOS_RECORDER_SEALER_H

/* argv: --state DIR. Returns the exit status. */
int sealer_main(int argc, char **argv);

#endif
