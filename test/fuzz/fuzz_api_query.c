/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries and segments of addresses: text that JSON carries comes out, or a refusal. */
#include <stdlib.h>

#include "base/str.h"
#include "gateway/api_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char to[64];

        if (api_query_decode(BYTES(data, n), to, sizeof to, NULL) == 0 &&
                !str_is_utf8(bytes_str(to)))
                abort();
        char *text = xcalloc(1, n + 1);
        memcpy(text, data, n);
        json_t *body = json_object();
        struct err e;
        if (api_query_read(text, "after limit# keys_only? from until", body, &e) == 0) {
                char *json = json_dumps(body, JSON_COMPACT);
                if (!json)
                        abort();
                free(json);
        }
        json_decref(body);
        free(text);
        return 0;
}
