/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a volume's process does on its disk. Every function blocks, for as long as the disk pleases,
 * and runs in the pool; several at a time. Names are relative to the working directory, which is
 * the volume: so whatever is mounted at its path later, nothing of this reaches another disk.
 *
 * A name comes from a peer or from a disk: no component of it may be a link, and none is anything
 * but what docs/spec/vault.md section 1 has. Errors carry what they say about the volume
 * (FAULT_NONE where it is about one file).
 */
#ifndef CUSTOS_RECORDER_VOLUME_WORK_H
#define CUSTOS_RECORDER_VOLUME_WORK_H

#include <uv.h>

#include "recorder/message_volume.h"
#include "vault/vault_tail.h"

struct volume_work {
        uv_mutex_t dirs; /* held while directories are made or removed */
};

void volume_work_init(struct volume_work *w);
void volume_work_done(struct volume_work *w);

struct volume_work_file {
        int fd; /* the caller's */
        bool direct;
        char object_key[HEAD_KEY_MAX];
};

/* Object keys, and keys/<stream>/<date>/<HH>.<key id>.json; nothing else is ever removed. */
bool volume_work_is_segment(const char *name);
bool volume_work_is_key(const char *name);
/* keys/<stream>/<date>/<HH>.*: all key files of that hour. */
bool volume_work_is_hour(const char *name);

/* The next segment file of a stream, by this time. */
int volume_work_create(struct volume_work *w, const char *stream, int64_t wall_us,
        struct volume_work_file *ret, struct err *e) MUST_USE;
/* Whole or not at all; durable, directories and all, with the next sync. */
int volume_work_key(
        struct volume_work *w, const char *path, struct bytes text, struct err *e) MUST_USE;
/* locks/<id>.json; without text it is removed. */
int volume_work_lock(
        struct volume_work *w, const char *id, struct bytes text, struct err *e) MUST_USE;
/* Segments, key files and all keys of an hour, and the directories that become empty. What is not
 * there is as good as removed. Goes on behind one that cannot be removed, and returns the first
 * error. */
int volume_work_remove(struct volume_work *w, const char (*names)[HEAD_KEY_MAX], unsigned n,
        struct err *e) MUST_USE;
/* To read it; ret->direct is false. */
int volume_work_read(const char *object_key, struct volume_work_file *ret, struct err *e) MUST_USE;
/* alone: vault_tail_read_one, else vault_tail_read. */
int volume_work_tail(const char *stream, const char *object_key, bool alone,
        const struct vault_tail_known *known, struct message_volume_tail *ret,
        struct err *e) MUST_USE;
int volume_work_sync(int dir_fd, struct err *e) MUST_USE;

#endif
