/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of networks, as somebody wrote it into the settings; each holds its own address. */
#include <stdlib.h>

#include "base/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char *text = xcalloc(1, n + 1);
        struct network_list list;

        memcpy(text, data, n);
        if (network_list_parse(text, &list, NULL) == 0) {
                for (unsigned i = 0; i < list.n; i++) {
                        if (list.networks[i].bits > 128 ||
                                !network_has(&list.networks[i], list.networks[i].address))
                                abort();
                }
        }
        free(text);
        return 0;
}
