/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the index (index.c, index_retention.c, index_scrub.c) share. For these alone.
 */
#ifndef CUSTOS_VAULT_INDEX_PARTS_H
#define CUSTOS_VAULT_INDEX_PARTS_H

#include "db/db.h"
#include "vault/index.h"

struct index {
        struct db *db;
};

/* Of the table segment, in the order of index_read_row. */
#define INDEX_COLUMNS                                                                              \
        "id, stream, object_key, created_us, first_us, last_us, bytes, epoch, first_seq, "         \
        "last_seq, fragments, closed, volume, last_hash, ended"
void index_read_row(const struct db_query *q, struct index_segment *s);

/* All that index_retention.c asks, NULL behind the last: a test looks at how it is answered. */
extern const char *const index_retention_sql[];

#endif
