/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files. The blocking functions are for start-up, the CLI and tools; the asynchronous ones run in
 * libuv's pool and call back on the loop. Every open is close-on-exec and never follows a link in
 * the last component of a file's name. Whatever changes a disk goes through here, and from here
 * through os/file_ops.h.
 */
#ifndef CUSTOS_OS_FILE_H
#define CUSTOS_OS_FILE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/err.h"
#include "os/loop.h"

/* Appends a regular file of at most max bytes. */
int file_read(const char *path, size_t max, struct buf *ret, struct err *e) MUST_USE;
/* A private key or password: refuses one that others may read; that, and why it cannot be read,
 * with owner, mode and the fix. An empty buf gets it in one piece, without copies in freed memory;
 * the caller wipes it (explicit_bzero) when done. */
int file_read_secret(const char *path, size_t max, struct buf *ret, struct err *e) MUST_USE;
/* The same, of a key that this program made: refuses one that another user than ours (and root)
 * owns. */
int file_read_own_secret(const char *path, size_t max, struct buf *ret, struct err *e) MUST_USE;
/* The same, and also one that the owner of its directory keeps for our group: mode 0640, that
 * group's, in a directory of that group which is closed to all others. For a role whose porter
 * writes its key. */
int file_read_shared_secret(const char *path, size_t max, struct buf *ret, struct err *e) MUST_USE;
/* Whole or not at all: temporary name, fsync, rename, fsync of the directory. */
int file_write_atomic(
        const char *path, struct bytes content, unsigned mode, struct err *e) MUST_USE;
int file_make_dirs(
        const char *path, unsigned mode, struct err *e) MUST_USE; /* as mkdir -p; syncs nothing */
bool file_exists(const char *path); /* anything of that name, a dangling link too */
int file_sync_dir(const char *path, struct err *e) MUST_USE;
int file_unlink(const char *path, struct err *e) MUST_USE;
int file_rename(const char *from, const char *to, struct err *e) MUST_USE; /* syncs nothing */
/* Of an open file; path is for texts. */
int file_write_at(
        int fd, const char *path, struct bytes content, uint64_t offset, struct err *e) MUST_USE;
int file_set_length(int fd, const char *path, uint64_t bytes, struct err *e) MUST_USE;
int file_sync_data(int fd, const char *path, struct err *e) MUST_USE;

/* A whole file mapped read-only. Whoever shortens it meanwhile ends this process by SIGBUS: for
 * tools, not for roles. */
struct file_map {
        struct bytes bytes;
};
int file_map_open(const char *path, struct file_map *ret, struct err *e) MUST_USE;
void file_map_done(struct file_map *m);

/* Work in the pool; good until its on_done. os/file_lane bounds how much of it a volume holds. */
struct file_work;
/* Writes all of iov at offset in the pool. iov and what it points to must live until on_done
 * (result: 0 or negative). A full volume is ERR_EXHAUSTED, one that can only be read ERR_DENIED.
 * Writes of one loop may overtake each other. */
struct file_work *file_write_start(struct loop *l, int fd, const struct iovec *iov, unsigned iov_n,
        uint64_t offset, void (*on_done)(void *owner, int result, const struct err *e),
        void *owner);
/* As file_write_start, at the file's end, and synced: durable when on_done says 0. Where that fails
 * the file ends at `end` again. */
struct file_work *file_append_start(struct loop *l, int fd, const struct iovec *iov, unsigned iov_n,
        uint64_t end, void (*on_done)(void *owner, int result, const struct err *e), void *owner);
/* Sets the length, in the pool. */
struct file_work *file_set_length_start(struct loop *l, int fd, uint64_t bytes,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner);
/* Closes fd in the pool: that can take as long as a write. length: set before, where it is not
 * negative and the file is not shorter; so room that was set aside behind it is given back. Where
 * that fails nothing is lost: whoever opens the vault next cuts the file again. */
struct file_work *file_close_start(struct loop *l, int fd, int64_t length,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner);
/* Asks work to end before it is done (ERR_CANCELLED, unless it was too late). A call that the
 * kernel holds stays held, but no other one follows it. */
void file_work_stop(struct file_work *w);
/* syncfs of the volume that fd lies on, in the pool. */
void file_sync_start(struct loop *l, int fd,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner);

/* A new file for a segment, mode 0600: O_EXCL, O_DIRECT where the volume can (then *ret_direct),
 * room set aside. */
int file_create_segment(int dir_fd, const char *name, uint64_t reserve, int *ret_fd,
        bool *ret_direct, struct err *e) MUST_USE;

#endif
