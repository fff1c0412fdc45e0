/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words of WWW-Authenticate and Authorization values: schemes and their name=value parameters,
 * quoted or not (RFC 7235 section 2.1). For digest.c only.
 */
#ifndef CUSTOS_PROTO_AUTH_PARAMS_H
#define CUSTOS_PROTO_AUTH_PARAMS_H

#include "base/bytes.h"
#include "base/err.h"

/* Longer values are refused. */
#define AUTH_PARAMS_TEXT_ROOM 1024

enum auth_params_kind {
        AUTH_PARAMS_END,
        AUTH_PARAMS_SCHEME, /* name is the scheme */
        AUTH_PARAMS_PARAM,  /* name and value */
        AUTH_PARAMS_BAD,
};

struct auth_params {
        struct bytes rest;
        struct bytes name;
        bool quoted;
        char value[AUTH_PARAMS_TEXT_ROOM]; /* unquoted; without control characters */
};

struct auth_params auth_params_of(struct bytes value);
enum auth_params_kind auth_params_next(struct auth_params *a);
/* Without case. */
bool auth_params_is(struct bytes name, const char *text);

#endif
