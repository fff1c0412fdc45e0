/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/export_text.h"

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
