/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which streams an operator stopped, so that the gap that follows is sealed with that cause, and
 * one after a crash is not. Kept in <state>/storage/stopped, a name a line, opened before the
 * sandbox: what is in the file when the parent starts was stopped in order and has not been
 * recorded since. A file that is missing or damaged makes gaps "unclean stop", nothing else.
 */
#ifndef CUSTOS_RECORDER_PARENT_STOPPED_H
#define CUSTOS_RECORDER_PARENT_STOPPED_H

#include <stdbool.h>

#include "base/err.h"

#define PARENT_STOPPED_MAX (1u << 20) /* bytes */

struct parent_stopped; /* owned */

/* Reads the file and empties it: a parent that dies leaves none of its streams in it. */
int parent_stopped_open(const char *state, struct parent_stopped **ret, struct err *e) MUST_USE;
struct parent_stopped *parent_stopped_free(struct parent_stopped *s);
/* The stream has ended because somebody asked for it. */
void parent_stopped_note(struct parent_stopped *s, const char *stream);
/* The stream begins again: true when it was noted, once. */
bool parent_stopped_take(struct parent_stopped *s, const char *stream);

#endif
