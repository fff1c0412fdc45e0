/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the porter share:
 *     porter.c           start, what the role asks
 *     porter_listen.c    listening sockets and their limits
 *     porter_dial.c      whom the role wants to be linked with
 *     porter_conn.c      one connection, until it is a peer's or over
 *     porter_peer.c      one peer and its channel to the role; moving to another connection
 *     porter_est.c       certificates for others: HTTP to requests of the role
 *     porter_identity.c  this node's certificate, and what is revoked
 *     porter_renew.c     its renewal
 *     porter_web.c       of a gateway: its page's certificate
 *     porter_status.c    what is told about all that
 * For these alone.
 */
#ifndef CUSTOS_PORTER_PORTER_PARTS_H
#define CUSTOS_PORTER_PORTER_PARTS_H

#include "base/network.h"
#include "base/settings.h"
#include "net/connect_attempt.h"
#include "net/link.h"
#include "net/role_conn.h"
#include "crypto/x509_pkcs7.h"
#include "crypto/x509_web.h"
#include "porter/porter.h"
#include "trust/node_identity.h"

#define PORTER_UNFINISHED_MAX 64    /* connections that are not open yet, in all */
#define PORTER_UNFINISHED_OF_ONE 32 /* from one address */
#define PORTER_LINKS_MAX 1024
#define PORTER_TARGETS_MAX 256
/* What waits on one side stops the reading of the other. */
#define PORTER_QUEUE_HIGH (1u << 20)
#define PORTER_DIR_ROOM 4200
#define PORTER_DAY_US INT64_C(86400000000)

struct porter;
struct porter_peer;
struct porter_target;
struct porter_listen;
struct porter_est;
struct porter_renew;
struct porter_crls;

/* What a role may do here. */
struct porter_kind {
        const char *role;
        bool listens;
        enum settings_key port;
        const char *const *takes; /* roles that may connect to it; NULL-terminated */
        bool issues;              /* EST */
        bool shows;               /* a page, whose certificate it asks for */
};

/* One connection. */
struct porter_conn {
        struct porter *porter;
        struct porter_conn *next, **at;
        struct role_conn *conn;
        struct porter_target *target; /* of one that we made, until it is a peer's */
        struct porter_peer *peer;     /* once it is one's */
        bool accepted, open, held;
        bool done;                           /* nothing that comes on it counts any more */
        uint8_t from[NETWORK_ADDRESS_BYTES]; /* of an accepted one */
        int64_t request;                     /* the EST request that it waits for; 0: none */
        struct timer deadline;               /* once it was moved away from */
};

struct porter {
        struct loop *loop;
        struct stream_shared *shared;
        struct settings settings;
        const struct porter_kind *kind;
        char state[4096], dir[4200];  /* dir: of the node's files */
        int port_fd, manager_port_fd; /* -1: none */
        struct chan *role;
        int64_t last_request; /* of ours to the role */

        struct node_identity identity;
        char uri[TLS_ROLE_URI_ROOM];
        struct tls_role_config *config;

        struct porter_listen *listen; /* NULL where the role does not */
        struct porter_conn *links;
        unsigned links_n, unfinished_n;
        struct porter_peer *peers;
        struct porter_target *targets;
        struct porter_renew *renew;
        struct porter_renew *web; /* NULL where the role shows no page */
        struct porter_web {
                bool known;
                struct x509_web cert;
                uint8_t root[32]; /* SHA-256; zeros: none is known */
        } page;
        struct porter_crls *crls; /* being stored */
        bool ending;
        struct timer tick;
        int64_t told_refusal_us, rechecked_us; /* boot clock */
        unsigned cut;                          /* links ended for their certificate, ever */
};

/* porter.c */
/* To the role; a full channel ends the porter, whose links then come again. Takes body. */
void porter_tell(struct porter *p, const char *type, json_t *body);
void porter_answer(struct porter *p, int64_t id, json_t *body);
void porter_fail(struct porter *p, int64_t id, const struct err *why, const char *remedy);
/* A request of ours; *ret_id names its answer, for which porter_answered looks in all parts. */
int porter_ask(
        struct porter *p, const char *type, json_t *body, int64_t *ret_id, struct err *e) MUST_USE;

/* porter_listen.c */
/* Listens on loopback; a port that is taken is tried again. */
struct porter_listen *porter_listen_new(struct porter *p);
struct porter_listen *porter_listen_free(struct porter_listen *n);
/* On all addresses (or link_address), or on loopback alone. ERR_UNAVAILABLE: as before. */
int porter_listen_network(
        struct porter_listen *n, bool network, uint16_t *ret_port, struct err *e) MUST_USE;

/* porter_conn.c */
/* Both take fd. */
int porter_conn_accept(struct porter *p, int fd, const uint8_t from[static NETWORK_ADDRESS_BYTES],
        struct err *e) MUST_USE;
int porter_conn_connect(struct porter_target *t, int fd, struct err *e) MUST_USE;
struct porter_conn *porter_conn_free(struct porter_conn *l);
/* It is not read while held. */
void porter_conn_hold(struct porter_conn *l, bool held);
/* What comes on it counts no more; the other side ends it, or it ends by itself soon. It is
 * nobody's from now on. */
void porter_conn_leave(struct porter_conn *l);
/* The same, and says so (a status of RFC 6455 section 7.4.1). */
void porter_conn_close(struct porter_conn *l, uint16_t status, const char *reason);
void porter_conn_free_all(struct porter *p);

/* porter_peer.c */
/* l is open: the first link of a peer, the next one of it, or a second one, which ends the first.
 */
void porter_peer_opened(struct porter_conn *l);
int porter_peer_received(
        struct porter_conn *l, bool text, struct bytes message, struct err *e) MUST_USE;
void porter_peer_drained(struct porter_conn *l);
void porter_peer_lost(struct porter_conn *l, const struct err *why);
/* Says why to the other side. */
void porter_peer_end(struct porter_peer *peer, const char *why);
void porter_peer_free_all(struct porter *p);
/* Once a second: rekeying, moving. */
void porter_peer_tick(struct porter *p);
/* By the certificates and lists of now. */
void porter_peer_recheck(struct porter *p);
/* Of one peer (role NULL: of all): new keys, or a new connection. Returns how many. */
unsigned porter_peer_rekey(struct porter *p, const char *role, const char *name, bool handshake);
/* The connection to move to could not be made. */
void porter_peer_not_moved(struct porter_peer *peer, const struct err *why);
json_t *porter_peer_list(struct porter *p, json_t *to);

/* porter_dial.c */
struct porter_target {
        struct porter *porter;
        struct porter_target *next;
        char role[16], name[TLS_ROLE_NAME_ROOM], host[256];
        uint16_t port; /* 0: where this host's manager says */
        struct connect_attempt *attempt;
        struct porter_conn *link; /* on its way to be open */
        struct porter_peer *peer; /* open */
        struct timer again;
        unsigned tries;
        bool refused; /* by TLS, on either side */
        bool said;    /* the last failure, in the log */
        struct err last;
};
int porter_dial_set(struct porter *p, const char *role, const char *name, const char *host,
        uint16_t port, struct err *e) MUST_USE;
int porter_dial_remove(
        struct porter *p, const char *role, const char *name, struct err *e) MUST_USE;
/* A further connection, for the peer to move to. */
void porter_dial_further(struct porter_target *t);
void porter_dial_opened(struct porter_target *t, struct porter_peer *peer);
/* The link that was being opened failed. */
void porter_dial_failed(struct porter_target *t, const struct err *why);
/* Its peer is gone. */
void porter_dial_lost(struct porter_target *t, const struct err *why);
void porter_dial_free_all(struct porter *p);
/* This node's manager. */
const char *porter_dial_host(const struct porter *p);
/* Where to connect to: its port, or the manager's of this host. ERR_UNAVAILABLE: not known yet. */
int porter_dial_port(struct porter *p, uint16_t port, uint16_t *ret, struct err *e) MUST_USE;

/* porter_est.c */
void porter_est_requested(struct porter_conn *l, const struct http_request *r);
/* The role's answer, where id is an EST request's. */
bool porter_est_answered(struct porter *p, const struct link_message *m);

/* porter_identity.c */
int porter_identity_open(struct porter *p, struct err *e) MUST_USE;
void porter_identity_done(struct porter *p);
/* To connect as somebody without a certificate, who verifies the other side as this node would. */
int porter_identity_stranger(
        const struct porter *p, struct tls_role_config **ret, struct err *e) MUST_USE;
/* Into force at once; id is answered when it is stored. */
void porter_identity_revoked(struct porter *p, int64_t id, const char *pem);
/* n is this node from now on: taken, unless it fails. */
int porter_identity_replace(struct porter *p, struct node_identity *n, struct err *e) MUST_USE;

/* porter_renew.c */
struct porter_renew_store;
struct porter_renew_kind {
        const char *name, *path; /* of logs; of EST */
        /* Of the certificate there is; zeros: none. */
        void (*life)(const struct porter *p, int64_t *ret_from_us, int64_t *ret_until_us);
        void (*dir)(const struct porter *p, char to[static PORTER_DIR_ROOM]);
        /* certs, DER, are an answer to the request of key. */
        int (*check)(const struct porter *p, const struct sign_key *key, const struct bytes *certs,
                unsigned n, struct err *e);
        int (*write)(struct porter_renew_store *s, struct err *e); /* in the pool */
        /* Back on the loop; p NULL: it was given up meanwhile. */
        int (*written)(struct porter_renew_store *s, struct porter *p, struct err *e);
};
/* On its way to the disk. */
struct porter_renew_store {
        struct porter_renew *renew; /* NULL: given up */
        const struct porter_renew_kind *kind;
        uv_work_t work;
        char dir[PORTER_DIR_ROOM];
        struct sign_key *key;
        unsigned certs_n;
        struct buf certs[X509_PKCS7_CERTS_MAX];
        struct buf issuer;          /* of this node's certificate */
        struct node_identity fresh; /* of a node's own, read back */
        struct porter_web page;     /* of a page's, likewise */
        int result;
        struct err why;
};
extern const struct porter_renew_kind porter_renew_node, porter_renew_web;
struct porter_renew *porter_renew_new(struct porter *p, const struct porter_renew_kind *kind);
/* Now, where it is due (after a failure it would wait), or at_any_rate. */
void porter_renew_want(struct porter_renew *r, bool at_any_rate);
struct porter_renew *porter_renew_free(struct porter_renew *r);
bool porter_renew_answered(struct porter *p, const struct link_message *m);
/* When it is tried next, and what went wrong the last time ("" where nothing did). */
int64_t porter_renew_next_us(const struct porter_renew *r);
const char *porter_renew_error(const struct porter_renew *r);

/* porter_web.c */
/* Before the sandbox: where the page's files lie. */
int porter_web_open(struct porter *p, char ret_dir[static PORTER_DIR_ROOM], struct err *e) MUST_USE;
/* What it has to be, as the manager said: names, root, again. */
int porter_web_wanted(struct porter *p, const json_t *body, struct err *e) MUST_USE;

/* porter_status.c */
/* A connection that was not taken; told once a second at most. address: as text, with or without
 * its port. */
void porter_status_refused(struct porter *p, const char *address, const struct err *why);
/* The other side does not let this node in (any more). */
void porter_status_not_let_in(const struct porter_target *t);
json_t *porter_status_links(struct porter *p);
json_t *porter_status_certificate(struct porter *p);

#endif
