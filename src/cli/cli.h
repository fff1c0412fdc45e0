/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all subcommands share: the state directory, errors as people read them, exit codes, calls to
 * the running system.
 */
#ifndef CUSTOS_CLI_CLI_H
#define CUSTOS_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/secret.h"

/* Exit codes. verify has its own meaning for 1 and 2 (cli_verify.h). */
#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 64 /* EX_USAGE */

#define CLI_PATH_MAX 4096

/* Where state lies: what --state said (not NULL), else $CUSTOS_STATE, else ./var in a checkout or
 * where there is one, else /var/lib/custos. */
void cli_state(const char *option, char to[static CLI_PATH_MAX]);

/* Prints "custos NAME: text" to stderr, the remedy behind it when there is one, or a JSON object
 * with --json; returns CLI_USAGE for ERR_INVALID, else CLI_FAILED. remedy may be NULL. */
int cli_fail(const char *name, const struct err *why, const char *remedy, bool json);
/* For bad options: prints and points to --help; returns CLI_USAGE. */
int cli_misused(const char *name, const char *text);

/* A password from a file, its last newline cut off; the file must not be readable by others. */
int cli_read_password(const char *path, struct secret *ret, struct err *e) MUST_USE;

/* A request to the running system in that state directory (docs/spec/link.md section 2). Takes
 * body; *ret is the caller's. remedy has LINK_REMEDY_MAX bytes. */
int cli_call(const char *state, const char *type, json_t *body, json_t **ret, char *remedy,
        struct err *e) MUST_USE;
/* The same, for what may take longer than seconds: a disk has to answer first. */
int cli_call_disk(const char *state, const char *type, json_t *body, json_t **ret, char *remedy,
        struct err *e) MUST_USE;
/* A text of an object, "" when it is not there. */
const char *cli_text(const json_t *object, const char *key);
/* The other way: NULL puts nothing. What is no UTF-8 is refused by cli_call. */
void cli_put(json_t *object, const char *key, const char *text);
void cli_print_json(const json_t *value);

#endif
