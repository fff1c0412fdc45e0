/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The calls that change what is on a disk, in one table, so that a test can record them, forget
 * what was not synced, or fail the n-th. os/file makes them; nothing else calls them, and nothing
 * but a test sets the pointer: it cannot be reached from a command line, an environment or a
 * configuration.
 *
 * Each is as the system call of its name: -1 and errno. Called from any thread.
 */
#ifndef CUSTOS_OS_FILE_OPS_H
#define CUSTOS_OS_FILE_OPS_H

#include <sys/types.h>
#include <sys/uio.h>

struct file_ops {
        int (*create)(int dir_fd, const char *name, int flags, mode_t mode); /* openat, O_CREAT */
        int (*create_unique)(char *path);                                    /* mkostemp */
        int (*mkdir)(const char *path, mode_t mode);
        int (*rename)(const char *from, const char *to);
        int (*unlinkat)(int dir_fd, const char *name, int flags); /* also removes directories */
        ssize_t (*pwritev)(int fd, const struct iovec *iov, int iov_n, off_t offset);
        int (*fallocate)(int fd, int mode, off_t offset, off_t bytes);
        int (*ftruncate)(int fd, off_t bytes);
        int (*fsync)(int fd); /* of a file or a directory */
        int (*fdatasync)(int fd);
        int (*syncfs)(int fd);
};

extern const struct file_ops file_ops_kernel;
extern const struct file_ops *file_ops; /* &file_ops_kernel, but in tests */

#endif
