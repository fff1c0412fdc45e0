/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/audit_file.h"

struct audit {
        struct audit_file file;
        struct buf out;
        struct timespec changed; /* ctime when this process had written last */
        uint64_t changes;
};

/* ours: it is this process that has changed the file since the last call. */
static int audit_stat(struct audit *a, bool ours, struct stat *st, struct err *e)
{
        if (fstat(a->file.fd, st) < 0)
                return err_os(e, ERR_IO, errno, "the audit log");
        if (!ours && (st->st_ctim.tv_sec != a->changed.tv_sec ||
                             st->st_ctim.tv_nsec != a->changed.tv_nsec))
                a->changes++;
        a->changed = st->st_ctim;
        return 0;
}

int audit_open(const char *path, struct audit **ret, struct err *e)
{
        struct audit *a = xcalloc(1, sizeof *a);
        struct err broken;
        struct stat st;

        buf_init(&a->out, AUDIT_LINE_MAX + 2);
        int r = audit_file_open(path, &a->file, &broken, e);
        if (r == 0)
                r = audit_stat(a, true, &st, e);
        if (r < 0) {
                audit_free(a);
                return r;
        }
        if (broken.code < 0)
                log_error(NULL, "audit.broken",
                        "line=last err=\"%s\" check=\"custos audit verify\"", broken.text);
        *ret = a;
        return 0;
}

struct audit *audit_free(struct audit *a)
{
        if (!a)
                return NULL;
        audit_file_close(&a->file);
        buf_done(&a->out);
        free(a);
        return NULL;
}

int audit_write(struct audit *a, const char *event, json_t *fields, struct err *e)
{
        struct audit_line_chain before = a->file.chain;
        const int fd = a->file.fd;
        struct stat st;

        buf_clear(&a->out);
        int r = audit_line_format(&a->file.chain, clock_wall_us(), event, fields, &a->out, e);
        json_decref(fields);
        if (r < 0)
                return r;
        (void)audit_stat(a, false, &st, NULL); /* before ours covers it */
        r = file_write_at(fd, "the audit log", buf_bytes(&a->out), a->file.length, e);
        if (r == 0)
                r = file_sync_data(fd, "the audit log", e);
        (void)audit_stat(a, true, &st, NULL);
        if (r == 0) {
                a->file.length += a->out.n;
                return 0;
        }
        if (file_set_length(fd, "the audit log", a->file.length, NULL) < 0)
                log_error(NULL, "audit.torn", ""); /* half a line stays */
        a->file.chain = before;
        return r;
}

int audit_see(struct audit *a, struct audit_look *ret, struct err *e)
{
        struct stat st;
        int r = audit_stat(a, false, &st, e);

        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode))
                return err_set(
                        e, ERR_UNAVAILABLE, "the audit log is no file that can be read back");
        *ret = (struct audit_look){ a->file.fd, (uint64_t)st.st_size, a->changes, a->file.chain };
        return 0;
}
