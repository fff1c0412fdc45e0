/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos camera test: what a recorder would meet at a camera, step by step, without a running
 * system. What the camera sends is read in probe/, not here. */
#ifndef CUSTOS_CLI_CLI_CAMERA_TEST_H
#define CUSTOS_CLI_CLI_CAMERA_TEST_H

int cli_camera_test(int argc, char **argv);

#endif
