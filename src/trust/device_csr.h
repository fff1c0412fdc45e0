/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * May the request of a device of somebody else's making be signed, for these names? Asked by the
 * manager, which decides, and by the command line before it sends anything. Pure; which keys are
 * known already is not asked here.
 */
#ifndef CUSTOS_TRUST_DEVICE_CSR_H
#define CUSTOS_TRUST_DEVICE_CSR_H

#include "crypto/x509_csr.h"

/* The names that an administrator gives; borrowed, each NULL-terminated. */
struct device_csr_names {
        const char *dns[X509_NAMES_MAX + 1], *ip[X509_NAMES_MAX + 1];
};

/*
 * csr is one that x509_csr_read took. ERR_INVALID, with the reason: it asks to be a CA, it asks for
 * a wildcard or one is given, no name is given, or what is given is none.
 */
int device_csr_check(
        const struct x509_csr *csr, const struct device_csr_names *names, struct err *e) MUST_USE;
/* The names and addresses that it asks for, which live as long as csr. */
void device_csr_asked(const struct x509_csr *csr, struct device_csr_names *ret);
/* How many of the names that it asks for are not among those given, and the first few of them as
 * one line for people ("DNS a.example, IP 192.0.2.1, 2 others"). */
unsigned device_csr_left_out(
        const struct x509_csr *csr, const struct device_csr_names *names, char *to, size_t room);

#endif
