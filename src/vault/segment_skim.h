/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A segment file without its media, for those who want its seals alone: what mdat holds is not
 * read and is zeros here, all else is as in the file and at its place. Reads a few KB for each
 * fragment, by pread: a medium that cannot be read is an error, where a mapped file is a signal.
 */
#ifndef CUSTOS_VAULT_SEGMENT_SKIM_H
#define CUSTOS_VAULT_SEGMENT_SKIM_H

#include "base/bytes.h"
#include "base/err.h"

struct segment_skim {
        struct bytes bytes; /* for segment_read; none of an empty file */
};

/* ERR_NOT_FOUND, ERR_IO, ERR_INVALID (no regular file), ERR_EXHAUSTED (no address space). */
int segment_skim_open(const char *path, struct segment_skim *ret, struct err *e) MUST_USE;
void segment_skim_close(struct segment_skim *s);

#endif
