/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A URL that is taken reads the same when it is written again; what a description's control makes
 * of it is one that is taken, too. */
#include <stdlib.h>
#include <string.h>

#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void again(const struct url *u)
{
        char text[URL_MAX + URL_HOST_ROOM];
        struct url back;

        if (url_format(u, text, sizeof text, NULL) < 0 || strlen(text) >= URL_MAX)
                return; /* the port made it too long */
        if (url_parse(text, &back, NULL) < 0 || back.scheme != u->scheme || back.port != u->port ||
                strcmp(back.host, u->host) != 0 || strcmp(back.path, u->path) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char *text = calloc(1, n + 1), to[URL_MAX];
        struct bytes rest;
        struct url u;
        struct err e;

        memcpy(text, data, n);
        if (url_parse(text, &u, &e) == 0) {
                if (!u.host[0] || u.path[0] != '/' || u.port == 0)
                        abort();
                again(&u);
        } else if (!e.text[0]) {
                abort();
        }
        rest = bytes_sub(BYTES(data, n), strlen(text) + 1, n);
        if (url_resolve("rtsps://h:322/a/b?c", rest, bytes_str(text), to, sizeof to, &e) == 0 &&
                strlen(to) >= sizeof to)
                abort();
        free(text);
        return 0;
}
