/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/tls_memory_store.h"

#include "os/file.h"

int tls_memory_store_load(const char *path, struct tls_memory **ret, struct err *e)
{
        struct buf json;

        buf_init(&json, TLS_MEMORY_FILE_MAX);
        int r = file_read(path, TLS_MEMORY_FILE_MAX, &json, e);
        if (r == ERR_NOT_FOUND) {
                *ret = tls_memory_new();
                r = 0;
        } else if (r >= 0) {
                r = tls_memory_parse(buf_bytes(&json), ret, e);
                if (r < 0)
                        r = err_wrap(e, r,
                                "%s (restore it from a backup; deleting it forgets which cameras "
                                "spoke TLS)",
                                path);
        }
        buf_done(&json);
        return r < 0 ? r : 0;
}

int tls_memory_store_save(const char *path, const struct tls_memory *m, struct err *e)
{
        struct buf json;

        buf_init(&json, TLS_MEMORY_FILE_MAX);
        int r = tls_memory_format(m, &json, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&json), 0600, e);
        buf_done(&json);
        return r < 0 ? r : 0;
}
