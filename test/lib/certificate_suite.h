/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Public suites of certificates, judged by the function that camera links use (tls_verify_certs).
 * Each case has the suite's verdict; where ours differs, test/data/certificates/differences.txt
 * must say so and why, and what it says must be so: else the test fails. What we take into account
 * besides: docs/design/certificates.md. Include the .c.
 */
#ifndef CUSTOS_TEST_CERTIFICATE_SUITE_H
#define CUSTOS_TEST_CERTIFICATE_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct certificate_case {
        const char *id;               /* within the suite; no spaces */
        bool accept;                  /* the suite's verdict */
        struct buf sent, roots, crls; /* PEM; sent has the leaf first */
        const char *host;             /* NULL: the suite asks for no name */
        int64_t at_us;
        int depth; /* issuers between leaf and root at most; -1: ours */
};

void certificate_case_init(struct certificate_case *c);
void certificate_case_done(struct certificate_case *c);
/* Appends a file as it is; from DER as PEM of this label where label is not NULL. */
void certificate_add_file(struct buf *to, const char *path, const char *label);

/* Where the suite lies, or NULL: the test is to be skipped. Static. */
const char *certificate_suite_open(const char *name);
/* Judges the case and compares. */
void certificate_suite_check(struct certificate_case *c);
/* As certificate_suite_check, with our verdict found elsewhere: "ok" is acceptance. */
void certificate_suite_record(const char *id, bool accept, const char *ours);
/* Fails where a difference was not listed or a listed one was not met; says how many there were. */
void certificate_suite_close(void);

#endif
