/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/audit_line.h"

struct audit {
        int fd;
        off_t length;
        struct audit_line_chain chain;
        struct buf out;
};

/* The bytes of the last line: behind the line feed before it, or before the file's own end. */
static struct bytes audit_last_line(struct bytes end)
{
        size_t n = end.n && end.p[end.n - 1] == '\n' ? end.n - 1 : end.n, from = n;

        while (from && end.p[from - 1] != '\n')
                from--;
        return bytes_sub(end, from, n - from);
}

/* Where the chain stands: what the last line says of itself. */
static int audit_find_end(struct audit *a, const char *path, struct err *e)
{
        uint8_t end[AUDIT_LINE_MAX + 2];
        size_t want = a->length < (off_t)sizeof end ? (size_t)a->length : sizeof end;
        struct err why;

        if (want == 0)
                return 0;
        ssize_t got = pread(a->fd, end, want, a->length - (off_t)want);
        if (got != (ssize_t)want)
                return err_os(e, ERR_IO, errno, "cannot read %s", path);
        struct bytes line = audit_last_line(BYTES(end, want));
        /* Whether it follows the one before is not asked here: that is custos audit verify. */
        int r = audit_line_parse(&a->chain, line, NULL, &why);
        if (r < 0 && a->chain.n == 0)
                log_error(NULL, "audit.broken",
                        "line=last err=\"%s\" check=\"custos audit verify\"", why.text);
        if (end[want - 1] == '\n')
                return 0;
        r = file_write_at(a->fd, path, BYTES("\n", 1), (uint64_t)a->length, e);
        if (r == 0)
                a->length++;
        return r;
}

int audit_open(const char *path, struct audit **ret, struct err *e)
{
        struct audit *a = xcalloc(1, sizeof *a);
        struct stat st;
        int r = 0;

        buf_init(&a->out, AUDIT_LINE_MAX + 2);
        a->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (a->fd < 0 || fstat(a->fd, &st) < 0)
                r = err_os(e, ERR_IO, errno, "cannot open %s", path);
        if (r == 0) {
                a->length = st.st_size;
                r = audit_find_end(a, path, e);
        }
        if (r < 0) {
                audit_free(a);
                return r;
        }
        *ret = a;
        return 0;
}

struct audit *audit_free(struct audit *a)
{
        if (!a)
                return NULL;
        own_closep(&a->fd);
        buf_done(&a->out);
        free(a);
        return NULL;
}

int audit_write(struct audit *a, const char *event, json_t *fields, struct err *e)
{
        struct audit_line_chain before = a->chain;

        buf_clear(&a->out);
        int r = audit_line_format(&a->chain, clock_wall_us(), event, fields, &a->out, e);
        json_decref(fields);
        if (r < 0)
                return r;
        r = file_write_at(a->fd, "the audit log", buf_bytes(&a->out), (uint64_t)a->length, e);
        if (r == 0)
                r = file_sync_data(a->fd, "the audit log", e);
        if (r == 0) {
                a->length += (off_t)a->out.n;
                return 0;
        }
        if (file_set_length(a->fd, "the audit log", (uint64_t)a->length, NULL) < 0)
                log_error(NULL, "audit.torn", ""); /* half a line stays */
        a->chain = before;
        return r;
}
