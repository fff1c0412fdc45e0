/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/setup_web.h"

#include "crypto/x509.h"
#include "os/clock.h"
#include "os/file.h"
#include "run/host_names.h"
#include "trust/web_files.h"

static int setup_web_write_names(const char *path, const struct web_names *names, struct err *e)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, WEB_NAMES_TEXT_MAX);
        int r = web_names_format(names, &text, e);
        return r < 0 ? r : file_write_atomic(path, buf_bytes(&text), 0644, e);
}

/* The root first: where the names are, it vouches for them. One that does already, as after a
 * restore on the same host, stays: people have it. */
static int setup_web_names(const char *state, struct site_ca *ca, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/" SETUP_WEB_HOST_NAMES, state);
        struct web_names_lists lists;
        struct web_names names;

        if (file_exists(path))
                return 0;
        host_names_find(&names);
        web_names_lists(&names, &lists);
        if (site_ca_web_allows(ca, lists.dns, lists.ip, NULL) < 0) {
                int r = site_ca_make_web(ca, lists.dns, lists.ip, clock_wall_us(), e);
                if (r < 0)
                        return r;
        }
        return setup_web_write_names(path, &names, e);
}

static int setup_web_read_names(const char *state, struct web_names *ret, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/" SETUP_WEB_HOST_NAMES, state);
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, WEB_NAMES_TEXT_MAX);
        int r = file_read(path, WEB_NAMES_TEXT_MAX, &text, e);
        if (r == 0)
                r = web_names_parse(buf_bytes(&text), ret, e);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

static int setup_web_certificate(
        const char *state, struct site_ca *ca, const char *name, unsigned days, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf;
        char dir[WEB_FILES_DIR_ROOM];
        struct web_names_lists lists;
        struct web_names names;

        buf_init(&leaf, X509_CERT_MAX);
        int r = setup_web_read_names(state, &names, e);
        if (r < 0)
                return r;
        web_names_lists(&names, &lists);
        r = site_ca_issue_web(
                ca, name, lists.dns, lists.ip, subject, clock_wall_us(), days, &leaf, e);
        if (r < 0)
                return r;
        const struct bytes certs[] = { buf_bytes(&leaf), site_ca_issuer_cert(ca, SITE_CA_WEB),
                site_ca_web_root(ca) };
        return web_files_write(
                web_files_dir(dir, state), key, certs, ARRAY_LEN(certs), clock_wall_us(), e);
}

int setup_web(const char *state, struct site_ca *ca, const char *name, unsigned days, struct err *e)
{
        CLEANUP(own_freep) char *pem = xasprintf("%s/gateway/" WEB_FILES_STEM ".pem", state);

        int r = setup_web_names(state, ca, e);
        if (r < 0 || file_exists(pem))
                return r;
        return setup_web_certificate(state, ca, name, days, e);
}
