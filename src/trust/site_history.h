/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which copy of a manager's state a recorder follows (docs/design/links.md, "Which manager
 * counts"). Each start of a manager has a random id, and knows those before it: a recorder that
 * remembers one of them takes it, and one that does not know where the recorder has been is an
 * older copy, or the other half of a fork, and is refused. A restore that somebody ordered has an
 * id too, which is taken once.
 *
 * The rule, and its form in messages and in a recorder's file. No file, clock or database in here.
 */
#ifndef CUSTOS_TRUST_SITE_HISTORY_H
#define CUSTOS_TRUST_SITE_HISTORY_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define SITE_HISTORY_ID_BYTES 16
#define SITE_HISTORY_BEFORE_MAX 1024
#define SITE_HISTORY_RESTORES_MAX 64
#define SITE_HISTORY_FILE_MAX 4096

/* Of a manager: this start, and what went before it, newest first. */
struct site_history {
        uint8_t id[SITE_HISTORY_ID_BYTES];
        size_t before_n, restores_n;
        uint8_t before[SITE_HISTORY_BEFORE_MAX][SITE_HISTORY_ID_BYTES];
        uint8_t restores[SITE_HISTORY_RESTORES_MAX][SITE_HISTORY_ID_BYTES];
};

/* What a recorder remembers: the start that it last took, and restores that it has heard of, newest
 * first. */
struct site_history_known {
        bool any; /* else it has taken none yet */
        uint8_t id[SITE_HISTORY_ID_BYTES];
        size_t restores_n;
        uint8_t restores[SITE_HISTORY_RESTORES_MAX][SITE_HISTORY_ID_BYTES];
};

/* Whether h is to be taken: none was so far, or it is that start, or comes after it, or is of a
 * restore that k has not heard of. */
bool site_history_follows(const struct site_history_known *k, const struct site_history *h);
/* h is taken. */
void site_history_take(struct site_history_known *k, const struct site_history *h);

/* The body of manager.history (docs/spec/link.md section 3); owned. */
json_t *site_history_format(const struct site_history *h);
/* ERR_INVALID says what is wrong. */
int site_history_parse(const json_t *body, struct site_history *ret, struct err *e) MUST_USE;

/* A recorder's file: a line "start ID", then "restore ID" each. Appends. */
int site_history_known_format(
        const struct site_history_known *k, struct buf *out, struct err *e) MUST_USE;
/* ERR_CORRUPT: it is no such file. An empty one: nothing was taken yet. */
int site_history_known_parse(
        struct bytes text, struct site_history_known *ret, struct err *e) MUST_USE;

#endif
