/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can go wrong between a camera and its footage and with the disks that keep it, one row a
 * kind: a stable name for programs, what it means and what to do about it, for people. An error
 * (err.h) names its row by err_fault; status, log, API, `custos errors` and docs/errors.md read the
 * same table, and a test walks it and causes each.
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
        FAULT_TEST_BUSY,
        FAULT_TEST_TIMEOUT,
        /* TLS: in the order of crypto/tls.h */
        FAULT_NOT_TLS,
        FAULT_TLS_VERSION,
        FAULT_NO_CIPHER,
        FAULT_SELF_SIGNED,
        FAULT_UNKNOWN_ISSUER,
        FAULT_EXPIRED,
        FAULT_NOT_YET_VALID,
        FAULT_WRONG_NAME,
        FAULT_WRONG_ROLE,
        FAULT_WRONG_PURPOSE,
        FAULT_WEAK_KEY,
        FAULT_REVOKED,
        FAULT_PIN_MISMATCH,
        FAULT_BAD_SIGNATURE,
        FAULT_MALFORMED_CERTIFICATE,
        FAULT_CERTIFICATE_REFUSED,
        FAULT_TLS_PROTOCOL,
        /* policy: what is not taken from a camera though it would work */
        FAULT_WRONG_SCHEME,
        FAULT_REDIRECT,
        FAULT_OTHER_PLACE,
        FAULT_MEDIA_OUTSIDE_TLS,
        FAULT_TUNNEL_KEYS,
        FAULT_SRTP_KEYS_IN_CLEAR,
        FAULT_DOWNGRADE,
        FAULT_DUPLICATE_KEY,
        /* authentication */
        FAULT_NO_CREDENTIALS,
        FAULT_WRONG_PASSWORD,
        FAULT_WEAKER_AUTH,
        FAULT_BASIC_ONLY,
        FAULT_UNKNOWN_AUTH,
        FAULT_FORBIDDEN,
        /* RTSP and HTTP */
        FAULT_CONNECTION_CLOSED,
        FAULT_NO_ANSWER,
        FAULT_DOES_NOT_READ,
        FAULT_BAD_ANSWER,
        FAULT_REQUEST_REFUSED,
        FAULT_NO_SUCH_STREAM,
        FAULT_CAMERA_BUSY,
        FAULT_SESSION_ENDED,
        FAULT_NO_TUNNEL,
        /* description and tracks */
        FAULT_BAD_DESCRIPTION,
        FAULT_NOTHING_RECORDABLE,
        FAULT_SETUP_REFUSED,
        FAULT_SRTP_KEYS,
        FAULT_SRTP_REFUSED,
        /* media */
        FAULT_REPEATED_FOOTAGE, /* an alarm: recording goes on */
        FAULT_TIME_WENT_BACK,   /* likewise */
        FAULT_TOO_MUCH_DATA,
        FAULT_NO_PICTURE,
        FAULT_NO_KEY_FRAME,
        FAULT_SRTP_UNAUTHENTICATED,
        FAULT_TRACK_ENDED,
        FAULT_NOT_A_PICTURE,
        FAULT_OVERLOAD, /* an alarm */
        /* storage: states of a volume, and what follows from them */
        FAULT_VOLUME_MISSING,
        FAULT_VOLUME_FOREIGN,
        FAULT_VOLUME_SWAPPED,
        FAULT_VOLUME_STALE,
        FAULT_VOLUME_DENIED,
        FAULT_VOLUME_READ_ONLY,
        FAULT_VOLUME_IO_ERROR,
        FAULT_VOLUME_SLOW,
        FAULT_VOLUME_FULL,
        FAULT_VOLUME_DAMAGED, /* an alarm */
        FAULT_BELOW_MINIMUM,  /* an alarm */
        FAULT_NO_STORAGE,
        /* enrolment */
        FAULT_OTHER_SITE,
        FAULT_CODE_REFUSED,
        FAULT_BAD_ENROLMENT,
        FAULT_ALREADY_ENROLLED,
        FAULT_OTHER_MANAGER,
        /* the web page's certificate */
        FAULT_WEB_CERTIFICATE,
        FAULT_WEB_NAME,
        /* time */
        FAULT_CLOCK_NOT_SYNCHRONIZED, /* an alarm */
        FAULT_CLOCK_STEPPED,          /* an alarm */
        /* grants: why nothing is shown; recording goes on */
        FAULT_GRANT_REFUSED,
        FAULT_GRANT_EXPIRED,
        FAULT_NOT_GRANTED,
        FAULT_GRANT_NOT_LOGGED,
        /* people */
        FAULT_NOT_SIGNED_IN,
        FAULT_WRONG_SIGN_IN,
        FAULT_TOO_MANY_TRIES,
        FAULT_SIGN_IN_BUSY,
        FAULT_NOT_ALLOWED,
        FAULT_WEAK_PASSWORD,
        FAULT_LAST_ADMINISTRATOR,
        FAULT_SETUP_DONE,
        FAULT_SETUP_CODE,
        FAULT_SETUP_NOT_HERE,
        /* pictures for people */
        FAULT_TRANSCODERS,
        FAULT_TRANSCODER_FAILED,
        FAULT_NOTHING_RECORDED,
        FAULTS, /* how many there are; no fault */
};

/* All static strings; for FAULT_NONE empty ones. */
const char *fault_name(enum fault f);    /* "self-signed", "name-not-found", ... stable */
const char *fault_text(enum fault f);    /* one sentence: what was found */
const char *fault_remedy(enum fault f);  /* what to do about it */
enum fault fault_find(const char *name); /* FAULT_NONE: none of that name */
bool fault_is_tls(enum fault f);         /* the peer was refused by TLS (crypto/tls.h) */

#endif
