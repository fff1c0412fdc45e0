/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos certificate: requests of devices of somebody else's making, and the register of what the
 * site's issuers made. */
#ifndef CUSTOS_CLI_CLI_CERTIFICATE_H
#define CUSTOS_CLI_CLI_CERTIFICATE_H

int cli_certificate(int argc, char **argv);

#endif
