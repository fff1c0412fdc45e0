/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos person: who may sign in; custos session: who is. */
#ifndef CUSTOS_CLI_CLI_PERSON_H
#define CUSTOS_CLI_CLI_PERSON_H

int cli_person(int argc, char **argv);
int cli_person_session(int argc, char **argv);

#endif
