/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos settings: the table of settings, in the form asked for. */
#ifndef CUSTOS_CLI_CLI_SETTINGS_H
#define CUSTOS_CLI_CLI_SETTINGS_H

int cli_settings(int argc, char **argv);

#endif
