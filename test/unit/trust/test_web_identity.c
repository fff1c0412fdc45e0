/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page's certificate, from files that the openssl program and the site's CA wrote: what is
 * taken, what is refused with which reason, and what goes on meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "os/file.h"
#include "trust/site_ca.h"
#include "trust/web_files.h"
#include "trust/web_identity.h"

#define DAY_US (INT64_C(86400) * 1000000)

static char dir[] = "/tmp/custos-test-web-XXXXXX";
static struct site_ca *ca;
static int64_t now_us;

static int sh(const char *command)
{
        CLEANUP(own_freep) char *line = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir, command);

        return system(line);
}

static struct web_identity_source *source(bool own)
{
        CLEANUP(own_freep)
        char *pem = xasprintf("%s/own/page.pem", dir), *key = xasprintf("%s/own/page.key", dir);
        struct web_identity_source *s = NULL;
        struct err e;

        if (web_identity_source_new(dir, own ? pem : "", own ? key : "", &s, &e) < 0)
                fail_msg("%s", e.text);
        return s;
}

/* Two looks: what changed has to stand still. */
static int look(struct web_identity_source *s, struct web_identity *w, struct err *e)
{
        int r = web_identity_look(s, now_us, w, e);

        return r ? r : web_identity_look(s, now_us, w, e);
}

static void site_page(const char *const *dns, unsigned days)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf;
        char to[WEB_FILES_DIR_ROOM];
        struct err e;

        buf_init(&leaf, X509_CERT_MAX);
        if (site_ca_issue_web(ca, "main", dns, NULL, subject, now_us, days, &leaf, &e) < 0)
                fail_msg("%s", e.text);
        const struct bytes certs[] = { site_ca_web_root(ca), buf_bytes(&leaf),
                site_ca_issuer_cert(ca, SITE_CA_WEB) };
        if (web_files_write(web_files_dir(to, dir), key, certs, 3, now_us, &e) < 0)
                fail_msg("%s", e.text);
}

/* A CA of somebody else's and its page: key is what `openssl genpkey` takes. */
static void own_page(const char *key, const char *san, const char *more)
{
        CLEANUP(own_freep)
        char *line = xasprintf(
                "mkdir -p own && openssl genpkey %s -out new.key && "
                "printf 'subjectAltName=%s\n%s\n' > new.ext && "
                "openssl req -new -key new.key -subj /CN=page -config /dev/null | openssl x509 -req "
                "-days 50 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile new.ext -out new.crt && "
                "cat new.crt ca.crt > own/page.pem.tmp && chmod 600 new.key && mv new.key "
                "own/page.key && mv own/page.pem.tmp own/page.pem",
                key, san, more);

        assert_int_equal(sh(line), 0);
}

#define P256 "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"

static void the_site_makes_it(void **state)
{
        static const char *const one[] = { "localhost", NULL }, *const two[] = { "localhost",
                "nas.local", NULL };
        struct web_identity_source *s = source(false);
        struct web_identity w, again;
        struct web_names names = { 0 };
        char missing[100];
        struct err e;

        (void)state;
        assert_int_equal(look(s, &w, &e), ERR_NOT_FOUND);
        assert_int_equal(look(s, &w, &e), 0); /* told once */
        web_identity_again(s);
        assert_int_equal(
                web_identity_look(s, now_us, &w, &e), ERR_NOT_FOUND); /* unless it is asked for */
        site_page(one, 90);
        assert_int_equal(web_identity_look(s, now_us, &w, &e), 0); /* it may be half of it */
        if (web_identity_look(s, now_us, &w, &e) != 1)
                fail_msg("%s", e.text);
        assert_int_equal(e.code, 0);
        assert_false(w.own);
        uint8_t hash[32];
        x509_web_fingerprint(site_ca_web_root(ca), hash);
        assert_true(bytes_equal(buf_bytes(&w.root_der), site_ca_web_root(ca)));
        assert_memory_equal(hash, w.root_fingerprint, 32);
        assert_int_equal(w.cert.dns_n, 1);
        assert_int_equal(web_names_add(&names, "localhost", NULL), 0);
        assert_int_equal(web_names_add(&names, "nas.local", NULL), 0);
        assert_int_equal(web_identity_missing(&w, &names, missing, sizeof missing), 1);
        assert_string_equal(missing, "nas.local");
        struct tls_server_config *config = NULL;
        assert_int_equal(
                tls_server_config_new_with(buf_bytes(&w.chain_pem), w.key, &config, &e), 0);
        tls_server_config_freep(&config);
        assert_int_equal(look(s, &again, &e), 0);
        site_page(two, 90);
        assert_int_equal(look(s, &again, &e), 1);
        assert_memory_not_equal(again.cert.fingerprint, w.cert.fingerprint, 32);
        assert_int_equal(web_identity_missing(&again, &names, missing, sizeof missing), 0);
        web_identity_done(&w);
        /* A power cut between the two renames. */
        assert_int_equal(sh("mv gateway/web.pem gateway/web.pem.new"), 0);
        assert_int_equal(look(s, &w, &e), 1);
        web_identity_done(&w);
        assert_int_equal(
                sh("mv gateway/web.pem.new gateway/web.pem && chmod 640 gateway/web.key"), 0);
        assert_int_equal(look(s, &w, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "chmod 600"));
        assert_int_equal(sh("chmod 600 gateway/web.key"), 0);
        assert_int_equal(look(s, &w, &e), 1);
        web_identity_done(&w);
        web_identity_done(&again);
        s = web_identity_source_free(s);
        /* After its end it is none. */
        s = source(false);
        assert_int_equal(web_identity_look(s, now_us + 100 * DAY_US, &w, &e), ERR_INVALID);
        assert_int_equal(e.fault, FAULT_EXPIRED);
        web_identity_source_free(s);
}

static void one_of_ones_own(void **state)
{
        struct web_identity_source *s;
        struct web_identity w;
        struct err e;

        (void)state;
        assert_int_equal(web_identity_source_new(dir, "/a", "", &s, &e), ERR_INVALID);
        assert_int_equal(e.fault, FAULT_WEB_CERTIFICATE);
        /* Not there yet: the site's stands in, and the reason is told. */
        s = source(true);
        assert_int_equal(web_identity_look(s, now_us, &w, &e), 1);
        assert_false(w.own);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(e.fault, FAULT_WEB_CERTIFICATE);
        web_identity_done(&w);
        static const char *const kinds[] = { P256, "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
                "-algorithm RSA -pkeyopt rsa_keygen_bits:2048" };
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                own_page(kinds[i], "DNS:cctv.example,DNS:*.watch.example,IP:192.0.2.7", "");
                if (look(s, &w, &e) != 1)
                        fail_msg("%s: %s", kinds[i], e.text);
                assert_true(w.own);
                assert_int_equal(w.root_der.n, 0);
                assert_true(x509_web_covers(&w.cert, "cctv.example"));
                assert_true(x509_web_covers(&w.cert, "a.watch.example"));
                assert_false(x509_web_covers(&w.cert, "watch.example"));
                assert_false(x509_web_covers(&w.cert, "a.b.watch.example"));
                assert_true(x509_web_covers(&w.cert, "192.0.2.7"));
                struct tls_server_config *config = NULL;
                assert_int_equal(
                        tls_server_config_new_with(buf_bytes(&w.chain_pem), w.key, &config, &e), 0);
                tls_server_config_freep(&config);
                web_identity_done(&w);
        }
        /* The older forms of keys, and links, as ACME clients leave them. */
        assert_int_equal(
                sh("openssl rsa -in own/page.key -traditional -out own/old.key && chmod 600 "
                   "own/old.key && mkdir -p archive && mv own/old.key archive/1.key && "
                   "ln -sf ../archive/1.key own/page.key"),
                0);
        assert_int_equal(look(s, &w, &e), 1);
        web_identity_done(&w);
        char paths[WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM];
        unsigned n = web_identity_paths(s, paths);
        bool archive = false;
        for (unsigned i = 0; i < n; i++)
                archive = archive || strstr(paths[i], "/archive");
        assert_true(archive && n == 3); /* gateway, own, archive */
        assert_int_equal(sh("rm own/page.key"), 0);
        web_identity_source_free(s);
}

static void what_is_refused(void **state)
{
        static const struct {
                const char *what, *says;
                enum fault fault;
        } bad[] = {
                { "openssl genpkey " P256 " -out own/page.key && chmod 600 own/page.key",
                        "the private key is not that of", FAULT_WEB_CERTIFICATE },
                { "chmod 644 own/page.key", "chmod 600", FAULT_WEB_CERTIFICATE },
                { "openssl pkcs8 -topk8 -in own/page.key -passout pass:x -out k && chmod 600 k && mv "
                  "k own/page.key",
                        "is encrypted", FAULT_WEB_CERTIFICATE },
                { "cat ca.crt own/page.pem > p && mv p own/page.pem", "is not that of",
                        FAULT_WEB_CERTIFICATE },
                { "cp other.crt p && cat own/page.pem > q && awk '/BEGIN/{n++} n==1' q > r && cat r "
                  "p > own/page.pem",
                        "is not the issuer of", FAULT_WEB_CERTIFICATE },
                { "echo > own/page.pem", "no certificate", FAULT_WEB_CERTIFICATE },
                { "rm own/page.pem", "page.pem", FAULT_WEB_CERTIFICATE },
                { "openssl genrsa -out k 1024 && openssl req -new -x509 -key k -subj /CN=x -addext "
                  "subjectAltName=DNS:x -out own/page.pem && chmod 600 k && mv k own/page.key",
                        "1024 bits", FAULT_WEAK_KEY },
                { "openssl genpkey -algorithm ED25519 -out k && chmod 600 k && mv k own/page.key",
                        "ED25519", FAULT_WEB_CERTIFICATE },
        };
        struct web_identity_source *s = source(true);
        struct web_identity w;
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                own_page(P256, "DNS:cctv.example", "");
                if (look(s, &w, &e) != 1)
                        fail_msg("before %zu: %s", i, e.text);
                web_identity_done(&w);
                assert_int_equal(sh(bad[i].what), 0);
                int r = look(s, &w, &e);
                if (r >= 0 || !strstr(e.text, bad[i].says) || e.fault != bad[i].fault)
                        fail_msg("%zu: %d %s (%s)", i, r, e.text, fault_name(e.fault));
                assert_int_equal(look(s, &w, &e), 0); /* once, and the one before goes on */
        }
        own_page(P256, "DNS:cctv.example", "extendedKeyUsage=clientAuth");
        assert_true(look(s, &w, &e) < 0);
        assert_int_equal(e.fault, FAULT_WRONG_PURPOSE);
        own_page(P256, "email:a@b", "");
        assert_true(look(s, &w, &e) < 0);
        assert_non_null(strstr(e.text, "no alternative name"));
        own_page(P256, "DNS:cctv.example", "");
        now_us += 60 * DAY_US;
        assert_true(look(s, &w, &e) < 0);
        assert_int_equal(e.fault, FAULT_EXPIRED);
        now_us -= 120 * DAY_US;
        assert_int_equal(sh("touch own/page.pem"), 0);
        assert_true(look(s, &w, &e) < 0);
        assert_int_equal(e.fault, FAULT_NOT_YET_VALID);
        now_us += 60 * DAY_US;
        web_identity_source_free(s);
}

/* Of what the manager answers, only what fits together is written. */
static void what_is_never_written(void **state)
{
        static const char *const dns[] = { "localhost", NULL };
        CLEANUP(sign_key_freep)
        struct sign_key *key = sign_key_generate(), *other = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf, camera;
        char to[WEB_FILES_DIR_ROOM];
        struct err e;

        (void)state;
        buf_init(&leaf, X509_CERT_MAX);
        buf_init(&camera, X509_CERT_MAX);
        assert_int_equal(
                site_ca_issue_web(ca, "main", dns, NULL, subject, now_us, 90, &leaf, &e), 0);
        CLEANUP(verify_key_freep) struct verify_key *lens = sign_key_public(other);
        assert_int_equal(
                site_ca_issue_camera(ca, "lobby", dns, NULL, lens, now_us, 90, &camera, &e), 0);
        const struct bytes good[] = { buf_bytes(&leaf), site_ca_issuer_cert(ca, SITE_CA_WEB),
                site_ca_web_root(ca) },
                           machines[] = { buf_bytes(&camera),
                                   site_ca_issuer_cert(ca, SITE_CA_CAMERAS), site_ca_root(ca) };
        web_files_dir(to, dir);
        assert_int_equal(web_files_write(to, other, good, 3, now_us, &e), ERR_INVALID);
        assert_int_equal(web_files_write(to, key, good, 2, now_us, &e), ERR_INVALID);
        assert_int_equal(web_files_write(to, other, machines, 3, now_us, &e), ERR_AUTH);
        assert_int_equal(web_files_write(to, key, good, 3, now_us + 100 * DAY_US, &e), ERR_INVALID);
        assert_int_equal(web_files_write(to, key, good, 3, now_us, &e), 0);
}

static int set_up(void **state)
{
        CLEANUP(own_freep) char *path = NULL;
        struct err e;

        (void)state;
        now_us = ((int64_t)time(NULL) + 300) * 1000000; /* whoever makes certificates is slower */
        if (!mkdtemp(dir))
                return -1;
        path = xasprintf("%s/site", dir);
        return site_ca_create(path, "berlin", now_us, &ca, &e) < 0 ||
               sh("for n in ca other; do openssl req -new -x509 -newkey rsa:2048 -nodes -keyout "
                  "$n.key -subj /CN=$n -days 60 -out $n.crt; done") != 0;
}

static int tear_down(void **state)
{
        CLEANUP(own_freep) char *line = xasprintf("rm -rf %s", dir);

        (void)state;
        site_ca_freep(&ca);
        return system(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(the_site_makes_it),
                cmocka_unit_test(one_of_ones_own), cmocka_unit_test(what_is_refused),
                cmocka_unit_test(what_is_never_written) };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
