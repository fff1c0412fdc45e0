/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of names of a page: what was taken is written and taken again, the same, and no name has a
 * character in it that a certificate or a terminal would not take. */
#include "trust/web_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct web_names names, again;
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, 2 * WEB_NAMES_TEXT_MAX);
        if (web_names_parse(BYTES(data, n), &names, NULL) < 0)
                return 0;
        for (unsigned i = 0; i < names.n; i++) {
                const char *name = names.names[i].text;
                if (!name[0] || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.:")])
                        __builtin_trap();
        }
        if (web_names_format(&names, &text, NULL) < 0 ||
                web_names_parse(buf_bytes(&text), &again, NULL) < 0 || again.n != names.n)
                __builtin_trap();
        for (unsigned i = 0; i < names.n; i++) {
                if (strcmp(names.names[i].text, again.names[i].text) != 0)
                        __builtin_trap();
        }
        return 0;
}
