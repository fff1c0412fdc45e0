/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_trust.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "crypto/x509_root.h"
#include "net/link.h"
#include "os/clock.h"
#include "os/file.h"

#define CLI_TRUST_DAY_US (INT64_C(86400) * 1000000)

enum { TRUST_ADD, TRUST_LIST, TRUST_REMOVE };

#define CLI_TRUST_PLAIN (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON))

static const struct cli_args_command cli_trust_command = {
        .name = "trust",
        .help = "custos trust add FILE --class WORD\n"
                "custos trust list\n"
                "custos trust remove ID\n"
                "\n"
                "Roots of others, such as a camera vendor's: each is trusted for one class of\n"
                "peers, and can vouch for nothing else, a recorder least of all. The machine's\n"
                "own list of public authorities is never asked.\n"
                "\n"
                "add           the root certificate in FILE (PEM or DER, alone in it). Compare\n"
                "              the fingerprint that is shown with what its maker publishes\n"
                "list          all of them\n"
                "remove        it vouches for nobody any more: a camera that stood on it is cut\n"
                "              off in seconds. ID: its number in the list\n"
                "\n"
                "  --class WORD         camera, directory, mail or archive\n" CLI_ARGS_HELP_STATE
                "  --json               add, remove: {id, class, subject, fingerprint, until};\n"
                "                       list: array of them; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or not reachable, 64 wrong use, or a file that is no\n"
                "root certificate.\n",
        .verbs_n = 3,
        .verbs = { [TRUST_ADD] = { .word = "add",
                           .operand = "FILE",
                           .takes = CLI_TRUST_PLAIN,
                           .needs = CLI_ARGS_BIT(CLASS) },
                [TRUST_LIST] = { .word = "list", .takes = CLI_TRUST_PLAIN },
                [TRUST_REMOVE] = { .word = "remove", .operand = "ID", .takes = CLI_TRUST_PLAIN } },
};

static int cli_trust_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        return cli_call(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("trust", &e, remedy, a->json)
                       : CLI_OK;
}

static void cli_trust_print(const json_t *root)
{
        const char *until = cli_text(root, "until");
        int64_t until_us = 0, left_us;

        if (str_parse_time(until, &until_us, NULL) < 0)
                until_us = 0;
        left_us = until_us - clock_wall_us();
        printf("%lld  %s\n  subject      %s\n  SHA-256      %s\n  until        %.10s, %s",
                (long long)json_integer_value(json_object_get(root, "id")), cli_text(root, "class"),
                cli_text(root, "subject"), cli_text(root, "fingerprint"), until,
                left_us <= 0 ? "expired\n" : "");
        if (left_us > 0)
                printf("%lld days left\n", (long long)(left_us / CLI_TRUST_DAY_US));
}

/* What is sent, and nothing else of the file: the certificate that x509_root_read took. */
static int cli_trust_read(const char *path, json_t *body, struct err *e)
{
        CLEANUP(own_freep) struct x509_root *root = xcalloc(1, sizeof *root);
        struct buf file;

        buf_init_full(&file, X509_ROOT_FILE_MAX);
        int r = file_read(path, X509_ROOT_FILE_MAX, &file, e);
        if (r >= 0 && x509_root_read(buf_bytes(&file), clock_wall_us(), root, e) < 0) {
                char shown[160];
                r = err_wrap(
                        e, ERR_INVALID, "%s", str_escape(shown, sizeof shown, bytes_str(path)));
        }
        if (r >= 0) {
                char *base64 = xcalloc(1, STR_BASE64_ROOM(root->der_n));
                cli_put(body, "certificate", str_base64(base64, BYTES(root->der, root->der_n)));
                free(base64);
        }
        explicit_bzero(file.p, file.room); /* it may have been a private key */
        buf_done(&file);
        return r < 0 ? r : 0;
}

static int cli_trust_add(const struct cli_args *a)
{
        json_t *answer = NULL, *body = json_object();
        struct err e;

        if (cli_trust_read(a->operand, body, &e) < 0) {
                json_decref(body);
                return cli_fail("trust", &e, fault_remedy(e.fault), a->json);
        }
        cli_put(body, "class", a->values[CLI_ARGS_CLASS]);
        int status = cli_trust_call(a, "trust.add", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(json_object_get(answer, "root"));
        else if (status == CLI_OK)
                cli_trust_print(json_object_get(answer, "root"));
        json_decref(answer);
        return status;
}

static int cli_trust_list(const struct cli_args *a)
{
        json_t *answer = NULL, *root;
        size_t i;

        int status = cli_trust_call(a, "trust.list", json_object(), &answer);
        const json_t *roots = json_object_get(answer, "roots");
        if (status == CLI_OK && a->json) {
                cli_print_json(roots);
        } else if (status == CLI_OK) {
                json_array_foreach(roots, i, root) cli_trust_print(root);
                if (json_array_size(roots) == 0)
                        printf("no root of others is trusted\n");
        }
        json_decref(answer);
        return status;
}

static int cli_trust_remove(const struct cli_args *a)
{
        json_t *answer = NULL;
        uint64_t id;

        if (str_uint(a->operand, 1, INT32_MAX, &id, NULL) < 0)
                return cli_args_misused(a, "ID is a number, as custos trust list shows it");
        int status = cli_trust_call(
                a, "trust.remove", json_pack("{s:I}", "id", (json_int_t)id), &answer);
        const json_t *root = json_object_get(answer, "root");
        if (status == CLI_OK && a->json)
                cli_print_json(root);
        else if (status == CLI_OK)
                printf("%s is not trusted for class %s any more.\n", cli_text(root, "subject"),
                        cli_text(root, "class"));
        json_decref(answer);
        return status;
}

int cli_trust(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_trust_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case TRUST_ADD:
                return cli_trust_add(&a);
        case TRUST_LIST:
                return cli_trust_list(&a);
        default:
                return cli_trust_remove(&a);
        }
}
