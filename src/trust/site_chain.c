/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/site_chain.h"

#include <stdio.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_node.h"

#define SITE_CHAIN_SUBJECT_ROOM 256

int site_chain_name(struct bytes root_der, char ret[static SITE_CA_NAME_MAX + 1], struct err *e)
{
        static const char before[] = "CN=", behind[] = " root";
        char subject[SITE_CHAIN_SUBJECT_ROOM];
        int r = x509_node_check_root(root_der, e);

        if (r == 0)
                r = x509_subject(root_der, subject, sizeof subject, e);
        if (r < 0)
                return r;
        size_t n = strlen(subject), around = strlen(before) + strlen(behind);
        if (n > around && n - around <= SITE_CA_NAME_MAX &&
                strncmp(subject, before, strlen(before)) == 0 &&
                strcmp(subject + n - strlen(behind), behind) == 0) {
                subject[n - strlen(behind)] = '\0';
                if (str_is_camera(subject + strlen(before))) {
                        memcpy(ret, subject + strlen(before), n - around + 1);
                        return 0;
                }
        }
        return err_set(e, ERR_AUTH, "the certificate is not the root of a site");
}

int site_chain_check_issuer(
        struct bytes issuer_der, enum site_ca_issuer which, struct bytes root_der, struct err *e)
{
        static const char *const purposes[SITE_CA_ISSUERS] = { [SITE_CA_NODES] = "nodes",
                [SITE_CA_CAMERAS] = "cameras",
                [SITE_CA_WEB] = "web",
                [SITE_CA_SEALS] = "seals" };
        char site[SITE_CA_NAME_MAX + 1], subject[SITE_CHAIN_SUBJECT_ROOM],
                wanted[SITE_CA_NAME_MAX + 16];
        int r = site_chain_name(root_der, site, e);

        if (r == 0)
                r = x509_check_issued_by(issuer_der, root_der, e);
        if (r == 0)
                r = x509_subject(issuer_der, subject, sizeof subject, e);
        if (r < 0)
                return r;
        snprintf(wanted, sizeof wanted, "CN=%s %s", site, purposes[which]);
        return strcmp(subject, wanted) == 0
                       ? 0
                       : err_set(e, ERR_AUTH, "the certificate is not the site's issuer for %s",
                                 purposes[which]);
}
