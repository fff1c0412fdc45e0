/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos run: the embedded default on this host. First start, supervisor, and what the person at
 * the terminal sees. */
#ifndef CUSTOS_RUN_RUN_H
#define CUSTOS_RUN_RUN_H

int run_main(int argc, char **argv);
/* custos recorder: the recorder alone, with a manager that runs apart. */
int run_recorder(int argc, char **argv);

#endif
