/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How volumes, what is kept of streams, and the clock are shown (docs/spec/link.md sections 3 and
 * 5). All to standard output. */
#ifndef CUSTOS_CLI_CLI_STORAGE_PRINT_H
#define CUSTOS_CLI_CLI_STORAGE_PRINT_H

#include <jansson.h>
#include <stdbool.h>

/* It does what it should: it takes footage, or is retired; and nothing on it is known to be
 * damaged. */
bool cli_storage_print_is_good(const json_t *volume);
void cli_storage_print_list(const json_t *volumes);
/* Everything. Returns whether all volumes are good and no stream is below its minimum. */
bool cli_storage_print_status(const json_t *storage);
/* What of it a person has to know at once, a line each; nothing where all is well. */
void cli_storage_print_troubles(const json_t *storage);
/* A line about a volume that was just added. */
void cli_storage_print_room(const json_t *volume);

#endif
