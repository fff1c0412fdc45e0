/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos camera add | list | show | remove: the inventory of the running system. */
#ifndef CUSTOS_CLI_CLI_CAMERA_H
#define CUSTOS_CLI_CLI_CAMERA_H

int cli_camera(int argc, char **argv);

#endif
