/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `custos edge`: the camera role's options, and `custos edge check-stamps`, which counts stamped
 * frames in files.
 *
 * Exit codes. edge: 0 ended by a signal, 1 could not start, 64 usage. check-stamps: 0 no frame is
 * missing, 1 some are (or a frame has no stamp), 2 a file could not be read, 64 usage.
 */
#ifndef CUSTOS_EDGE_CLI_EDGE_H
#define CUSTOS_EDGE_CLI_EDGE_H

/* argv[0] is "edge". */
int cli_edge(int argc, char **argv);

#endif
