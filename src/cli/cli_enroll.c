/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In this order, and nothing is written before all of it went well: cacerts of whoever answers; the
 * root among them that the code names; over a connection that this root verifies, the secret and a
 * request for a key that was born here; of a recorder, over one with that certificate, a
 * certificate for seals. The last file is the one by which this is a node (trust/node_identity.h).
 */
#include "cli/cli_enroll.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "crypto/x509_csr.h"
#include "net/est_client.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "trust/enrolment.h"
#include "trust/recorder_keys.h"
#include "trust/site_ca.h"

#define CLI_ENROLL_PORT 8320
#define CLI_ENROLL_TYPED_MAX 1024
#define CLI_ENROLL_PATH_MAX (CLI_PATH_MAX + 16)

static const struct cli_args_command cli_enroll_command = {
        .name = "enroll",
        .help = "custos enroll HOST[:PORT] CODE [--state DIR]\n"
                "custos enroll HOST[:PORT] - [--state DIR]\n"
                "\n"
                "Makes this host a node of a site: a recorder or a gateway. HOST is where the\n"
                "site's manager runs, and CODE what custos node add printed there; it is good\n"
                "for 20 minutes and once. With \"-\" the code is read from standard input, which\n"
                "is better: others on this host can see a command's words while it runs.\n"
                "\n"
                "The code says which site it is. Its secret is sent only to a manager of that\n"
                "site. Private keys are made here and never leave this host.\n"
                "\n"
                "  HOST[:PORT]          name or address of the manager's host; an IPv6 address\n"
                "                       with a port in brackets (default port: 8320)\n" CLI_ARGS_HELP_STATE
                "  --json               {site, fingerprint, role, name, manager, host, port,\n"
                "                       not_before, not_after}, or {error: {code, text, remedy}}\n"
                "\n"
                "Run it as the user that Custos runs as.\n"
                "\n"
                "Exit: 0 done, 1 refused, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "HOST[:PORT]",
                .second = "CODE",
                .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

struct cli_enroll {
        const char *state;
        struct url at;
        struct enrol_code code;
        struct node_identity node;
        struct sign_key *seal_key; /* owned; NULL: no recorder */
        struct buf seal_pem;
        int64_t now_us;
        uint8_t recovery[HPKE_PUBLIC_BYTES];
};

/* --- what was typed --- */

/* HOST, HOST:PORT, [IPv6], [IPv6]:PORT or an IPv6 address alone. */
static int parse_at(const char *text, struct url *ret, struct err *e)
{
        const char *colon = strchr(text, ':'), *bracket = strchr(text, ']');
        bool bare6 = text[0] != '[' && colon && strchr(colon + 1, ':');
        bool port = text[0] == '[' ? bracket && bracket[1] == ':' : colon && !bare6;
        char number[8] = "", url[URL_MAX], shown[80];
        struct url at;

        if (!port)
                snprintf(number, sizeof number, ":%d", CLI_ENROLL_PORT);
        int n = snprintf(url, sizeof url, "https://%s%s%s%s/", bare6 ? "[" : "", text,
                bare6 ? "]" : "", number);
        if (!text[0] || n < 0 || (size_t)n >= sizeof url || url_parse(url, &at, NULL) < 0 ||
                strcmp(at.path, "/") != 0)
                return err_set(e, ERR_INVALID, "\"%s\" is no host, as in 10.0.0.1 or manager:8320",
                        str_escape(shown, sizeof shown, bytes_str(text)));
        *ret = at;
        return 0;
}

static int read_line(char to[static CLI_ENROLL_TYPED_MAX], struct err *e)
{
        size_t n = 0;

        if (isatty(STDIN_FILENO))
                fputs("Enrolment code: ", stderr);
        /* Not stdio, which would keep a copy. */
        while (n < CLI_ENROLL_TYPED_MAX - 1) {
                ssize_t r = read(STDIN_FILENO, to + n, 1);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return err_os(e, ERR_IO, errno, "read standard input");
                if (r == 0 || to[n] == '\n')
                        break;
                n++;
        }
        to[n] = '\0';
        return 0;
}

static int read_code(const char *word, struct enrol_code *ret, struct err *e)
{
        char typed[CLI_ENROLL_TYPED_MAX] = "";
        int r = 0;

        if (strcmp(word, "-") != 0)
                return enrol_code_parse(word, ret, e);
        r = read_line(typed, e);
        if (r == 0)
                r = enrol_code_parse(typed, ret, e);
        explicit_bzero(typed, sizeof typed);
        return r;
}

/* --- the state directory --- */

static int already(struct err *e, const char *path)
{
        return err_fault(e, ERR_STATE, FAULT_ALREADY_ENROLLED, "%s %s is there.",
                fault_text(FAULT_ALREADY_ENROLLED), path);
}

static int check_free(const char *state, struct err *e)
{
        static const char *const roles[] = { "manager", "recorder", "gateway", "events", "edge" };
        char path[CLI_ENROLL_PATH_MAX], dir[NODE_IDENTITY_DIR_ROOM];

        snprintf(path, sizeof path, "%s/site", state);
        if (file_exists(path))
                return already(e, path);
        for (unsigned i = 0; i < ARRAY_LEN(roles); i++) {
                if (node_identity_exists(node_identity_dir(dir, state, roles[i])))
                        return already(e, dir);
        }
        return 0;
}

/* What root wrote there the service could not read. */
static int check_owner(const char *state, struct err *e)
{
        struct stat st;

        if (stat(state, &st) < 0 || st.st_uid == geteuid())
                return 0;
        return err_set(e, ERR_DENIED,
                "%s belongs to another user (number %lu), who could not read what is written "
                "there now. Fix: run this as that user: sudo -u '#%lu' custos enroll ...",
                state, (unsigned long)st.st_uid, (unsigned long)st.st_uid);
}

/* --- what is asked for --- */

static int take_site(struct cli_enroll *c, struct err *e)
{
        struct x509_pkcs7 certs;
        int r = est_client_cacerts(&c->at, &certs, e);

        if (r < 0)
                return r;
        r = enrolment_take_site(&c->node, &c->code, &certs, e);
        x509_pkcs7_done(&certs);
        return r;
}

/* What is verified by, and, once this is a node, who asks. */
static int role_config(const struct node_identity *n, struct tls_role_config **ret, struct err *e)
{
        struct tls_role_identity id = { .site = n->site,
                .root_der = buf_bytes(&n->root_der),
                .issuer_der = buf_bytes(&n->issuer_der) };

        if (n->chain_pem.n) {
                id.chain_pem = buf_bytes(&n->chain_pem);
                id.key = n->key;
        }
        return tls_role_config_new(&id, ret, e);
}

static int ask(struct cli_enroll *c, const struct sign_key *key, struct est_client_request *request,
        struct x509_pkcs7 *ret, struct tls_role_peer *ret_manager, struct err *e)
{
        CLEANUP(tls_role_config_freep) struct tls_role_config *as = NULL;
        CLEANUP(buf_done) struct buf csr;

        buf_init(&csr, X509_CSR_MAX);
        int r = x509_csr_make(key, NULL, &csr, e);
        if (r == 0)
                r = role_config(&c->node, &as, e);
        request->csr_der = buf_bytes(&csr);
        return r < 0 ? r : est_client_enroll(&c->at, as, request, c->now_us, ret, ret_manager, e);
}

static int take_node(struct cli_enroll *c, struct err *e)
{
        char password[33], user[sizeof c->code.role + sizeof c->code.name];
        struct est_client_request request = { .user = user, .password = password };
        struct tls_role_peer manager;
        struct x509_pkcs7 certs;

        c->node.key = sign_key_generate();
        snprintf(user, sizeof user, "%s/%s", c->code.role, c->code.name);
        enrol_code_password(&c->code, password);
        int r = ask(c, c->node.key, &request, &certs, &manager, e);
        explicit_bzero(password, sizeof password);
        if (r == ERR_DENIED) {
                struct err why = *e;
                return err_fault(e, r, FAULT_CODE_REFUSED, "%s (%s)",
                        fault_text(FAULT_CODE_REFUSED), why.text);
        }
        if (r < 0)
                return r;
        r = enrolment_take_node(&c->node, &certs, e);
        x509_pkcs7_done(&certs);
        snprintf(c->node.manager.name, sizeof c->node.manager.name, "%s", manager.name);
        snprintf(c->node.manager.host, sizeof c->node.manager.host, "%s", c->at.host);
        c->node.manager.port = c->at.port;
        return r;
}

static int take_seal(struct cli_enroll *c, struct err *e)
{
        struct est_client_request request = { .label = "seals" };
        struct x509_pkcs7 certs;

        if (strcmp(c->node.role, "recorder") != 0)
                return 0;
        c->seal_key = sign_key_generate();
        int r = ask(c, c->seal_key, &request, &certs, NULL, e);
        if (r < 0)
                return err_wrap(e, r, "the certificate for seals");
        r = enrolment_take_seal(&c->node, c->seal_key, &certs, c->now_us, &c->seal_pem, e);
        if (r == 0)
                r = enrolment_take_recovery(&c->node, &certs, c->recovery, e);
        x509_pkcs7_done(&certs);
        return r;
}

/* --- what is written --- */

static int write_recorder(struct cli_enroll *c, struct err *e)
{
        char dir[CLI_ENROLL_PATH_MAX];

        if (!c->seal_key)
                return 0;
        snprintf(dir, sizeof dir, "%s/recorder", c->state);
        int r = file_make_dirs(dir, 0700, e);
        if (r == 0)
                r = recorder_keys_make_wrap(dir, e);
        if (r == 0)
                r = recorder_keys_write_public(
                        dir, "recovery.pub", BYTES(c->recovery, sizeof c->recovery), e);
        if (r == 0)
                r = recorder_keys_write_seal(dir, c->seal_key, buf_bytes(&c->seal_pem), e);
        return r;
}

static int write_all(struct cli_enroll *c, struct err *e)
{
        char dir[NODE_IDENTITY_DIR_ROOM];
        int r = file_make_dirs(c->state, 0700, e);

        if (r == 0)
                r = write_recorder(c, e);
        return r < 0 ? r
                     : node_identity_create(
                               node_identity_dir(dir, c->state, c->node.role), &c->node, e);
}

static int enroll(struct cli_enroll *c, struct err *e)
{
        int r = check_free(c->state, e);

        if (r == 0)
                r = check_owner(c->state, e);
        if (r == 0)
                r = take_site(c, e);
        if (r == 0)
                r = take_node(c, e);
        if (r == 0)
                r = take_seal(c, e);
        return r < 0 ? r : write_all(c, e);
}

/* --- what is said --- */

/* What the error's own text does not say: what to do about it here, where nothing is a camera. */
static const char *remedy_of(const struct cli_enroll *c, const struct err *e)
{
        static const char no_manager[] =
                "Check host and port (8320): that is not how a manager of Custos answers.";

        switch (e->fault) {
        case FAULT_NAME_NOT_FOUND:
        case FAULT_NO_CONNECTION:
        case FAULT_CONNECTION_REFUSED:
        case FAULT_CONNECTION_TIMEOUT:
                return "Check host and port (8320), and that the code still holds: the manager "
                       "listens to the network while there is one (custos node add).";
        case FAULT_NOT_YET_VALID:
        case FAULT_EXPIRED:
                return "Set this machine's clock, and compare it with the manager's. The code was "
                       "not used.";
        case FAULT_NOT_TLS:
        case FAULT_TLS_VERSION:
        case FAULT_NO_CIPHER:
        case FAULT_CONNECTION_CLOSED:
        case FAULT_NO_ANSWER:
        case FAULT_BAD_ANSWER:
        case FAULT_REQUEST_REFUSED:
                return no_manager;
        case FAULT_OTHER_SITE:
        case FAULT_CODE_REFUSED:
        case FAULT_BAD_ENROLMENT:
        case FAULT_ALREADY_ENROLLED:
                return fault_remedy(e->fault);
        default:
                if (fault_is_tls(e->fault) && !c->node.site[0])
                        return no_manager;
                return fault_is_tls(e->fault)
                               ? "Who answers there is not the site's manager, though the site's "
                                 "root was shown: somebody may be in between. The code was not "
                                 "sent."
                               : NULL;
        }
}

static void say_json(const struct cli_enroll *c, const char *fingerprint)
{
        char from[STR_TIME_ROOM], until[STR_TIME_ROOM];
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "site", c->node.site,
                "fingerprint", fingerprint, "role", c->node.role, "name", c->node.name, "manager",
                c->node.manager.name, "host", c->node.manager.host, "port", c->node.manager.port,
                "not_before", str_time(from, c->node.not_before_us), "not_after",
                str_time(until, c->node.not_after_us));

        cli_print_json(o);
        json_decref(o);
}

static void say(const struct cli_enroll *c, bool json)
{
        char fingerprint[65] = "", time[STR_TIME_ROOM];
        uint8_t id[32];

        if (x509_key_id(buf_bytes(&c->node.root_der), id, NULL) == 0)
                str_hex(fingerprint, BYTES(id, sizeof id));
        if (json)
                say_json(c, fingerprint);
        else
                printf("This host is %s %s of site %s.\n  site's fingerprint  %s\n"
                       "  manager             %s, %s port %u\n"
                       "  certificate         until %s, renewed by itself\n",
                        c->node.role, c->node.name, c->node.site, fingerprint, c->node.manager.name,
                        c->node.manager.host, c->node.manager.port,
                        str_time(time, c->node.not_after_us));
        if (c->now_us < c->node.not_before_us || c->now_us >= c->node.not_after_us)
                fprintf(stderr,
                        "custos enroll: the new certificate is not valid by this machine's clock, "
                        "which says %s.\n  Set the clock: until then all links are refused.\n",
                        str_time(time, c->now_us));
}

/* So that it is not to be seen on the command line for longer than must be. */
static void hide(int argc, char **argv, const char *word)
{
        for (int i = 0; i < argc; i++) {
                if (argv[i] == word && strcmp(word, "-") != 0)
                        memset(argv[i], '*', strlen(argv[i]));
        }
}

int cli_enroll(int argc, char **argv)
{
        struct cli_enroll c = { .now_us = clock_wall_us() };
        struct cli_args a;
        struct err e = { 0 };

        if (!cli_args_parse(&a, &cli_enroll_command, argc, argv))
                return a.exit;
        enrolment_init(&c.node);
        buf_init(&c.seal_pem, 4 * X509_CERT_MAX);
        c.state = a.state;
        proc_harden("enroll"); /* no core: it holds keys and the code */
        int r = parse_at(a.operand, &c.at, &e);
        if (r == 0)
                r = read_code(a.second, &c.code, &e);
        hide(argc, argv, a.second);
        if (r == 0)
                r = enroll(&c, &e);
        explicit_bzero(&c.code, sizeof c.code);
        if (r == 0)
                say(&c, a.json);
        c.seal_key = sign_key_free(c.seal_key);
        buf_done(&c.seal_pem);
        node_identity_done(&c.node);
        return r < 0 ? cli_fail("enroll", &e, remedy_of(&c, &e), a.json) : CLI_OK;
}
