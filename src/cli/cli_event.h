/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos event: events said by a person: cameras in the mode event or schedule are recorded for
 * them. */
#ifndef CUSTOS_CLI_CLI_EVENT_H
#define CUSTOS_CLI_CLI_EVENT_H

int cli_event(int argc, char **argv);

#endif
