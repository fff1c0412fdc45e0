/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos security: every connection of the site, and the way of one camera's pictures. */
#ifndef CUSTOS_CLI_CLI_SECURITY_H
#define CUSTOS_CLI_CLI_SECURITY_H

int cli_security(int argc, char **argv);

#endif
