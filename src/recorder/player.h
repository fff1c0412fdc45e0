/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that shows recorded footage, for one request (docs/design/grants.md "The player").
 * Its segments come as descriptors from the parent, their keys from the sealer, one at a time; what
 * it shows is sealed for the session of the grant, which it judges by itself. What it reads is
 * hostile: it is checked before it is decrypted, in a sandbox as the worker's. Opens nothing.
 *
 * It sends no more than the reader's credit. Descriptor 3 is the channel to the parent, with which
 * it ends; 4 is its key channel: the supervisor made it, so that the parent is at neither end.
 */
#ifndef CUSTOS_RECORDER_PLAYER_H
#define CUSTOS_RECORDER_PLAYER_H

int player_main(int argc, char **argv);

#endif
