/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream's finished fragments on their way, in order: to be sealed, one at a time, and written,
 * one at a time. Watches how long a write takes. Decides nothing: what follows from a seal that is
 * refused or a disk that fails is segment_writer's.
 */
#ifndef CUSTOS_VAULT_FRAGMENT_LINE_H
#define CUSTOS_VAULT_FRAGMENT_LINE_H

#include "os/loop.h"
#include "vault/segment_file.h"

#define FRAGMENT_LINE_MAX 4        /* finished ones */
#define FRAGMENT_LINE_SLOW_MS 250  /* a write that takes longer is slow */
#define FRAGMENT_LINE_TICK_MS 1000 /* fragment_line_overdue is called about so often */

struct fragment_line {
        struct loop *loop; /* borrowed */
        struct fragment *head, *tail;
        unsigned n;
        struct fragment *sealing; /* one of them, or NULL */
        struct segment_write *write;
        struct segment_file *writing; /* its file */
        uint64_t write_ms;            /* since when */
        uint64_t tick_ms;             /* the last one */
        uint32_t patience_ms;         /* with a write; 0: without end */
        int64_t patience_left_ms;
};

void fragment_line_init(struct fragment_line *l, struct loop *loop, uint32_t patience_ms);
/* Gives up what is in it; a write that is under way ends by itself. */
void fragment_line_done(struct fragment_line *l);
bool fragment_line_full(const struct fragment_line *l);
/* Neither waiting nor being written. */
bool fragment_line_idle(const struct fragment_line *l);
void fragment_line_push(struct fragment_line *l, struct fragment *f); /* taken */
/* The first one; NULL when there is none. The caller's. */
struct fragment *fragment_line_pull(struct fragment_line *l);
/* Takes this one out and all behind it: a list by `next`, the caller's. from NULL: none. */
struct fragment *fragment_line_cut(struct fragment_line *l, const struct fragment *from);
/* One of this file waits here. */
bool fragment_line_has(const struct fragment_line *l, const struct segment_file *file);
/* The next one to be sealed, which becomes l->sealing; NULL while one is or there is none. */
const struct fragment *fragment_line_to_seal(struct fragment_line *l);
/* Begins to write the first one, where it is sealed and nothing else is being written: true.
 * on_done as of segment_file_write; it calls fragment_line_written first. */
bool fragment_line_write(struct fragment_line *l,
        void (*on_done)(void *owner, struct fragment *f, int result, const struct err *e),
        void *owner);
void fragment_line_written(struct fragment_line *l);
bool fragment_line_slow(const struct fragment_line *l);
/* The patience with the write is used up. Only time in which this process ran counts: one that was
 * stopped, or had no processor, finds its writes done when it goes on. */
bool fragment_line_overdue(struct fragment_line *l);
/* A file on this volume is to be written, or is being. */
bool fragment_line_uses(const struct fragment_line *l, uint32_t volume);
/* Nothing is done any more to the files of it; the write is abandoned. */
void fragment_line_leave(struct fragment_line *l);

#endif
