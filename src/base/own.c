/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *own_check(void *p)
{
        if (!p) {
                fputs("custos: out of memory\n", stderr);
                abort();
        }
        return p;
}

void *xcalloc(size_t n, size_t size)
{
        return own_check(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n, size_t size)
{
        return own_check(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
        return own_check(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
        char *text = NULL;
        va_list args;

        va_start(args, fmt);
        int r = vasprintf(&text, fmt, args);
        va_end(args);
        return own_check(r < 0 ? NULL : text);
}

void own_freep(void *pp)
{
        void *p;

        memcpy(&p, pp, sizeof p);
        free(p);
}

void own_closep(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        errno = saved;
}
