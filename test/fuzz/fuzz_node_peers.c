/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's peers.json. What was taken is written and taken again, the same. */
#include "trust/node_peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct node_identity first = { 0 }, second = { 0 };
        struct buf out;
        struct err e;

        if (node_peers_parse(BYTES(data, n), &first, &e) < 0)
                return 0;
        buf_init(&out, NODE_PEERS_FILE_MAX);
        if (node_peers_format(&first, &out, &e) < 0 ||
                node_peers_parse(buf_bytes(&out), &second, &e) < 0 ||
                strcmp(first.site, second.site) != 0 || strcmp(first.role, second.role) != 0 ||
                strcmp(first.name, second.name) != 0 ||
                strcmp(first.manager.name, second.manager.name) != 0 ||
                strcmp(first.manager.host, second.manager.host) != 0 ||
                first.manager.port != second.manager.port)
                __builtin_trap();
        buf_done(&out);
        return 0;
}
