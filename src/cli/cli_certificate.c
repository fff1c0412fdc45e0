/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_certificate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_confirm.h"
#include "net/link.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/device_csr.h"

#define CLI_CERTIFICATE_PAGE 200
#define CLI_CERTIFICATE_NAMES_ROOM 1200
#define CLI_CERTIFICATE_DAY_US (INT64_C(86400) * 1000000)

enum { CERTIFICATE_SIGN, CERTIFICATE_LIST, CERTIFICATE_REVOKE, CERTIFICATE_WATCH };

#define CLI_CERTIFICATE_PLAIN (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON))

static const struct cli_args_command cli_certificate_command = {
        .name = "certificate",
        .help = "custos certificate sign FILE --name NAME [--dns NAME]... [--ip ADDRESS]...\n"
                "                       [--names-from-request] [--days N] [--yes]\n"
                "custos certificate list\n"
                "custos certificate revoke SERIAL\n"
                "custos certificate watch\n"
                "\n"
                "sign: a certificate for a device of somebody else's making, from the request\n"
                "(CSR, PEM or DER, any file name) that it made. The certificate goes to standard\n"
                "output, with its issuer's; what was signed to standard error. A camera in the\n"
                "inventory needs no names: custos camera certificate.\n"
                "\n"
                "  --name NAME          what the device is called here; a key is one device's\n"
                "  --dns NAME           a DNS name that it is reached by; no wildcard. Once for\n"
                "                       each of them, like --ip\n"
                "  --ip ADDRESS         an address that it is reached by\n"
                "  --names-from-request the names that the request asks for, which are shown\n"
                "                       and asked back; --yes: not asked back\n"
                "  --days N             how long it is good, 1 to 3650 (default: 825)\n"
                "  list                 what the issuers for nodes, cameras (and devices), web\n"
                "                       pages and seals made; what expired is no longer there\n"
                "  revoke               this certificate, and others of the same key, are not\n"
                "                       taken any more; a connection with one ends in seconds.\n"
                "                       All of a camera or device: custos camera revoke NAME\n"
                "  watch                all that the site depends on, soonest first, with days\n"
                "                       left: root, issuers, nodes, seals, grants, and what\n"
                "                       cameras showed. Exit 1 where a warning is due: a third\n"
                "                       of the life left, 30, 14, 7, 1 days, expired\n" CLI_ARGS_HELP_STATE
                "  --json               sign: {certificate, serial, key, left_out: names asked\n"
                "                       for that were not given}; list: array of {issuer,\n"
                "                       subject, serial, key, from, until, revoked}; revoke:\n"
                "                       {revoked, subject}; watch: array of {what, subject,\n"
                "                       not_after, days_left, warning}; or {error: {code, text,\n"
                "                       remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or not reachable, 64 wrong use, or a request that is\n"
                "none or asks for what nobody gets.\n",
        .verbs_n = 4,
        .verbs = { [CERTIFICATE_SIGN] = { .word = "sign",
                           .operand = "FILE",
                           .takes = CLI_CERTIFICATE_PLAIN | CLI_ARGS_BIT(DNS) | CLI_ARGS_BIT(IP) |
                                    CLI_ARGS_BIT(NAMES_FROM_REQUEST) | CLI_ARGS_BIT(DAYS) |
                                    CLI_ARGS_BIT(YES),
                           .needs = CLI_ARGS_BIT(NAME) },
                [CERTIFICATE_LIST] = { .word = "list", .takes = CLI_CERTIFICATE_PLAIN },
                [CERTIFICATE_REVOKE] = { .word = "revoke",
                        .operand = "SERIAL",
                        .takes = CLI_CERTIFICATE_PLAIN },
                [CERTIFICATE_WATCH] = { .word = "watch", .takes = CLI_CERTIFICATE_PLAIN } },
};

static int cli_certificate_call(
        const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        return cli_call(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("certificate", &e, remedy, a->json)
                       : CLI_OK;
}

/* --- sign --- */

/* What is sent, and nothing else of the file: a request that x509_csr_read took. */
static int cli_certificate_read(const char *path, struct x509_csr *ret, json_t *body, struct err *e)
{
        struct buf file;

        buf_init(&file, X509_CSR_MAX);
        int r = file_read(path, X509_CSR_MAX, &file, e);
        if (r >= 0 && x509_csr_read(buf_bytes(&file), ret, e) < 0) {
                char shown[160];
                r = err_wrap(
                        e, ERR_INVALID, "%s", str_escape(shown, sizeof shown, bytes_str(path)));
        }
        if (r >= 0) {
                char *base64 = xcalloc(1, STR_BASE64_ROOM(file.n));
                cli_put(body, "csr", str_base64(base64, buf_bytes(&file)));
                free(base64);
        }
        if (file.p)
                explicit_bzero(file.p, file.room); /* it may have been a private key */
        buf_done(&file);
        return r < 0 ? r : 0;
}

static void cli_certificate_put(json_t *body, const char *key, const char *const *names)
{
        json_t *list = json_array();

        for (unsigned i = 0; names[i]; i++)
                json_array_append_new(list, json_string_nocheck(names[i]));
        json_object_set_new(body, key, list);
}

static int cli_certificate_names(const struct cli_args *a, const struct x509_csr *csr,
        struct device_csr_names *ret, struct err *e)
{
        device_csr_asked(csr, ret);
        if (cli_args_has(a, CLI_ARGS_NAMES_FROM_REQUEST) && !ret->dns[0] && !ret->ip[0])
                return err_set(e, ERR_INVALID,
                        "the request asks for no DNS name and no address (its subject is \"%s\", "
                        "which nothing goes by): give them with --dns and --ip",
                        csr->subject);
        if (!cli_args_has(a, CLI_ARGS_NAMES_FROM_REQUEST)) {
                *ret = (struct device_csr_names){ 0 };
                memcpy(ret->dns, a->dns, a->dns_n * sizeof *a->dns);
                memcpy(ret->ip, a->ip, a->ip_n * sizeof *a->ip);
        }
        return device_csr_check(csr, ret, e);
}

static void cli_certificate_line(
        const struct device_csr_names *names, char to[static CLI_CERTIFICATE_NAMES_ROOM])
{
        size_t at = 0;

        to[0] = '\0';
        for (unsigned i = 0; names->dns[i] && at < CLI_CERTIFICATE_NAMES_ROOM; i++)
                at += (size_t)snprintf(to + at, CLI_CERTIFICATE_NAMES_ROOM - at, "%sDNS %s",
                        at ? ", " : "", names->dns[i]);
        for (unsigned i = 0; names->ip[i] && at < CLI_CERTIFICATE_NAMES_ROOM; i++)
                at += (size_t)snprintf(to + at, CLI_CERTIFICATE_NAMES_ROOM - at, "%sIP %s",
                        at ? ", " : "", names->ip[i]);
}

static void cli_certificate_show(
        const struct cli_args *a, const struct x509_csr *csr, const struct device_csr_names *names)
{
        char line[CLI_CERTIFICATE_NAMES_ROOM], key[65];

        if (a->json)
                return;
        cli_certificate_line(names, line);
        fprintf(stderr, "device   %s\nkey      %s", a->values[CLI_ARGS_NAME],
                x509_csr_kind_name(csr->kind));
        if (csr->kind == X509_CSR_RSA)
                fprintf(stderr, " of %u bits", csr->bits);
        fprintf(stderr, ", SHA-256 %s\nnames    %s\n", str_hex(key, BYTES(csr->key, 32)), line);
        if (csr->subject[0])
                fprintf(stderr, "subject  \"%s\" in the request; nothing goes by it\n",
                        csr->subject);
        if (device_csr_left_out(csr, names, line, sizeof line))
                fprintf(stderr, "left out %s: asked for by the request, and not given\n", line);
}

static int cli_certificate_confirm(const struct cli_args *a, const struct device_csr_names *names)
{
        char line[CLI_CERTIFICATE_NAMES_ROOM], question[CLI_CERTIFICATE_NAMES_ROOM + 200];

        if (!cli_args_has(a, CLI_ARGS_NAMES_FROM_REQUEST))
                return CLI_OK;
        cli_certificate_line(names, line);
        snprintf(question, sizeof question,
                "Whoever made the request wants to be known as %s. Whoever has its key can be that "
                "from now on.",
                line);
        return cli_confirm(a, question, a->values[CLI_ARGS_NAME]);
}

/* Fills body, or says why not; the exit code. */
static int cli_certificate_ask(const struct cli_args *a, struct x509_csr *csr, json_t *body)
{
        struct device_csr_names names;
        struct err e;

        int r = cli_certificate_read(a->operand, csr, body, &e);
        if (r == 0)
                r = cli_certificate_names(a, csr, &names, &e);
        if (r < 0)
                return cli_fail("certificate", &e, fault_remedy(e.fault), a->json);
        cli_certificate_show(a, csr, &names);
        cli_certificate_put(body, "dns", names.dns);
        cli_certificate_put(body, "ip", names.ip);
        cli_put(body, "name", a->values[CLI_ARGS_NAME]);
        if (cli_args_has(a, CLI_ARGS_DAYS))
                json_object_set_new(
                        body, "days", json_integer((json_int_t)a->numbers[CLI_ARGS_DAYS]));
        return cli_certificate_confirm(a, &names);
}

static int cli_certificate_sign(const struct cli_args *a)
{
        json_t *answer = NULL, *body;
        struct x509_csr *csr;
        int status;

        if (cli_args_has(a, CLI_ARGS_NAMES_FROM_REQUEST) && (a->dns_n || a->ip_n))
                return cli_args_misused(
                        a, "give --names-from-request or names of your own, not both");
        csr = xcalloc(1, sizeof *csr);
        body = json_object();
        status = cli_certificate_ask(a, csr, body);
        free(csr);
        if (status != CLI_OK) {
                json_decref(body);
                return status;
        }
        status = cli_certificate_call(a, "certificate.sign", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK) {
                fprintf(stderr, "serial   %s\n", cli_text(answer, "serial"));
                printf("%s", cli_text(answer, "certificate"));
        }
        json_decref(answer);
        return status;
}

/* --- list and revoke --- */

static int cli_certificate_compare(const void *a, const void *b)
{
        static const char *const keys[] = { "issuer", "subject", "from", "serial" };
        json_t *const *x = a, *const *y = b;
        int order = 0;

        for (size_t i = 0; order == 0 && i < ARRAY_LEN(keys); i++)
                order = strcmp(cli_text(*x, keys[i]), cli_text(*y, keys[i]));
        return order;
}

/* By issuer, subject and time. */
static json_t *cli_certificate_sorted(json_t *all)
{
        size_t n = json_array_size(all);
        json_t **each = xcalloc(n, sizeof *each), *sorted = json_array();

        for (size_t i = 0; i < n; i++)
                each[i] = json_array_get(all, i);
        qsort(each, n, sizeof *each, cli_certificate_compare);
        for (size_t i = 0; i < n; i++)
                json_array_append(sorted, each[i]);
        free(each);
        return sorted;
}

static void cli_certificate_print(const json_t *c)
{
        const char *until = cli_text(c, "until"), *revoked = cli_text(c, "revoked");
        int64_t until_us = 0, now_us = clock_wall_us();
        char state[64];

        if (str_parse_time(until, &until_us, NULL) < 0)
                until_us = 0;
        if (revoked[0])
                snprintf(state, sizeof state, "revoked %.10s", revoked);
        else if (until_us <= now_us)
                snprintf(state, sizeof state, "expired");
        else
                snprintf(state, sizeof state, "%lld days left",
                        (long long)((until_us - now_us) / CLI_CERTIFICATE_DAY_US));
        printf("%-8s %-28s %.10s  %-20s %s\n", cli_text(c, "issuer"), cli_text(c, "subject"), until,
                state, cli_text(c, "serial"));
}

static int cli_certificate_list(const struct cli_args *a)
{
        json_t *all = json_array();
        char after[64] = "";
        int status = CLI_OK;

        for (bool more = true; status == CLI_OK && more;) {
                json_t *answer = NULL, *list;
                status = cli_certificate_call(a, "certificate.list",
                        json_pack("{s:s, s:i}", "after", after, "limit", CLI_CERTIFICATE_PAGE),
                        &answer);
                list = json_object_get(answer, "certificates");
                more = json_is_true(json_object_get(answer, "more")) && json_array_size(list);
                if (json_array_size(list))
                        snprintf(after, sizeof after, "%s",
                                cli_text(
                                        json_array_get(list, json_array_size(list) - 1), "serial"));
                json_array_extend(all, list);
                json_decref(answer);
        }
        json_t *sorted = cli_certificate_sorted(all), *c;
        size_t i;
        if (status == CLI_OK && a->json)
                cli_print_json(sorted);
        else if (status == CLI_OK) {
                json_array_foreach(sorted, i, c) cli_certificate_print(c);
                printf("%zu certificate%s\n", json_array_size(sorted),
                        json_array_size(sorted) == 1 ? "" : "s");
        }
        json_decref(sorted);
        json_decref(all);
        return status;
}

static int cli_certificate_revoke(const struct cli_args *a)
{
        json_t *answer = NULL;

        int status = cli_certificate_call(
                a, "certificate.revoke", json_pack("{s:s}", "serial", a->operand), &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%lld certificate(s) of %s are revoked. It needs a new key and "
                       "certificate.\n",
                        (long long)json_integer_value(json_object_get(answer, "revoked")),
                        cli_text(answer, "subject"));
        json_decref(answer);
        return status;
}

/* All pages in one list, the caller's. */
static int cli_certificate_fetch_watch(const char *state, json_t **ret, char *remedy, struct err *e)
{
        json_t *all = json_array();
        bool more = true;

        while (more) {
                json_t *page = NULL;
                int r = cli_call(state, "certificate.watch",
                        json_pack("{s:I}", "after", (json_int_t)json_array_size(all)), &page,
                        remedy, e);
                if (r < 0) {
                        json_decref(all);
                        return r;
                }
                json_array_extend(all, json_object_get(page, "certificates"));
                more = json_is_true(json_object_get(page, "more"));
                json_decref(page);
        }
        *ret = all;
        return 0;
}

static int cli_certificate_watch(const struct cli_args *a)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *all = NULL, *one;
        size_t i, due = 0;
        struct err e;

        if (cli_certificate_fetch_watch(a->state, &all, remedy, &e) < 0)
                return cli_fail("certificate", &e, remedy, a->json);
        json_array_foreach(all, i, one)
        {
                const char *warning = cli_text(one, "warning");
                due += warning[0] != '\0';
                if (!a->json)
                        printf("%-8s %-32s %s %8.1f days%s%s\n", cli_text(one, "what"),
                                cli_text(one, "subject"), cli_text(one, "not_after"),
                                json_number_value(json_object_get(one, "days_left")),
                                warning[0] ? "  WARNING: " : "", warning);
        }
        if (a->json)
                cli_print_json(all);
        else
                printf("%zu certificates, %zu run out\n", json_array_size(all), due);
        json_decref(all);
        return due ? CLI_FAILED : CLI_OK;
}

int cli_certificate(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_certificate_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case CERTIFICATE_SIGN:
                return cli_certificate_sign(&a);
        case CERTIFICATE_LIST:
                return cli_certificate_list(&a);
        case CERTIFICATE_WATCH:
                return cli_certificate_watch(&a);
        default:
                return cli_certificate_revoke(&a);
        }
}
