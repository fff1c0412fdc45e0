/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos lock: locks: footage that neither age nor want of room removes. */
#ifndef CUSTOS_CLI_CLI_LOCK_H
#define CUSTOS_CLI_CLI_LOCK_H

int cli_lock(int argc, char **argv);

#endif
