/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node's files (docs/design/links.md, "A node's files"): key, certificate, root, list of what is
 * revoked, peers. Reading checks that key and certificate belong together and hang from the root,
 * and that nobody else can read the key: the error names owner, mode and the command that mends it.
 * Writing replaces key and certificate as a pair. Blocking: at start, and from the pool.
 *
 * The directory is <state>/node/<role>, and not <state>/<role>: a porter may reach all that is in
 * it, and in <state>/recorder lie the sealing key and the recipient's.
 */
#ifndef CUSTOS_TRUST_NODE_IDENTITY_H
#define CUSTOS_TRUST_NODE_IDENTITY_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/sign.h"

struct node_identity {
        char site[64], role[16], name[48];
        struct sign_key *key; /* owned */
        struct buf chain_pem; /* leaf, issuer */
        struct buf root_der, issuer_der;
        struct buf crls_pem;                 /* may be empty */
        int64_t not_before_us, not_after_us; /* of the leaf */
        struct {
                char name[48], host[256];
                uint16_t port; /* 0: this host's manager, see <state>/manager/port */
        } manager;
};

#define NODE_IDENTITY_DIR_ROOM 4200
/* Returns to. */
char *node_identity_dir(
        char to[static NODE_IDENTITY_DIR_ROOM], const char *state, const char *role);
/* There is one, whole. */
bool node_identity_exists(const char *dir);
int node_identity_read(const char *dir, struct node_identity *ret, struct err *e) MUST_USE;
void node_identity_done(struct node_identity *n);
/* key and chain_pem become the node's; durable before it returns. */
int node_identity_write(const char *dir, const struct sign_key *key, struct bytes chain_pem,
        struct err *e) MUST_USE;
/* The whole directory of a new node: key, chain, root, peers.json. ERR_STATE where there is one. */
int node_identity_create(const char *dir, const struct node_identity *n, struct err *e) MUST_USE;
int node_identity_write_crls(const char *dir, struct bytes crls_pem, struct err *e) MUST_USE;

#endif
