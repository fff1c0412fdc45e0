/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of site_ca (site_ca.c: the directory; site_ca_issue.c: what is issued and taken
 * back) share. For these alone. */
#ifndef CUSTOS_TRUST_SITE_CA_PARTS_H
#define CUSTOS_TRUST_SITE_CA_PARTS_H

#include "crypto/tpm.h"
#include "trust/site_ca.h"

#define SITE_CA_HOUR_US (INT64_C(3600) * 1000000)

struct site_ca {
        char site[SITE_CA_NAME_MAX + 1];
        struct buf root;
        struct buf web_root; /* empty: the web issuer hangs from root, as in older sites */
        struct buf certs[SITE_CA_ISSUERS];
        struct sign_key *keys[SITE_CA_ISSUERS];
        uint8_t fingerprint[32];
        char *dir;
        struct issued issued;
        bool in_tpm;
        struct tpm *tpm;    /* NULL: it cannot be used, and tpm_why says why */
        struct err tpm_why; /* code 0: it can */
};

/* The register to its file, durably. */
int site_ca_write_issued(struct site_ca *ca, struct err *e) MUST_USE;

#endif
