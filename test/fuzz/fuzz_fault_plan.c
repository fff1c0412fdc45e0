/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults as they are written on a command line, one a line. */
#include <stdlib.h>

#include "edge/fault_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct fault_plan plan;
        char line[512];

        plan.n = 0;
        while (n > 0) {
                const uint8_t *end = memchr(data, '\n', n);
                const size_t line_n = end ? (size_t)(end - data) : n;

                if (line_n < sizeof line) {
                        memcpy(line, data, line_n);
                        line[line_n] = 0;
                        if (fault_plan_add(&plan, line, NULL) == 0) {
                                const struct fault_plan_fault *f = &plan.faults[plan.n - 1];

                                if (f->kind >= FAULT_PLAN_KINDS || f->at < 0 ||
                                        !fault_plan_find(&plan, f->stream, "", f->kind))
                                        abort();
                        }
                }
                data += line_n + (end != NULL);
                n -= line_n + (end != NULL);
        }
        return 0;
}
