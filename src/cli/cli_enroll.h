/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos enroll: makes this host a node of a site (docs/design/links.md, "Enrolment code"). */
#ifndef CUSTOS_CLI_CLI_ENROLL_H
#define CUSTOS_CLI_CLI_ENROLL_H

int cli_enroll(int argc, char **argv);

#endif
