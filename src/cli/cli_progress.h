/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line on a terminal that says how far something is, written over itself, on stderr. Nothing
 * where stderr is no terminal or --json is given. */
#ifndef CUSTOS_CLI_CLI_PROGRESS_H
#define CUSTOS_CLI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
        const char *doing; /* "exporting"; may be changed on the way */
        bool wanted, shown;
        unsigned percent;
        uint64_t n;
};

void cli_progress_init(struct cli_progress *p, const char *doing, bool json);
/* Callbacks of what works; owner is the struct cli_progress. */
void cli_progress_on_part(void *owner, uint64_t done, uint64_t total);
void cli_progress_on_name(void *owner, const char *name);
/* Wipes the line, so that something else can be written; it may go on afterwards. */
void cli_progress_end(struct cli_progress *p);

#endif
