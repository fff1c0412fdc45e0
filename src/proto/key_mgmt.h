/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MIKEY in text (RFC 4567): the base64 of `a=key-mgmt:mikey ...` in a description, and the header
 *
 *     KeyMgmt: prot=mikey;uri="rtsps://...";data="AQAF..."
 *
 * with which the client of a SETUP names keys of its own (ONVIF streaming specification, "Stream
 * Initialization"). A server that does not take them answers 463 Key Management Failure. What goes
 * in and out is a secret, as in proto/mikey.h.
 */
#ifndef CUSTOS_PROTO_KEY_MGMT_H
#define CUSTOS_PROTO_KEY_MGMT_H

#include "proto/mikey.h"

#define KEY_MGMT_URI_MAX 1024

/* The base64 alone. As mikey_parse; ERR_PROTOCOL where it is no base64 or too long. */
int key_mgmt_decode(struct bytes base64, struct mikey *ret, struct err *e) MUST_USE;
/* Appends the base64 alone. As mikey_format. */
int key_mgmt_encode(const struct mikey *m, uint64_t ntp,
        const uint8_t random[static MIKEY_RAND_BYTES], struct buf *out, struct err *e) MUST_USE;

/* The value of a KeyMgmt header: the first of its parts with prot=mikey. *ret_uri (may be NULL) is
 * borrowed from value. ERR_NOT_FOUND: only other protocols. */
int key_mgmt_parse(
        struct bytes value, struct bytes *ret_uri, struct mikey *ret, struct err *e) MUST_USE;
/* Appends such a value. */
int key_mgmt_format(const struct mikey *m, uint64_t ntp,
        const uint8_t random[static MIKEY_RAND_BYTES], const char *uri, struct buf *out,
        struct err *e) MUST_USE;

#endif
