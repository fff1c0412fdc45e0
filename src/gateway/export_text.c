/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/export_text.h"

#include <inttypes.h>
#include <jansson.h>

int export_text_plan(struct bytes json, uint64_t *ret_bytes, struct err *e)
{
        json_t *plan = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
        json_int_t bytes = 0;

        bool good = plan && json_unpack_ex(plan, NULL, JSON_STRICT, "{s:I}", "bytes", &bytes) == 0;
        json_decref(plan);
        if (!good || bytes < 1 || bytes > EXPORT_TEXT_BYTES_MAX)
                return err_set(e, ERR_PROTOCOL, "the recorder does not say how long the file is");
        *ret_bytes = (uint64_t)bytes;
        return 0;
}

int export_text_take(struct export_text_parts *p, const struct media_message *m, struct bytes plain,
        struct err *e)
{
        bool first = m->number == 0;

        if (m->number != p->number || first != (m->kind == MEDIA_MESSAGE_PLAN) ||
                (!first && m->kind != MEDIA_MESSAGE_FILE))
                return err_set(e, ERR_PROTOCOL,
                        "message %" PRIu64 " (kind %u) of the recorder where %" PRIu64
                        " belongs: part of the file is missing",
                        m->number, m->kind, p->number);
        if (first && export_text_plan(plain, &p->bytes, e) < 0)
                return ERR_PROTOCOL;
        if (!first && plain.n > p->bytes - p->received)
                return err_set(e, ERR_PROTOCOL, "the recorder sends more than the file has");
        p->number++;
        p->received += first ? 0 : plain.n;
        return first;
}
