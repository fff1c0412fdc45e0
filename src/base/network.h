/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Networks as people write them (RFC 4632: 192.0.2.0/24, 2001:db8::/32, an address alone). IPv4 is
 * kept as what it is within IPv6 (::ffff:192.0.2.0/120, RFC 4291 section 2.5.5.2), so that an
 * address has one form however it came.
 */
#ifndef CUSTOS_BASE_NETWORK_H
#define CUSTOS_BASE_NETWORK_H

#include "base/bytes.h"
#include "base/err.h"

#define NETWORK_ADDRESS_BYTES 16
#define NETWORK_LIST_MAX 16

struct network {
        uint8_t address[NETWORK_ADDRESS_BYTES];
        uint8_t bits; /* 0..128 */
};

struct network_list {
        struct network networks[NETWORK_LIST_MAX];
        unsigned n;
};

/* An address of its own, IPv4 or IPv6, without zone or brackets. */
int network_address_parse(
        const char *text, uint8_t ret[static NETWORK_ADDRESS_BYTES], struct err *e) MUST_USE;
#define NETWORK_ADDRESS_ROOM 46
/* Its one text (RFC 5952). Returns to. */
char *network_address_format(
        const uint8_t address[static NETWORK_ADDRESS_BYTES], char to[static NETWORK_ADDRESS_ROOM]);
/* Separated by commas or spaces; empty: none. Bits behind the prefix are refused: they are a typing
 * error. */
int network_list_parse(const char *text, struct network_list *ret, struct err *e) MUST_USE;
bool network_has(const struct network *n, const uint8_t address[static NETWORK_ADDRESS_BYTES]);
bool network_list_has(
        const struct network_list *l, const uint8_t address[static NETWORK_ADDRESS_BYTES]);

#endif
