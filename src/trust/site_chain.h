/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the certificates of a site say of themselves, for whoever holds no more of it than them: the
 * root carries the site's name, "CN=SITE root", and each issuer its purpose, "CN=SITE nodes". All
 * of it is the root's word: whether that is the right root is the caller's to know. Pure.
 */
#ifndef CUSTOS_TRUST_SITE_CHAIN_H
#define CUSTOS_TRUST_SITE_CHAIN_H

#include "base/bytes.h"
#include "base/err.h"
#include "trust/site_ca.h"

/* The name of the site whose root this is. ERR_AUTH where it is none. */
int site_chain_name(
        struct bytes root_der, char ret[static SITE_CA_NAME_MAX + 1], struct err *e) MUST_USE;
/* The certificate is that site's issuer for this purpose, signed by its root. ERR_AUTH. */
int site_chain_check_issuer(struct bytes issuer_der, enum site_ca_issuer which,
        struct bytes root_der, struct err *e) MUST_USE;

#endif
