/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos keys show | recovery-kit: keys of footage, for whoever holds the recorder's key or the
 * recovery kit. */
#ifndef CUSTOS_CLI_CLI_KEYS_H
#define CUSTOS_CLI_CLI_KEYS_H

int cli_keys(int argc, char **argv);

#endif
