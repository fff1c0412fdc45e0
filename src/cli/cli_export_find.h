/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fragments of a stream for a range of time, from the files of all volumes: found by directory
 * and name, put in the order of their seals, each checked against its seal before it is offered.
 * Not in here: keys, decryption, writing.
 */
#ifndef CUSTOS_CLI_CLI_EXPORT_FIND_H
#define CUSTOS_CLI_CLI_EXPORT_FIND_H

#include "os/file.h"
#include "seal/segment.h"
#include "vault/vault_set.h"

#define CLI_EXPORT_RANGE_MAX_US (INT64_C(31) * 24 * 3600 * 1000000)

struct cli_export_segment {
        char object_key[HEAD_KEY_MAX];
        unsigned at; /* on which volume: index into the set's members */
        struct file_map map;
        struct segment segment; /* views into map */
        unsigned fragments_n;
        unsigned *fragments; /* owned; indexes into segment.fragments, ascending */
};

struct cli_export_found {
        size_t n;
        struct cli_export_segment *segments; /* owned */
        uint64_t bytes;                      /* of samples, encrypted */
        unsigned damaged;                    /* fragments or files left out */
};

struct cli_export_query {
        const struct vault_set *set;
        const char *stream;
        int64_t from_us, to_us;
        bool skip_damaged; /* otherwise the first damaged one fails with where and what */
        void (*on_damaged)(void *owner, const char *where, const char *text);
        void (*on_progress)(void *owner, uint64_t done, uint64_t total);
        void *owner;
};

/* ERR_NOT_FOUND when nothing was recorded then. */
int cli_export_find(
        const struct cli_export_query *q, struct cli_export_found *ret, struct err *e) MUST_USE;
void cli_export_found_done(struct cli_export_found *f);

#endif
