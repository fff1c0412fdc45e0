/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's volumes as the parent sees them (docs/design/storage.md): a process for each,
 * questions to it with a deadline, what state it is in, which one the next segment goes to, and
 * what became durable when. Takes the place of disk work in the parent.
 *
 * Answers never come from within the call that asks. An owner that goes away cancels by
 * parent_storage_forget.
 */
#ifndef CUSTOS_RECORDER_PARENT_STORAGE_H
#define CUSTOS_RECORDER_PARENT_STORAGE_H

#include "recorder/message_volume.h"

struct parent;
struct parent_stream;
struct parent_storage;

struct parent_volume {
        struct volume_entry entry;
        struct chan *chan;                 /* NULL: no process */
        struct message_volume_state state; /* its last word */
        enum fault fault;                  /* FAULT_NONE: takes segments (unless retired) */
        char text[ERR_TEXT_BYTES];         /* particulars */
        int64_t since_us;                  /* wall clock of the last change of fault */
        uint64_t given_bytes;              /* of segments, for the choice by weight */
};

/* Reads <state>/storage/volumes.json (made where it is missing), asks the supervisor for the
 * volumes' processes, and opens the index, made from the volumes where it is missing or useless.
 * Before the parent is confined. */
int parent_storage_open(struct parent *p, struct parent_storage **ret, struct err *e) MUST_USE;
/* The loop is about to run. */
void parent_storage_start(struct parent_storage *s);
struct parent_storage *parent_storage_free(struct parent_storage *s);
/* From the supervisor; fd is taken. */
void parent_storage_attach(struct parent_storage *s, uint32_t number, int fd);

/* number ascending from 0; NULL behind the last. Retired ones too. */
const struct parent_volume *parent_storage_each(const struct parent_storage *s, unsigned at);
const struct parent_volume *parent_storage_find(const struct parent_storage *s, const char *name);
const struct parent_volume *parent_storage_volume(const struct parent_storage *s, uint32_t number);
/* Room to keep free on it, bytes. */
uint64_t parent_storage_reserve(const struct parent_storage *s, const struct parent_volume *v);
/* Retention found nothing more to remove there (FAULT_VOLUME_FULL), or did (FAULT_NONE). */
void parent_storage_set_full(struct parent_storage *s, uint32_t number, bool full);

/* Changes of the list; the callback gets 0, or what was wrong (of what is refused at once, from
 * within the call). */
typedef void (*parent_storage_on_done)(void *owner, int result, const struct err *e);
void parent_storage_add(struct parent_storage *s, const char *name, const char *path,
        unsigned weight, bool stale, parent_storage_on_done on_done, void *owner);
int parent_storage_set(
        struct parent_storage *s, const char *name, unsigned weight, struct err *e) MUST_USE;
/* No new segments; streams move off it now. */
int parent_storage_retire(struct parent_storage *s, const char *name, struct err *e) MUST_USE;

/* Recording */

/* Makes the next segment file of a stream on the volume of choice, and sends it (or the failure) to
 * its worker. */
void parent_storage_file(struct parent_storage *s, struct parent_stream *t);
/* A key file of the sealer: to the volume where the stream's next segments go, and later to any
 * other before its first segment there; acknowledged to the sealer once durable. */
int parent_storage_key(struct parent_storage *s, struct bytes message, struct err *e) MUST_USE;
void parent_storage_written(
        struct parent_storage *s, const char *stream, const struct segment_writer_report *r);
/* A worker could not write there. */
void parent_storage_failed(struct parent_storage *s, uint32_t number, const struct err *why);
/* The object key is of a file that the stream's worker was given and has not closed. */
bool parent_storage_has(struct parent_stream *t, const char *object_key);
/* Such a file, in which nothing was written: it is removed. */
void parent_storage_unused(
        struct parent_storage *s, struct parent_stream *t, const char *object_key);
/* Such a file could not be written to: its volume is left. */
void parent_storage_not_written(struct parent_storage *s, struct parent_stream *t,
        const char *object_key, const struct err *why);
/* Another sealer has other keys. */
void parent_storage_sealer_gone(struct parent_storage *s);
/* Where a stream ends, once nobody writes to its files: asked of the volumes that may have its end
 * (of all, when nobody looked since the parent began), and mended there. tail: what is known, empty
 * when nothing is; e: NULL, or a volume that may have more does not answer. */
void parent_storage_tail(struct parent_storage *s, struct parent_stream *t,
        void (*on_tail)(void *owner, const struct message_volume_tail *tail, const struct err *e),
        void *owner);
/* Once all that was reported written is durable and in the index (or given up), stops the loop. */
void parent_storage_finish(struct parent_storage *s);

/* For retention, locks and the scrubber */

/* Removes segments and key files of one volume (at most 64 names), and the segments' rows in the
 * index. */
#define PARENT_STORAGE_REMOVE_MAX 64
void parent_storage_remove(struct parent_storage *s, uint32_t number,
        const char (*names)[HEAD_KEY_MAX], unsigned n, parent_storage_on_done on_done, void *owner);
/* The lock's file on all volumes that answer, and on the others when they do; text NULL removes. */
void parent_storage_lock(struct parent_storage *s, const char *id, const char *text);
/* fd is the callback's; -1 on failure. */
void parent_storage_read(struct parent_storage *s, uint32_t number, const char *object_key,
        void (*on_file)(void *owner, int fd, const struct err *e), void *owner);
/* No callback of this owner will be called any more. */
void parent_storage_forget(struct parent_storage *s, const void *owner);

#endif
