/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos trust: roots of others, each trusted for one class of peers. */
#ifndef CUSTOS_CLI_CLI_TRUST_H
#define CUSTOS_CLI_CLI_TRUST_H

int cli_trust(int argc, char **argv);

#endif
