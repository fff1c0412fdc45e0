/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The register of what the site's camera issuer made: a certificate that is not in it was not made
 * here. Decisions only: no file, no clock, no key (site_ca.h has those). Kept as JSON, version 1:
 *     { "version": 1, "number": 3, "crl": "<PEM>", "issued": [ { "serial": "<hex>", "camera":
 *       "lobby-3", "key": "<64 hex>", "issued": "<time>", "until": "<time>",
 *       "revoked": "<time>" or null }, ... ] }
 * "number" and "crl" are of the newest list of what is revoked.
 */
#ifndef CUSTOS_TRUST_ISSUED_H
#define CUSTOS_TRUST_ISSUED_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/x509_crl.h"

#define ISSUED_MAX 16384
#define ISSUED_FILE_MAX (8u << 20)
#define ISSUED_CRL_MAX (40u << 10) /* PEM; what travels with each assignment of a stream */

struct issued_certificate {
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t serial_n;
        char camera[64];
        uint8_t key[32]; /* SHA-256 of the SubjectPublicKeyInfo */
        int64_t issued_us, until_us;
        int64_t revoked_us; /* 0: not */
};

struct issued {
        struct issued_certificate *certificates;
        size_t n, room;
        uint64_t number; /* of the newest list; 0: none was made */
        struct buf crl;  /* PEM; empty */
};

void issued_init(struct issued *r);
void issued_done(struct issued *r);
/* Into r, which was just initialised. */
int issued_parse(struct bytes json, struct issued *r, struct err *e) MUST_USE;
/* Appends. Certificates that expired before now are left out: nothing takes them any more. */
int issued_format(const struct issued *r, int64_t now_us, struct buf *out, struct err *e) MUST_USE;

/* ERR_DENIED where the key is another camera's, or was revoked. */
int issued_allows_key(const struct issued *r, const char *camera, const uint8_t key[static 32],
        int64_t now_us, struct err *e) MUST_USE;
int issued_add(struct issued *r, const struct issued_certificate *c, struct err *e) MUST_USE;
/* Takes the newest back: its certificate was not handed out. */
void issued_drop_last(struct issued *r);
/* All that the camera has and that are good; returns how many. */
unsigned issued_revoke(struct issued *r, const char *camera, int64_t now_us);
/* What issued_revoke at that very time did was not made durable: as if it had not been asked. */
void issued_revoke_undo(struct issued *r, const char *camera, int64_t now_us);
bool issued_key_is_revoked(const struct issued *r, const uint8_t key[static 32]);

#endif
