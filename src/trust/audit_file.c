/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

/* The bytes of the last line: behind the line feed before it, or before the file's own end. */
static struct bytes audit_file_last_line(struct bytes end)
{
        size_t n = end.n && end.p[end.n - 1] == '\n' ? end.n - 1 : end.n, from = n;

        while (from && end.p[from - 1] != '\n')
                from--;
        return bytes_sub(end, from, n - from);
}

/* Where the chain stands: what the last line says of itself. */
static int audit_file_find_end(
        struct audit_file *f, const char *path, struct err *ret_broken, struct err *e)
{
        uint8_t end[AUDIT_LINE_MAX + 2];
        size_t want = f->length < sizeof end ? (size_t)f->length : sizeof end;
        struct err why;

        ret_broken->code = 0;
        if (want == 0)
                return 0;
        ssize_t got = pread(f->fd, end, want, (off_t)(f->length - want));
        if (got != (ssize_t)want)
                return err_os(e, ERR_IO, errno, "cannot read %s", path);
        struct bytes line = audit_file_last_line(BYTES(end, want));
        /* Whether it follows the one before is not asked here: that is custos audit verify. */
        if (audit_line_parse(&f->chain, line, NULL, &why) < 0 && f->chain.n == 0)
                *ret_broken = why;
        if (end[want - 1] == '\n')
                return 0;
        int r = file_write_at(f->fd, path, BYTES("\n", 1), f->length, e);
        if (r == 0)
                f->length++;
        return r;
}

int audit_file_open(const char *path, struct audit_file *ret, struct err *ret_broken, struct err *e)
{
        struct audit_file f = { 0 };
        struct stat st;
        CLEANUP(own_closep)
        int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) /* a printer keeps a log well */
                return err_set(e, ERR_INVALID, "%s is no file", path);
        f.fd = fd;
        f.length = (uint64_t)st.st_size;
        int r = audit_file_find_end(&f, path, ret_broken, e);
        if (r < 0)
                return r;
        fd = -1;
        *ret = f;
        return 0;
}

void audit_file_close(struct audit_file *f)
{
        if (f->fd > 0)
                close(f->fd);
        *f = (struct audit_file){ 0 };
}

int audit_file_look(const char *path, int *ret_fd, uint64_t *ret_length, struct err *e)
{
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_os(e, ERR_IO, errno, "cannot read %s", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is no file that can be read back", path);
        *ret_fd = fd;
        *ret_length = (uint64_t)st.st_size;
        fd = -1;
        return 0;
}
