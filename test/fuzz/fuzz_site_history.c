/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A recorder's file of which manager it follows, and the message in which a manager says who it is.
 * What is taken, written again, is read as the same. */
#include <stdlib.h>
#include <string.h>

#include "trust/site_history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void file(struct bytes text)
{
        struct site_history_known k, again;
        struct buf out;

        if (site_history_known_parse(text, &k, NULL) < 0)
                return;
        buf_init(&out, SITE_HISTORY_FILE_MAX);
        if (site_history_known_format(&k, &out, NULL) < 0 ||
                site_history_known_parse(buf_bytes(&out), &again, NULL) < 0 || again.any != k.any ||
                again.restores_n != k.restores_n ||
                memcmp(again.restores, k.restores, sizeof k.restores) != 0)
                abort();
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct site_history h, again;
        json_t *body = json_loadb((const char *)data, n, 0, NULL);

        file(BYTES(data, n));
        memset(&h, 0, sizeof h);
        if (body && site_history_parse(body, &h, NULL) == 0) {
                json_t *out = site_history_format(&h);
                if (site_history_parse(out, &again, NULL) < 0 || again.before_n != h.before_n ||
                        memcmp(again.before, h.before, sizeof h.before) != 0)
                        abort();
                json_decref(out);
        }
        json_decref(body);
        return 0;
}
