/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_vault_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_progress.h"
#include "cli/cli_vaults.h"
#include "cli/cli_verify.h"
#include "cli/cli_wrap_key.h"
#include "vault/vault_check.h"
#include "verify/verify.h"

#define CANNOT_TELL 2

struct vault_report {
        const struct cli_args *args;
        const struct vault_set *set;
        json_t *faults;
        struct cli_progress progress;
};

static bool decrypts(const struct cli_args *a)
{
        return cli_args_has(a, CLI_ARGS_KEY) || cli_args_has(a, CLI_ARGS_KIT);
}

static void on_segment(void *owner, const char *object_key)
{
        struct vault_report *r = owner;

        cli_progress_on_name(&r->progress, object_key);
}

static void on_fault(void *owner, const char *where, const char *text)
{
        struct vault_report *r = owner;

        cli_progress_end(&r->progress);
        if (!r->args->json)
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
        json_t *o = json_pack("{s:s, s:s, s:o, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "result",
                overall_text(code), "fingerprint", str_hex(fingerprint, BYTES(v->fingerprint, 32)),
                "seals", cli_verify_items_json(v), "faults", r->faults, "segments",
                (json_int_t)c->segments, "fragments", (json_int_t)c->fragments,
                "decrypted_fragments", (json_int_t)c->decrypted, "key_files",
                (json_int_t)c->key_files, "locks", (json_int_t)c->locks, "empty_files",
                (json_int_t)c->empty, "index", c->has_index);

        cli_print_json(o);
        json_decref(o);
}

static void print_summary(const struct verdict *v, const struct vault_check_result *c,
        const struct cli_args *a, int code)
{
        char fingerprint[65];

        printf("\n%" PRIu64 " segments, %" PRIu64 " fragments, %" PRIu64 " bytes; %" PRIu64
               " key files, %" PRIu64 " locks; index %s\n",
                c->segments, c->fragments, v->bytes, c->key_files, c->locks,
                c->has_index  ? "present"
                : a->vaults_n ? "not looked at"
                              : "missing or broken");
        if (decrypts(a))
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

static int run_checks(struct vault_report *r, const uint8_t *private_key, struct err *e)
{
        const struct cli_args *a = r->args;
        struct verify_options verify = { .trust = cli_args_has(a, CLI_ARGS_TRUST) ? a->trust : NULL,
                .on_progress = cli_progress_on_part,
                .owner = &r->progress };
        CLEANUP(own_freep) char *index = cli_vaults_index(a);
        struct vault_check_options check = { .index = index,
                .private_key = private_key,
                .on_fault = on_fault,
                .on_segment = on_segment,
                .owner = r };
        struct vault_check_result result;
        struct verdict verdict;

        verdict_init(&verdict);
        int code = cli_verify_set(r->set, NULL, &verify, &verdict, e);
        cli_progress_end(&r->progress);
        if (code == 0 && !a->json)
                cli_verify_print_items(&verdict);
        if (code == 0)
                code = vault_check(r->set, &check, &result, e);
        cli_progress_end(&r->progress);
        if (code == 0) {
                code = result.faults ? 1 : verdict_overall(&verdict);
                if (a->json)
                        print_json(r, &verdict, &result, code);
                else
                        print_summary(&verdict, &result, a, code);
        }
        verdict_done(&verdict);
        return code;
}

int cli_vault_check(const struct cli_args *a)
{
        struct vault_set set = { 0 };
        struct vault_report r = { .args = a, .set = &set };
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        struct err e;
        int code = cli_vaults_open(a, &set, &e);

        cli_progress_init(&r.progress, "checking", a->json);
        if (code == 0 && decrypts(a))
                code = cli_wrap_key(a->state, a->values[CLI_ARGS_KEY], a->values[CLI_ARGS_KIT],
                        private_key, &e);
        if (code == 0) {
                r.faults = json_array();
                code = run_checks(&r, decrypts(a) ? private_key : NULL, &e);
                json_decref(r.faults);
        }
        explicit_bzero(private_key, sizeof private_key);
        vault_set_done(&set);
        return code < 0 ? cli_fail("vault", &e, NULL, a->json) : code;
}
