/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/file_ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int create(int dir_fd, const char *name, int flags, mode_t mode)
{
        return openat(dir_fd, name, flags | O_CREAT | O_CLOEXEC, mode);
}

static int create_unique(char *path)
{
        return mkostemp(path, O_CLOEXEC);
}

const struct file_ops file_ops_kernel = { .create = create,
        .create_unique = create_unique,
        .mkdir = mkdir,
        .rename = rename,
        .unlinkat = unlinkat,
        .pwritev = pwritev,
        .fallocate = fallocate,
        .ftruncate = ftruncate,
        .fsync = fsync,
        .fdatasync = fdatasync,
        .syncfs = syncfs };

const struct file_ops *file_ops = &file_ops_kernel;
