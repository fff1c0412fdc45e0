/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/audit.h"

#include <stdlib.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/audit_file.h"

struct audit {
        struct audit_file file;
        struct buf out;
};

int audit_open(const char *path, struct audit **ret, struct err *e)
{
        struct audit *a = xcalloc(1, sizeof *a);
        struct err broken;

        buf_init(&a->out, AUDIT_LINE_MAX + 2);
        int r = audit_file_open(path, &a->file, &broken, e);
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

        buf_clear(&a->out);
        int r = audit_line_format(&a->file.chain, clock_wall_us(), event, fields, &a->out, e);
        json_decref(fields);
        if (r < 0)
                return r;
        r = file_write_at(fd, "the audit log", buf_bytes(&a->out), a->file.length, e);
        if (r == 0)
                r = file_sync_data(fd, "the audit log", e);
        if (r == 0) {
                a->file.length += a->out.n;
                return 0;
        }
        if (file_set_length(fd, "the audit log", a->file.length, NULL) < 0)
                log_error(NULL, "audit.torn", ""); /* half a line stays */
        a->file.chain = before;
        return r;
}
