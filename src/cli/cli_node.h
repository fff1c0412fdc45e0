/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos node: the site's nodes, the codes by which they come, and taking them back. */
#ifndef CUSTOS_CLI_CLI_NODE_H
#define CUSTOS_CLI_CLI_NODE_H

int cli_node(int argc, char **argv);

#endif
