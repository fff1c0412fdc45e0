/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NAMES_EVERY 64

void cli_progress_init(struct cli_progress *p, const char *doing, bool json)
{
        *p = (struct cli_progress){ .doing = doing, .wanted = !json && isatty(STDERR_FILENO) };
}

void cli_progress_on_part(void *owner, uint64_t done, uint64_t total)
{
        struct cli_progress *p = owner;
        unsigned percent = done < total ? (unsigned)(done / (total / 100 + 1)) : 100;

        if (!p->wanted || (p->shown && percent == p->percent))
                return;
        p->shown = true;
        p->percent = percent;
        fprintf(stderr, "\r%s: %3u %%", p->doing, percent);
        fflush(stderr);
}

void cli_progress_on_name(void *owner, const char *name)
{
        struct cli_progress *p = owner;

        if (!p->wanted || p->n++ % NAMES_EVERY != 0)
                return;
        p->shown = true;
        fprintf(stderr, "\r%s: %" PRIu64 " files  %-50.50s", p->doing, p->n, name);
        fflush(stderr);
}

void cli_progress_end(struct cli_progress *p)
{
        if (p->shown)
                fputs("\r\033[K", stderr);
        p->shown = false;
}
