/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The register of what the site's issuers made: a certificate that is not in it was not made here.
 * Decisions only: no file, no clock, no key (site_ca.h has those). Kept as JSON, version 2:
 *     { "version": 2,
 *       "lists": { "nodes": { "number": 3, "crl": "<PEM>" }, "cameras": ..., "web": ... },
 *       "issued": [ { "issuer": "cameras", "subject": "lobby-3", "serial": "<hex>", "key":
 *         "<64 hex>", "from": "<time>", "until": "<time>", "revoked": "<time>" or null }, ... ] }
 * "number" and "crl" are of each issuer's newest list of what is revoked; seals have none
 * (docs/design/certificates.md). Version 1, of cameras' certificates alone, is read too, and
 * written on as version 2.
 *
 * What has expired leaves the register, so that it does not grow; what was revoked stays, so that
 * its key gets no certificate again.
 */
#ifndef CUSTOS_TRUST_ISSUED_H
#define CUSTOS_TRUST_ISSUED_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/x509_crl.h"

#define ISSUED_MAX 16384
/* Good at once of one node, page or recorder's seals, which ask for themselves: two are usual, and
 * whoever holds a node is not to fill the register for all. */
#define ISSUED_OF_ONE_MAX 64
#define ISSUED_FILE_MAX (8u << 20)
#define ISSUED_CRL_MAX (40u << 10) /* PEM; what travels with each assignment of a stream */
#define ISSUED_SUBJECT_ROOM 96
/* A peer's clock may be behind: so long what has expired stays in the register and in a list. */
#define ISSUED_AFTER_US (INT64_C(24) * 3600 * 1000000)
/* A node's newest stays longer: by its key it may ask for another (late_renewal.h). */
#define ISSUED_LATE_US (90 * ISSUED_AFTER_US)

enum issued_issuer { ISSUED_NODES, ISSUED_CAMERAS, ISSUED_WEB, ISSUED_SEALS, ISSUED_ISSUERS };
#define ISSUED_LISTS ISSUED_SEALS /* those before it have a list of what is revoked */

struct issued_certificate {
        enum issued_issuer issuer;
        /* A camera's (device's) or page's name; "ROLE/NAME" of a node, and of a recorder's seals;
         * "manager/NAME/grants". Neither quotes nor blanks. */
        char subject[ISSUED_SUBJECT_ROOM];
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t serial_n;
        uint8_t key[32]; /* SHA-256 of the SubjectPublicKeyInfo */
        int64_t from_us, until_us;
        int64_t revoked_us; /* 0: not */
};

struct issued {
        struct issued_certificate *certificates; /* in the order in which they were made */
        size_t n, room;
        struct issued_list {
                uint64_t number; /* of the newest; 0: none was made */
                struct buf crl;  /* PEM; empty */
        } lists[ISSUED_LISTS];
};

void issued_init(struct issued *r);
void issued_done(struct issued *r);
/* Into r, which was just initialised. */
int issued_parse(struct bytes json, struct issued *r, struct err *e) MUST_USE;
/* Appends. */
int issued_format(const struct issued *r, struct buf *out, struct err *e) MUST_USE;
/* "nodes", "cameras", "web", "seals". */
const char *issued_issuer_name(enum issued_issuer issuer);

/* Forgets what expired more than ISSUED_AFTER_US ago and was not revoked; the newest of a node
 * after ISSUED_LATE_US. */
void issued_prune(struct issued *r, int64_t now_us);
/* ERR_DENIED where the key is another's, or was revoked. The same subject may have it again: an
 * answer may have been lost. */
int issued_allows_key(const struct issued *r, enum issued_issuer issuer, const char *subject,
        const uint8_t key[static 32], int64_t now_us, struct err *e) MUST_USE;
/* Where there is no room, the revoked one that expired longest ago makes some. ERR_EXHAUSTED. */
int issued_add(struct issued *r, const struct issued_certificate *c, int64_t now_us,
        struct err *e) MUST_USE;
/* Takes the newest back: its certificate was not handed out. */
void issued_drop_last(struct issued *r);
/* All that this issuer made for the subject, or below it ("SUBJECT/..."), and that are good;
 * returns how many. */
unsigned issued_revoke(
        struct issued *r, enum issued_issuer issuer, const char *subject, int64_t now_us);
/* All that are good and have this key: one subject's. */
unsigned issued_revoke_key(struct issued *r, const uint8_t key[static 32], int64_t now_us);
/* The newest of this issuer for exactly this subject, or NULL. */
const struct issued_certificate *issued_newest(
        const struct issued *r, enum issued_issuer issuer, const char *subject);
/* The one with this serial number, or NULL. */
const struct issued_certificate *issued_find(const struct issued *r, struct bytes serial);
/* What issued_revoke at that very time did was not made durable: as if it had not been asked. */
void issued_revoke_undo(
        struct issued *r, enum issued_issuer issuer, const char *subject, int64_t now_us);
bool issued_key_is_revoked(const struct issued *r, const uint8_t key[static 32]);
/* Belongs into its issuer's list. */
bool issued_is_listed(const struct issued_certificate *c, int64_t now_us);

#endif
