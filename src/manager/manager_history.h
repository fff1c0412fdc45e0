/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The starts of this manager, in its database: which of several copies of a state this is
 * (trust/site_history.h). The state directory's file "restored" says that somebody made it from a
 * backup, or ordered it with custos restore --here; the next start takes it away.
 */
#ifndef CUSTOS_MANAGER_MANAGER_HISTORY_H
#define CUSTOS_MANAGER_MANAGER_HISTORY_H

#include "db/db.h"
#include "trust/site_history.h"

#define MANAGER_HISTORY_SCHEMA                                                                     \
        "CREATE TABLE manager_start ("                                                             \
        "  number INTEGER PRIMARY KEY AUTOINCREMENT,"                                              \
        "  id BLOB NOT NULL CHECK (length(id) = 16),"                                              \
        "  begun_us INTEGER NOT NULL,"                                                             \
        "  restore_id BLOB NOT NULL DEFAULT x'' CHECK (length(restore_id) IN (0, 16))"             \
        ") STRICT;"

/* Begins a start: written, and what it is and knows. */
int manager_history_begin(struct db *d, const char *state, int64_t now_us, struct site_history *ret,
        struct err *e) MUST_USE;

#endif
