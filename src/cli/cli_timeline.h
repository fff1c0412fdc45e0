/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CUSTOS_CLI_CLI_TIMELINE_H
#define CUSTOS_CLI_CLI_TIMELINE_H

int cli_timeline(int argc, char **argv);

#endif
