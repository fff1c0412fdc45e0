/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos run: the embedded default on this host. First start, supervisor, and what the person at
 * the terminal sees. */
#ifndef CUSTOS_RUN_RUN_H
#define CUSTOS_RUN_RUN_H

int run_main(int argc, char **argv);
/* custos manager, custos recorder: that role alone with its porter; the others run apart, and may
 * do so in the same state directory. */
int run_manager(int argc, char **argv);
int run_recorder(int argc, char **argv);
int run_gateway(int argc, char **argv);

#endif
