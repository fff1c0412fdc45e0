/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can go wrong between a camera and its footage, one row a kind: a stable name for programs,
 * what it means and what to do about it, for people. An error (err.h) names its row by err_fault;
 * status, log, API, `custos errors` and docs/errors.md read the same table, and a test walks it and
 * causes each.
 *
 * Not here: texts with the particulars of one case (they are the error's own), faults that are our
 * bugs.
 */
#ifndef CUSTOS_BASE_FAULT_H
#define CUSTOS_BASE_FAULT_H

#include <stdbool.h>

enum fault {
        FAULT_NONE,
        /* connection */
        FAULT_NAME_NOT_FOUND,
        FAULT_CONNECTION_REFUSED,
        FAULT_NO_CONNECTION,
        FAULT_CONNECTION_TIMEOUT,
        FAULT_ADDRESS_NOT_ALLOWED,
        FAULT_NO_UDP_PORTS,
        FAULT_CONNECTOR_GONE,
        /* TLS: in the order of crypto/tls.h */
        FAULT_NOT_TLS,
        FAULT_TLS_VERSION,
        FAULT_NO_CIPHER,
        FAULT_SELF_SIGNED,
        FAULT_UNKNOWN_ISSUER,
        FAULT_EXPIRED,
        FAULT_NOT_YET_VALID,
        FAULT_WRONG_NAME,
        FAULT_WRONG_PURPOSE,
        FAULT_WEAK_KEY,
        FAULT_REVOKED,
        FAULT_PIN_MISMATCH,
        FAULT_BAD_SIGNATURE,
        FAULT_TLS_PROTOCOL,
        /* policy: what is not taken from a camera though it would work */
        FAULT_DOWNGRADE,
        FAULT_DUPLICATE_KEY,
        /* authentication */
        /* RTSP and HTTP */
        /* description and tracks */
        /* media */
        FAULTS, /* how many there are; no fault */
};

/* All static strings; for FAULT_NONE empty ones. */
const char *fault_name(enum fault f);   /* "self-signed", "name-not-found", ... stable */
const char *fault_text(enum fault f);   /* one sentence: what was found */
const char *fault_remedy(enum fault f); /* what to do about it */
bool fault_is_tls(enum fault f);        /* the peer was refused by TLS (crypto/tls.h) */

#endif
