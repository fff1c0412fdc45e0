/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos audit: the manager's audit log, shown and checked (docs/spec/audit.md). Reads the file. */
#ifndef CUSTOS_CLI_CLI_AUDIT_H
#define CUSTOS_CLI_CLI_AUDIT_H

int cli_audit(int argc, char **argv);

#endif
