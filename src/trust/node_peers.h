/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * peers.json of a node: who it is, and where its manager is. Written when it is enrolled.
 *
 *     { "version": 1, "site": "berlin", "role": "recorder", "name": "north-1",
 *       "manager": { "name": "main", "host": "10.0.0.1", "port": 8320 } }
 *
 * host "" and port 0: this host's manager. Pure.
 */
#ifndef CUSTOS_TRUST_NODE_PEERS_H
#define CUSTOS_TRUST_NODE_PEERS_H

#include "trust/node_identity.h"

#define NODE_PEERS_FILE_MAX 4096

/* Fills site, role, name and manager alone. ERR_CORRUPT says where it is wrong. */
int node_peers_parse(struct bytes json, struct node_identity *n, struct err *e) MUST_USE;
/* Appends. ERR_INVALID where one of the texts is none that node_peers_parse takes. */
int node_peers_format(const struct node_identity *n, struct buf *out, struct err *e) MUST_USE;

#endif
