/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The confined half of a probe: one look at one camera, told by probe_message.h. Under the worker's
 * sandbox before it reads anything. Holds the password of that camera, and nothing else of the
 * site.
 */
#ifndef CUSTOS_PROBE_PROBER_H
#define CUSTOS_PROBE_PROBER_H

/* In a forked child of the command line: gives up every power and the terminal, then looks, by fd,
 * a chan to who forked. Returns the exit status. */
int prober_run(int fd);
/* The same as a process of a recorder's supervisor. Descriptor 3 is the channel to the parent, with
 * which it ends. argv: --state DIR [--config FILE]. */
int prober_main(int argc, char **argv);

#endif
