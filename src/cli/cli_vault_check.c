/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_vault_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_verify.h"
#include "cli/cli_wrap_key.h"
#include "vault/vault_check.h"
#include "verify/verify.h"

#define CANNOT_TELL 2

struct vault_report {
        const struct cli_vault_check_options *options;
        json_t *faults;
        bool progress;
};

static void on_progress(void *owner, uint64_t done, uint64_t total)
{
        const struct vault_report *r = owner;

        if (r->progress)
                fprintf(stderr, "\rseals: %3u %%  ", total ? (unsigned)(done * 100 / total) : 100);
}

static void on_segment(void *owner, const char *object_key)
{
        const struct vault_report *r = owner;

        if (r->progress)
                fprintf(stderr, "\rfiles: %-60.60s", object_key);
}

static void on_fault(void *owner, const char *where, const char *text)
{
        struct vault_report *r = owner;

        if (!r->options->json)
                printf("fault     %s: %s\n", where, text);
        json_array_append_new(r->faults, json_pack("{s:s, s:s}", "where", where, "text", text));
}

static const char *overall_text(int code)
{
        return code == 0 ? "whole" : code == CANNOT_TELL ? "cannot tell" : "not whole";
}

static void print_json(struct vault_report *r, const struct verdict *v,
        const struct vault_check_result *c, int code)
{
        char fingerprint[65];
        json_t *o = json_pack("{s:s, s:s, s:o, s:O, s:I, s:I, s:I, s:I, s:I, s:b}", "result",
                overall_text(code), "fingerprint", str_hex(fingerprint, BYTES(v->fingerprint, 32)),
                "seals", cli_verify_items_json(v), "faults", r->faults, "segments",
                (json_int_t)c->segments, "fragments", (json_int_t)c->fragments,
                "decrypted_fragments", (json_int_t)c->decrypted, "key_files",
                (json_int_t)c->key_files, "empty_files", (json_int_t)c->empty, "index",
                c->has_index);

        cli_print_json(o);
        json_decref(o);
}

static void print_summary(const struct verdict *v, const struct vault_check_result *c,
        const struct cli_vault_check_options *o, int code)
{
        char fingerprint[65];

        printf("\n%" PRIu64 " segments, %" PRIu64 " fragments, %" PRIu64 " bytes; %" PRIu64
               " key files; index %s\n",
                c->segments, c->fragments, v->bytes, c->key_files,
                c->has_index ? "present" : "missing or broken");
        if (o->key || o->kit)
                printf("%" PRIu64 " of %" PRIu64 " fragments decrypted\n", c->decrypted,
                        c->fragments);
        str_hex(fingerprint, BYTES(v->fingerprint, 32));
        if (v->trust_given && v->trusted)
                printf("site fingerprint %s, as given\n", fingerprint);
        else
                printf("site fingerprint %s; compare it with the one you have from elsewhere "
                       "(--trust)\n",
                        fingerprint);
        printf("the vault is: %s\n", overall_text(code));
}

static int run_checks(
        struct vault_report *r, const uint8_t *private_key, const uint8_t *trust, struct err *e)
{
        const struct cli_vault_check_options *o = r->options;
        struct verify_options verify = {.trust = trust, .on_progress = on_progress, .owner = r};
        struct vault_check_options check = {.private_key = private_key,
                .on_fault = on_fault,
                .on_segment = on_segment,
                .owner = r};
        struct vault_check_result result;
        struct verdict verdict;

        verdict_init(&verdict);
        int code = verify_path(o->vault, &verify, &verdict, e);
        if (r->progress)
                fputs("\r\033[K", stderr);
        if (code == 0 && !o->json)
                cli_verify_print_items(&verdict);
        if (code == 0)
                code = vault_check(o->vault, &check, &result, e);
        if (r->progress)
                fputs("\r\033[K", stderr);
        if (code == 0) {
                code = result.faults ? 1 : verdict_overall(&verdict);
                if (o->json)
                        print_json(r, &verdict, &result, code);
                else
                        print_summary(&verdict, &result, o, code);
        }
        verdict_done(&verdict);
        return code;
}

int cli_vault_check(const struct cli_vault_check_options *o)
{
        struct vault_report r = {.options = o, .progress = !o->json && isatty(STDERR_FILENO)};
        uint8_t private_key[HPKE_PRIVATE_BYTES], trust[32];
        bool decrypt = o->key || o->kit;
        struct err e;
        int code = 0;

        if (o->trust && str_unhex(trust, sizeof trust, o->trust, &e) < 0)
                return cli_misused("vault", "--trust takes a fingerprint of 64 hex digits");
        if (decrypt)
                code = cli_wrap_key(o->state, o->key, o->kit, private_key, &e);
        if (code == 0) {
                r.faults = json_array();
                code = run_checks(&r, decrypt ? private_key : NULL, o->trust ? trust : NULL, &e);
                json_decref(r.faults);
        }
        explicit_bzero(private_key, sizeof private_key);
        return code < 0 ? cli_fail("vault", &e, NULL, o->json) : code;
}
