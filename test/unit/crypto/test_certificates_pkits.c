/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NIST's Public Key Interoperability Test Suite (version 1.0.1, 2011), with its revocation lists.
 * A test's certificate is judged with the issuers above it, found by name, and their lists. The
 * verdicts are the document's for initial-policy-set any-policy and no explicit policy: its file
 * names begin with Valid or Invalid, and the few that do not are listed here.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "certificate_suite.c"

#define NOW INT64_C(1325376000000000) /* 2012-01-01, within the suite's 2010 to 2030 */
#define CERTS_MAX 600

static const struct {
        const char *name;
        bool accept;
} others[] = {
        { "AllCertificatesNoPoliciesTest2EE.crt", true }, /* 4.8.2 */
        { "AllCertificatesSamePoliciesTest10EE.crt", true },
        { "AllCertificatesSamePoliciesTest13EE.crt", true },
        { "AllCertificatesanyPolicyTest11EE.crt", true },
        { "AnyPolicyTest14EE.crt", true },
        { "CPSPointerQualifierTest20EE.crt", true }, /* 4.8.20 */
        { "DifferentPoliciesTest3EE.crt", true }, /* valid unless an explicit policy is asked for */
        { "DifferentPoliciesTest4EE.crt", false }, /* 4.8.4: one is, in the certificates */
        { "DifferentPoliciesTest5EE.crt", false },
        { "DifferentPoliciesTest7EE.crt", false },
        { "DifferentPoliciesTest8EE.crt", false },
        { "DifferentPoliciesTest9EE.crt", false },
        { "DifferentPoliciesTest12EE.crt", false },
        { "OverlappingPoliciesTest6EE.crt", true },
        { "UserNoticeQualifierTest15EE.crt", true },
        { "UserNoticeQualifierTest16EE.crt", true },
        { "UserNoticeQualifierTest17EE.crt", true },
        { "UserNoticeQualifierTest18EE.crt", true },
        { "UserNoticeQualifierTest19EE.crt", true },
};

struct item {
        char path[500];
        X509 *cert;
        X509_CRL *list;
};

static struct item certs[CERTS_MAX], lists[CERTS_MAX];
static unsigned n_certs, n_lists;

static void *decode(const char *path, bool list)
{
        BIO *in = BIO_new_file(path, "rb");
        void *v = list ? (void *)d2i_X509_CRL_bio(in, NULL) : (void *)d2i_X509_bio(in, NULL);

        BIO_free(in);
        ERR_clear_error();
        return v;
}

/* Those that OpenSSL cannot decode stay out: nobody can be found by them. */
static void load(const char *folder, const char *sub, struct item *to, unsigned *n, bool list)
{
        char path[450];

        snprintf(path, sizeof path, "%s/%s", folder, sub);
        DIR *d = opendir(path);
        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
                if (entry->d_name[0] == '.')
                        continue;
                assert_true(*n < CERTS_MAX);
                struct item *x = &to[*n];
                snprintf(x->path, sizeof x->path, "%.300s/%.190s", path, entry->d_name);
                if (list)
                        x->list = decode(x->path, true);
                else
                        x->cert = decode(x->path, false);
                *n += x->list || x->cert;
        }
        closedir(d);
}

static bool is_ee(const char *path)
{
        size_t n = strlen(path);

        return n > 6 && strcmp(path + n - 6, "EE.crt") == 0;
}

static bool is_root(const struct item *x)
{
        return strstr(x->path, "/TrustAnchorRoot") != NULL;
}

/* Issuers of that name, root first, each behind its own; and the lists of that name. */
static void above(struct certificate_case *c, const X509_NAME *name, bool *used, unsigned depth)
{
        assert_true(depth < 20);
        for (unsigned i = 0; i < n_certs; i++) {
                struct item *x = &certs[i];
                if (used[i] || is_ee(x->path) || is_root(x) ||
                        X509_NAME_cmp(X509_get_subject_name(x->cert), name) != 0)
                        continue;
                used[i] = true;
                above(c, X509_get_issuer_name(x->cert), used, depth + 1);
                certificate_add_file(&c->sent, x->path, "CERTIFICATE");
                certificate_add_file(&c->crls, x->path, "CERTIFICATE");
        }
        for (unsigned i = 0; i < n_lists; i++) {
                if (used[CERTS_MAX + i] ||
                        X509_NAME_cmp(X509_CRL_get_issuer(lists[i].list), name) != 0)
                        continue;
                used[CERTS_MAX + i] = true;
                certificate_add_file(&c->crls, lists[i].path, "X509 CRL");
        }
}

/* An indirect list's issuer is named in the certificate only. */
static void named_lists(struct certificate_case *c, X509 *leaf, bool *used)
{
        CRL_DIST_POINTS *points = X509_get_ext_d2i(leaf, NID_crl_distribution_points, NULL, NULL);

        for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
                GENERAL_NAMES *by = sk_DIST_POINT_value(points, i)->CRLissuer;
                for (int j = 0; by && j < sk_GENERAL_NAME_num(by); j++) {
                        const GENERAL_NAME *name = sk_GENERAL_NAME_value(by, j);
                        if (name->type == GEN_DIRNAME)
                                above(c, name->d.directoryName, used, 0);
                }
        }
        CRL_DIST_POINTS_free(points);
}

static bool verdict(const char *name)
{
        for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
                if (strcmp(others[i].name, name) == 0)
                        return others[i].accept;
        }
        if (strncmp(name, "Valid", 5) != 0 && strncmp(name, "Invalid", 7) != 0)
                fail_msg("no verdict for %s", name);
        return name[0] == 'V';
}

static void try(const struct item *x, const struct item *root)
{
        static bool used[2 * CERTS_MAX];
        struct certificate_case c;
        const char *name = strrchr(x->path, '/') + 1;

        memset(used, 0, sizeof used);
        certificate_case_init(&c);
        c.id = name;
        c.accept = verdict(name);
        c.at_us = NOW;
        certificate_add_file(&c.sent, x->path, "CERTIFICATE");
        certificate_add_file(&c.roots, root->path, "CERTIFICATE");
        above(&c, X509_get_issuer_name(x->cert), used, 0);
        named_lists(&c, x->cert, used);
        if (c.crls.n > 0 && !strstr((const char *)c.crls.p, "X509 CRL"))
                buf_clear(&c.crls);
        certificate_suite_check(&c);
        certificate_case_done(&c);
}

static void pkits(void **state)
{
        const char *folder = certificate_suite_open("pkits");
        const struct item *root = NULL;

        (void)state;
        if (!folder)
                skip();
        load(folder, "certs", certs, &n_certs, false);
        load(folder, "crls", lists, &n_lists, true);
        for (unsigned i = 0; i < n_certs; i++) {
                if (is_root(&certs[i]))
                        root = &certs[i];
        }
        assert_non_null(root);
        for (unsigned i = 0; i < n_certs; i++) {
                if (is_ee(certs[i].path))
                        try(&certs[i], root);
        }
        for (unsigned i = 0; i < n_certs; i++)
                X509_free(certs[i].cert);
        for (unsigned i = 0; i < n_lists; i++)
                X509_CRL_free(lists[i].list);
        certificate_suite_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(pkits) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
