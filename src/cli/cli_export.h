/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * custos export: footage of a stream from the vault as a clear MP4 that proves itself
 * (docs/spec/evidence.md). The local administrator's tool: reads the vault and a private key
 * directly, and asks nobody.
 */
#ifndef CUSTOS_CLI_CLI_EXPORT_H
#define CUSTOS_CLI_CLI_EXPORT_H

int cli_export(int argc, char **argv);

#endif
