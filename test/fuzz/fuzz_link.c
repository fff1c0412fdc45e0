/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message of the link protocol: an envelope of exactly the specified form, or an error. Its body
 * as record terms: what is taken is within its bounds, and written it is read as the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/link.h"
#include "net/record_link.h"

static void record(const json_t *body)
{
        struct record_terms t, again;
        struct err e = { 0 };

        record_terms_defaults(&t);
        record_terms_defaults(&again);
        if (record_link_parse(body, &t, &e) < 0) {
                if (!e.text[0] || memcmp(&t, &again, sizeof t) != 0)
                        abort();
                return;
        }
        json_t *object = record_link_format(&t);
        if (record_terms_check(&t, &e) < 0 || record_link_parse(object, &again, &e) < 0 ||
                again.mode != t.mode || strcmp(again.schedule, t.schedule) != 0 ||
                again.quota_mb != t.quota_mb || again.post_s != t.post_s)
                abort();
        json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct link_message m;
        struct err e = { 0 };

        if (link_parse(BYTES(data, n), &m, &e) < 0) {
                if (!e.text[0])
                        abort();
                return 0;
        }
        if (m.failure.code == 0 && !json_is_object(m.body))
                abort();
        if (m.failure.code == 0)
                record(m.body);
        link_message_done(&m);
        return 0;
}
