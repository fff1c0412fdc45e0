/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors as values. A function that can fail returns 0 (or a count) or a negative enum err_code and
 * takes a struct err last, the caller's stack memory, which may be NULL. Outputs stay untouched on
 * failure. Only ingest/, role folders and main log; everything below returns.
 *
 * The text says what was wrong and where; where a person can mend it, what to do. Never a secret.
 */
#ifndef CUSTOS_BASE_ERR_H
#define CUSTOS_BASE_ERR_H

#include "base/fault.h"
#include "base/own.h"

enum err_code {
        ERR_INVALID = -1,  /* the caller's or the user's input */
        ERR_PROTOCOL = -2, /* a peer broke its protocol */
        ERR_CORRUPT = -3,  /* stored bytes are not what was written */
        ERR_AUTH = -4,     /* who the other side is was not proved */
        ERR_DENIED = -5,   /* known, and not allowed */
        ERR_NOT_FOUND = -6,
        ERR_TIMEOUT = -7,
        ERR_UNAVAILABLE = -8, /* may work later */
        ERR_EXHAUSTED = -9,   /* a maximum was reached */
        ERR_IO = -10,
        ERR_CANCELLED = -11,
        ERR_AGAIN = -12,    /* more input is needed; not a failure */
        ERR_STATE = -13,    /* not now, in this state */
        ERR_INTERNAL = -14, /* our own bug or a library's refusal */
};

#define ERR_TEXT_BYTES 400

struct err {
        int code;
        int os_errno;
        enum fault fault; /* FAULT_NONE where no row of the table fits */
        char text[ERR_TEXT_BYTES];
};

/* Fills e (when not NULL) and returns code. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
/* As err_set, naming the kind of fault. err_wrap keeps it, err_set and err_os clear it. */
int err_fault(struct err *e, int code, enum fault f, const char *fmt, ...) PRINTF(4, 5);
/* As err_set, with ": strerror(os_errno)" behind the text. */
int err_os(struct err *e, int code, int os_errno, const char *fmt, ...) PRINTF(4, 5);
/* Puts "fmt: " before the text that e has, and returns code. */
int err_wrap(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
/* "invalid", "protocol", ... for logs and JSON. */
const char *err_name(int code);

#endif
