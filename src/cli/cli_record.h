/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Record terms on the command line: the options of camera add and set, and how they are shown. */
#ifndef CUSTOS_CLI_CLI_RECORD_H
#define CUSTOS_CLI_CLI_RECORD_H

#include "cli/cli_args.h"

#define CLI_RECORD_OPTIONS                                                                         \
        (CLI_ARGS_BIT(RECORD) | CLI_ARGS_BIT(SCHEDULE) | CLI_ARGS_BIT(PRE) | CLI_ARGS_BIT(POST) |  \
                CLI_ARGS_BIT(BETWEEN) | CLI_ARGS_BIT(MIN_DAYS) | CLI_ARGS_BIT(MAX_DAYS) |          \
                CLI_ARGS_BIT(QUOTA))

#define CLI_RECORD_HELP                                                                            \
        "  --record MODE        always (default), schedule, event (custos event) or off\n"         \
        "  --schedule TEXT      as in \"mon-fri 08:00-18:00, sat 10:00-14:00\", local time\n"      \
        "  --pre SECONDS        of film kept from before an event, 0 to 60 (default: 5)\n"         \
        "  --post SECONDS       recorded behind its end, 0 to 3600 (default: 5)\n"                 \
        "  --between WORD       when the mode does not record: nothing (default) or\n"             \
        "                       key-frames\n"                                                      \
        "  --min-days N         not removed before while there is any room (default: 0)\n"         \
        "  --max-days N         removed then (default: 0, never for its age)\n"                    \
        "  --quota MB           of this stream at most (default: 0, no bound)\n"

/* The object `record` of a request: what was given and nothing else; NULL when nothing was. The
 * caller's. */
json_t *cli_record_asked(const struct cli_args *a);
/* In a line: "event, 5 s before and 5 s behind; kept 10 to 30 days". */
#define CLI_RECORD_ROOM 480
const char *cli_record_text(char to[static CLI_RECORD_ROOM], const json_t *record);

#endif
