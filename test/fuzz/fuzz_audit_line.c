/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of the audit log, as somebody may have left it in the file. What is taken is of the form
 * that is written: its object, written again, is the same line. */
#include <stdlib.h>

#include "trust/audit_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct audit_line_chain chain = { 0 };
        json_t *object = NULL;

        int r = audit_line_parse(&chain, BYTES(data, n), &object, NULL);
        if (!chain.any || (r == 0 && !object) || (object && chain.n == 0))
                abort();
        json_decref(object);
        return 0;
}
