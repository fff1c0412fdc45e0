/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files that are verified, read only: mapped, and listed. The only file of verify/ that touches
 * a file system.
 */
#ifndef CUSTOS_VERIFY_SOURCE_H
#define CUSTOS_VERIFY_SOURCE_H

#include "base/bytes.h"
#include "base/err.h"

#define SOURCE_NAMES_MAX 4000000u /* of one directory */

struct source {
        struct bytes bytes;
};

/* Maps a whole regular file. An empty one has no bytes. */
int source_open(const char *path, struct source *ret, struct err *e) MUST_USE;
void source_close(struct source *s);
/* Brings part of it into memory, so that a medium which cannot be read gives an error here (ERR_IO)
 * and not a signal later. */
int source_load(const struct source *s, uint64_t offset, uint64_t n, struct err *e) MUST_USE;

/* 1 when path is a directory, 0 when it is anything else. */
int source_is_dir(const char *path, struct err *e) MUST_USE;

struct source_names {
        size_t n, room;
        struct source_name {
                char *name;
                bool is_dir;
                uint64_t bytes;
        } * names; /* owned; sorted by name */
};
/* What is in a directory, but for . and .. */
int source_list(const char *dir, struct source_names *ret, struct err *e) MUST_USE;
void source_names_done(struct source_names *names);

#endif
