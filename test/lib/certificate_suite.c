/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certificate_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls.h"
#include "crypto/tls_session.h"

#define CERTIFICATE_DIFFERENCES TEST_SOURCE_ROOT "/test/data/certificates/differences.txt"
#define CERTIFICATE_LISTED_MAX 600

/* One line of the table: "SUITE ID accept|refuse OURS REASON". */
struct certificate_difference {
        char id[160], theirs[8], ours[32], reason[40];
        bool met;
};

static struct {
        const char *name;
        struct certificate_difference listed[CERTIFICATE_LISTED_MAX];
        unsigned n, cases, differences, faults;
} certificate_suite;

void certificate_case_init(struct certificate_case *c)
{
        *c = (struct certificate_case){ .depth = -1 };
        buf_init(&c->sent, 4 << 20);
        buf_init(&c->roots, 4 << 20);
        buf_init(&c->crls, 4 << 20);
}

void certificate_case_done(struct certificate_case *c)
{
        buf_done(&c->sent);
        buf_done(&c->roots);
        buf_done(&c->crls);
}

void certificate_add_file(struct buf *to, const char *path, const char *label)
{
        FILE *f = fopen(path, "rb");
        uint8_t bytes[65536];
        const uint8_t *text;

        if (!f)
                fail_msg("%s is not there", path);
        size_t n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        BIO *bio = BIO_new(BIO_s_mem());
        if (label)
                PEM_write_bio(bio, label, "", bytes, (long)n);
        else
                BIO_write(bio, bytes, (int)n);
        long length = BIO_get_mem_data(bio, (void *)&text);
        assert_int_equal(buf_append(to, BYTES(text, (size_t)length), NULL), 0);
        BIO_free(bio);
}

static void certificate_suite_read(const char *name)
{
        FILE *f = fopen(CERTIFICATE_DIFFERENCES, "r");
        char line[400], suite[20], reasons[80][40];
        unsigned known = 0;

        if (!f)
                fail_msg("no " CERTIFICATE_DIFFERENCES);
        while (fgets(line, sizeof line, f)) {
                struct certificate_difference d = { 0 };
                if (line[0] == '#' || line[0] == '\n')
                        continue;
                if (sscanf(line, "reason %39[^:]:", reasons[known]) == 1) {
                        assert_true(++known < ARRAY_LEN(reasons));
                        continue;
                }
                if (sscanf(line, "%19s %159s %7s %31s %39s", suite, d.id, d.theirs, d.ours,
                            d.reason) != 5)
                        fail_msg("differences.txt: %s", line);
                unsigned i = 0;
                while (i < known && strcmp(reasons[i], d.reason) != 0)
                        i++;
                if (i == known)
                        fail_msg("differences.txt: no reason \"%s\"", d.reason);
                assert_true(certificate_suite.n < CERTIFICATE_LISTED_MAX);
                if (strcmp(suite, name) == 0)
                        certificate_suite.listed[certificate_suite.n++] = d;
        }
        fclose(f);
}

const char *certificate_suite_open(const char *name)
{
        static char path[400];
        const char *fixtures = getenv("CUSTOS_FIXTURES");
        struct stat st;

        snprintf(path, sizeof path, "%s/certs/%s",
                fixtures ? fixtures : TEST_SOURCE_ROOT "/../shared/fixtures", name);
        if (stat(path, &st) < 0) {
                print_message("skipped: %s is not there\n", path);
                return NULL;
        }
        memset(&certificate_suite, 0, sizeof certificate_suite);
        certificate_suite.name = name;
        certificate_suite_read(name);
        return path;
}

/* As OpenSSL takes the certificates out of a handshake; NULL where it would not. */
static STACK_OF(X509) * certificate_sent(const struct certificate_case *c, long max)
{
        BIO *in = BIO_new_mem_buf(c->sent.p, (int)c->sent.n);
        STACK_OF(X509) *sent = sk_X509_new_null();
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0, all = 0;
        bool good = true;

        while (good && PEM_read_bio(in, &name, &header, &der, &n) == 1) {
                const unsigned char *at = der;
                X509 *cert = strcmp(name, PEM_STRING_X509) == 0 ? d2i_X509(NULL, &at, n) : NULL;
                good = cert && at == der + n && (all += n + 3) <= max;
                if (cert)
                        sk_X509_push(sent, cert);
                OPENSSL_free(name);
                OPENSSL_free(header);
                OPENSSL_free(der);
        }
        BIO_free(in);
        ERR_clear_error();
        if (good && sk_X509_num(sent) > 0)
                return sent;
        sk_X509_pop_free(sent, X509_free);
        return NULL;
}

/* tls_refusal_name, or where the verdict came before a handshake. */
static const char *certificate_judge(struct certificate_case *c, struct err *e)
{
        CLEANUP(tls_client_config_freep) struct tls_client_config *config = NULL;
        CLEANUP(tls_freep) struct tls *t = NULL;

        e->text[0] = '\0';
        if (tls_client_config_new(buf_bytes(&c->roots), &config, e) < 0)
                return "roots-refused";
        if (tls_client_config_crls(config, buf_bytes(&c->crls), e) < 0)
                return "lists-refused";
        e->text[0] = '\0'; /* of a text's end */
        if (tls_client_new(config, c->host ? c->host : "no.name", NULL, c->at_us, &t, e) < 0)
                return "host-refused";
        if (!c->host)
                X509_VERIFY_PARAM_set1_host(SSL_get0_param(t->ssl), NULL, 0);
        if (c->depth >= 0)
                SSL_set_verify_depth(t->ssl, c->depth);
        STACK_OF(X509) *sent = certificate_sent(c, SSL_get_max_cert_list(t->ssl));
        if (!sent)
                return "malformed";
        int error = tls_verify_certs(t, t->config, sent, c->at_us);
        sk_X509_pop_free(sent, X509_free);
        assert_int_equal(error == X509_V_OK, t->refusal == TLS_OK);
        if (t->refusal != TLS_OK)
                (void)tls_refusal_err(t, e);
        ERR_clear_error();
        return tls_refusal_name(t->refusal);
}

static void certificate_suite_compare(
        const char *id, bool accept, const char *ours, const char *text)
{
        struct certificate_difference *d = certificate_suite.listed;
        const char *theirs = accept ? "accept" : "refuse";

        certificate_suite.cases++;
        if (accept == (strcmp(ours, "ok") == 0))
                return;
        certificate_suite.differences++;
        for (unsigned i = 0; i < certificate_suite.n; i++, d++) {
                if (strcmp(d->id, id) == 0 && strcmp(d->theirs, theirs) == 0 &&
                        strcmp(d->ours, ours) == 0) {
                        d->met = true;
                        return;
                }
        }
        print_message(
                "not listed: %s %s %s %s -- %s\n", certificate_suite.name, id, theirs, ours, text);
        certificate_suite.faults++;
}

void certificate_suite_check(struct certificate_case *c)
{
        struct err e;
        const char *ours = certificate_judge(c, &e);

        certificate_suite_compare(c->id, c->accept, ours, e.text);
}

void certificate_suite_record(const char *id, bool accept, const char *ours)
{
        certificate_suite_compare(id, accept, ours, "");
}

void certificate_suite_close(void)
{
        for (unsigned i = 0; i < certificate_suite.n; i++) {
                const struct certificate_difference *d = &certificate_suite.listed[i];
                if (!d->met) {
                        print_message("listed, and no longer so: %s %s %s %s\n",
                                certificate_suite.name, d->id, d->theirs, d->ours);
                        certificate_suite.faults++;
                }
        }
        print_message("%s: %u cases, %u differences\n", certificate_suite.name,
                certificate_suite.cases, certificate_suite.differences);
        assert_true(certificate_suite.cases > 0);
        assert_int_equal(certificate_suite.faults, 0);
}
