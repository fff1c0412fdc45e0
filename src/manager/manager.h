/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager process: the inventory, what cameras were seen with, the control socket. It answers
 * the command line and tells the recorder what to record. Never a key of footage. Its peers come by
 * its porter.
 */
#ifndef CUSTOS_MANAGER_MANAGER_H
#define CUSTOS_MANAGER_MANAGER_H

/* argv: --state DIR [--config FILE] --supervised, with the channel to the supervisor on descriptor
 * 3. Returns the exit status. */
int manager_main(int argc, char **argv);

#endif
