/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; the C library's headers may be older */
#endif

int source_open(const char *path, struct source *ret, struct err *e)
{
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_os(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_INVALID, "%s: not a file", path);
        if (st.st_size == 0) {
                *ret = (struct source){ 0 };
                return 0;
        }
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return err_os(e, ERR_IO, errno, "%s: mmap", path);
        *ret = (struct source){ BYTES(p, (size_t)st.st_size) };
        madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
        return 0;
}

void source_close(struct source *s)
{
        if (s->bytes.n)
                munmap((void *)(uintptr_t)s->bytes.p, s->bytes.n);
        *s = (struct source){ 0 };
}

int source_load(const struct source *s, uint64_t offset, uint64_t n, struct err *e)
{
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        struct bytes part = bytes_sub(s->bytes, offset - offset % page, n + offset % page);

        if (part.n == 0 || madvise((void *)(uintptr_t)part.p, part.n, MADV_POPULATE_READ) == 0)
                return 0;
        if (errno == EFAULT || errno == EHWPOISON || errno == EIO)
                return err_set(e, ERR_IO,
                        "the medium cannot be read between byte %llu and %llu, or the file shrinks",
                        (unsigned long long)offset, (unsigned long long)(offset + n));
        return 0; /* an older kernel does not know the request: read as it comes */
}

int source_is_dir(const char *path, struct err *e)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return err_os(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        return S_ISDIR(st.st_mode) ? 1 : 0;
}

static int by_name(const void *a, const void *b)
{
        const struct source_name *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static int source_add(DIR *d, const char *name, struct source_names *names, struct err *e)
{
        struct stat st;

        if (fstatat(dirfd(d), name, &st, 0) < 0)
                return errno == ENOENT
                               ? 0
                               : err_os(e, ERR_IO, errno, "%s", name); /* removed meanwhile */
        if (names->n >= SOURCE_NAMES_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "more than %u files in one directory", SOURCE_NAMES_MAX);
        if (names->n == names->room) {
                names->room = names->room ? 2 * names->room : 64;
                names->names = xrealloc(names->names, names->room, sizeof *names->names);
        }
        names->names[names->n++] =
                (struct source_name){ xstrdup(name), S_ISDIR(st.st_mode), (uint64_t)st.st_size };
        return 0;
}

int source_list(const char *dir, struct source_names *ret, struct err *e)
{
        struct source_names names = { 0 };
        DIR *d = opendir(dir);
        int r = 0;

        if (!d)
                return err_os(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", dir);
        errno = 0;
        for (struct dirent *entry; r == 0 && (entry = readdir(d)); errno = 0)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        r = source_add(d, entry->d_name, &names, e);
        if (r == 0 && errno != 0)
                r = err_os(e, ERR_IO, errno, "%s", dir);
        closedir(d);
        if (r < 0) {
                source_names_done(&names);
                return err_wrap(e, r, "%s", dir);
        }
        if (names.n)
                qsort(names.names, names.n, sizeof *names.names, by_name);
        *ret = names;
        return 0;
}

void source_names_done(struct source_names *names)
{
        for (size_t i = 0; i < names->n; i++)
                free(names->names[i].name);
        free(names->names);
        *names = (struct source_names){ 0 };
}
