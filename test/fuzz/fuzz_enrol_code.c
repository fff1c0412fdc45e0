/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody typed as an enrolment code. What was taken is written and taken again, the same. */
#include <stdio.h>

#include "trust/enrol_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char typed[2048], text[ENROL_CODE_ROOM];
        struct enrol_code c = { 0 }, again = { 0 };
        struct err e;

        if (n >= sizeof typed)
                return 0;
        if (n)
                memcpy(typed, data, n);
        typed[n] = '\0';
        if (enrol_code_parse(typed, &c, &e) < 0)
                return 0;
        enrol_code_format(&c, text);
        if (strlen(text) >= sizeof text || enrol_code_parse(text, &again, &e) < 0 ||
                memcmp(&c, &again, sizeof c) != 0)
                __builtin_trap();
        return 0;
}
