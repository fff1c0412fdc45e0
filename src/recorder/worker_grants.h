/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants as a worker takes them from the sealer's side of a stream's seal channel, and what it says
 * of them to the parent (recorder/message.h). What is judged is worker_watch's; the clock is here.
 */
#ifndef CUSTOS_RECORDER_WORKER_GRANTS_H
#define CUSTOS_RECORDER_WORKER_GRANTS_H

#include "recorder/worker_live.h"

/* MESSAGE_GRANTED: the parent hears WATCHED or NOT_WATCHED. ERR_PROTOCOL for another form. */
int worker_grants_on_granted(
        struct worker *w, struct worker_live *live, struct bytes body, struct err *e) MUST_USE;
/* MESSAGE_CRLS: a list that is not good, or an older one, is logged and changes nothing. */
void worker_grants_on_crls(struct worker *w, struct bytes body);
/* Ends the grants of a stream that are over; once a second, and behind a new list. */
void worker_grants_judge(struct worker *w, struct worker_live *live);

#endif
