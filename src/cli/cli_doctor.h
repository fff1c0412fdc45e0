/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos doctor: every control that can be seen from outside, as pass or fail with the remedy. */
#ifndef CUSTOS_CLI_CLI_DOCTOR_H
#define CUSTOS_CLI_CLI_DOCTOR_H

int cli_doctor(int argc, char **argv);

#endif
