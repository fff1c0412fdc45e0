/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

PRINTF(2, 0) static void err_vformat(struct err *e, const char *fmt, va_list args)
{
        e->text[0] = '\0';
        vsnprintf(e->text, sizeof e->text, fmt, args);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
        va_list args;

        if (!e)
                return code;
        e->code = code;
        e->os_errno = 0;
        e->fault = FAULT_NONE;
        va_start(args, fmt);
        err_vformat(e, fmt, args);
        va_end(args);
        return code;
}

int err_fault(struct err *e, int code, enum fault f, const char *fmt, ...)
{
        va_list args;

        if (!e)
                return code;
        e->code = code;
        e->os_errno = 0;
        e->fault = f;
        va_start(args, fmt);
        err_vformat(e, fmt, args);
        va_end(args);
        return code;
}

int err_os(struct err *e, int code, int os_errno, const char *fmt, ...)
{
        va_list args;

        if (!e)
                return code;
        e->code = code;
        e->os_errno = os_errno;
        e->fault = FAULT_NONE;
        va_start(args, fmt);
        err_vformat(e, fmt, args);
        va_end(args);
        size_t n = strlen(e->text);
        snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(os_errno));
        return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
        char inner[ERR_TEXT_BYTES];
        va_list args;

        if (!e)
                return code;
        memcpy(inner, e->text, sizeof inner);
        e->code = code;
        va_start(args, fmt);
        err_vformat(e, fmt, args);
        va_end(args);
        size_t n = strlen(e->text);
        snprintf(e->text + n, sizeof e->text - n, ": %s", inner);
        return code;
}

const char *err_name(int code)
{
        static const char *const names[] = { "ok", "invalid", "protocol", "corrupt", "auth",
                "denied", "not_found", "timeout", "unavailable", "exhausted", "io", "cancelled",
                "again", "state", "internal" };

        if (code > 0 || -code >= (int)ARRAY_LEN(names))
                return "unknown";
        return names[-code];
}
