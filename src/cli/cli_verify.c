/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_progress.h"
#include "cli/cli_recorded.h"
#include "cli/cli_vaults.h"
#include "verify/verify.h"

#define EXIT_CANNOT_TELL 2
#define FINGERPRINT_ROOM 65

static const struct cli_args_command cli_verify_command = {
        .name = "verify",
        .help = "custos verify [--trust FINGERPRINT] [--json] PATH\n"
                "custos verify [--trust FINGERPRINT] [--json] --camera NAME [--stream NAME]\n"
                "              [--state DIR] [--vault DIR]...\n"
                "\n"
                "Says whether footage is what a recorder of Custos sealed: unchanged, whole and\n"
                "in order. PATH is an export, a segment, a vault, or the directory of one stream\n"
                "in a vault; --camera is what all volumes hold of the camera. Reads only; needs\n"
                "no key, network or database.\n"
                "\n" CLI_ARGS_HELP_TRUST CLI_ARGS_HELP_STREAM CLI_ARGS_HELP_STATE
                        CLI_ARGS_HELP_VAULT
                "  --json               {verdict, trust_given, trusted, fingerprint, streams,\n"
                "                       segments, fragments, bytes, items: [{kind, stream,\n"
                "                       from, to, where, text, offset, end}]}, from and to\n"
                "                       null where not known, offset and end only of a place\n"
                "                       in a file; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 authentic, 1 not authentic, 2 cannot tell, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "PATH",
                .takes = CLI_ARGS_BIT(TRUST) | CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(STREAM) |
                         CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) | CLI_ARGS_BIT(JSON),
                .instead = CLI_ARGS_BIT(CAMERA) } },
};

/* --- for people --- */

static const char *cli_verify_time(char *to, int64_t us)
{
        if (us == SEAL_UNKNOWN_US)
                snprintf(to, STR_TIME_ROOM, "%-24s", "?");
        else
                str_time(to, us);
        return to;
}

/* "edited, removed": what was found, each kind once. */
static void cli_verify_kinds(const struct verdict *v, char *to, size_t room)
{
        size_t n = 0;

        to[0] = '\0';
        for (int k = VERDICT_EDITED; k <= VERDICT_KEY_NOT_TRUSTED; k++)
                if (v->kinds[k] && n < room)
                        n += (size_t)snprintf(to + n, room - n, "%s%s", n ? ", " : "",
                                verdict_name((enum verdict_kind)k));
}

static void cli_verify_print_head(const struct verdict *v, int overall)
{
        char kinds[160];

        cli_verify_kinds(v, kinds, sizeof kinds);
        if (overall == 0)
                printf("AUTHENTIC: unchanged and complete as this site's recorder sealed it\n");
        else if (overall == 1)
                printf("NOT AUTHENTIC: %s\n", kinds);
        else if (v->fragments == 0)
                printf("CANNOT TELL: nothing sealed was found\n");
        else if (v->kinds[VERDICT_AUTHENTIC])
                printf("CANNOT TELL: not all of it can be proved, see below\n");
        else
                printf("CANNOT TELL: unchanged and complete, but nobody said whose site it has to "
                       "be (--trust FINGERPRINT)\n");
        printf("  %u stream%s, %u segment%s, %" PRIu64 " fragments, %" PRIu64 " bytes\n\n",
                v->streams, v->streams == 1 ? "" : "s", v->segments, v->segments == 1 ? "" : "s",
                v->fragments, v->bytes);
}

void cli_verify_print_items(const struct verdict *v)
{
        const char *stream = "";

        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                char from[STR_TIME_ROOM], to[STR_TIME_ROOM], where[260];
                bool fault = item->kind != VERDICT_AUTHENTIC && item->kind != VERDICT_GAP &&
                             item->kind != VERDICT_NOTE;

                if (strcmp(stream, item->stream) != 0)
                        printf("  %s\n", item->stream);
                stream = item->stream;
                printf("  %s  %s  %-15s  %s\n", cli_verify_time(from, item->from_us),
                        cli_verify_time(to, item->to_us), verdict_name(item->kind), item->text);
                if (fault && item->where[0])
                        printf("  %52s%-15s  in %s\n", "", "",
                                verdict_where(item, where, sizeof where));
        }
}

static void cli_verify_print_claims(const struct verdict *v, int overall)
{
        static const uint8_t none[32];
        char hex[FINGERPRINT_ROOM];

        if (memcmp(v->fingerprint, none, sizeof none) != 0)
                printf("\nfingerprint of the site in it: %s%s\n",
                        str_hex(hex, BYTES(v->fingerprint, 32)),
                        v->trust_given
                                ? ""
                                : " (proves nothing by itself: compare it with the site's own)");
        printf("\n%s these bytes are what the recorder sealed as received, when its clock said so, "
               "complete between the seals named.\n",
                overall == 0 ? "Claimed:" : "Would be claimed of authentic footage:");
        printf("Not claimed: what the scene was, who the camera was beyond its TLS identity, and "
               "what came before the first "
               "or behind the last seal.\n");
}

/* --- for programs --- */

static json_t *cli_verify_time_json(int64_t us)
{
        char text[STR_TIME_ROOM];

        return us == SEAL_UNKNOWN_US || us < 0 ? json_null() : json_string(str_time(text, us));
}

json_t *cli_verify_items_json(const struct verdict *v)
{
        json_t *items = json_array();

        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "kind",
                        verdict_name(item->kind), "stream", item->stream, "from",
                        cli_verify_time_json(item->from_us), "to",
                        cli_verify_time_json(item->to_us), "where", item->where, "text",
                        item->text);
                if (item->end > item->offset) {
                        json_object_set_new(o, "offset", json_integer((json_int_t)item->offset));
                        json_object_set_new(o, "end", json_integer((json_int_t)item->end));
                }
                json_array_append_new(items, o);
        }
        return items;
}

static void cli_verify_print_verdict_json(const struct verdict *v, int overall)
{
        static const char *const words[] = { "authentic", "not authentic", "cannot tell" };
        char hex[FINGERPRINT_ROOM];
        json_t *o = json_pack("{s:s, s:b, s:b, s:s, s:i, s:i, s:I, s:I, s:o}", "verdict",
                words[overall], "trust_given", v->trust_given, "trusted", v->trusted, "fingerprint",
                str_hex(hex, BYTES(v->fingerprint, 32)), "streams", (int)v->streams, "segments",
                (int)v->segments, "fragments", (json_int_t)v->fragments, "bytes",
                (json_int_t)v->bytes, "items", cli_verify_items_json(v));

        cli_print_json(o);
        json_decref(o);
}

int cli_verify_set(const struct vault_set *set, const char *stream, const struct verify_options *o,
        struct verdict *v, struct err *e)
{
        struct verify_vault vaults[VOLUME_MAX];

        for (unsigned i = 0; i < set->n; i++)
                vaults[i] = (struct verify_vault){ .path = set->members[i].path,
                        .name = set->members[i].name,
                        .away = set->members[i].away };
        return verify_vaults(vaults, set->n, stream, o, v, e);
}

/* PATH, or the stream of --camera on all volumes. */
static int cli_verify_run(const struct cli_args *a, struct verdict *v, struct err *e)
{
        struct cli_progress progress;
        struct vault_set set = { 0 };
        struct verify_options o = { .trust = cli_args_has(a, CLI_ARGS_TRUST) ? a->trust : NULL,
                .on_progress = cli_progress_on_part,
                .owner = &progress };

        cli_progress_init(&progress, "verifying", a->json);
        int r = a->operand ? verify_path(a->operand, &o, v, e) : cli_vaults_open(a, &set, e);
        if (r == 0 && !a->operand)
                r = cli_recorded_check(a, &set, e);
        if (r == 0 && !a->operand)
                r = cli_verify_set(&set, a->stream_path, &o, v, e);
        vault_set_done(&set);
        cli_progress_end(&progress);
        return r;
}

int cli_verify(int argc, char **argv)
{
        CLEANUP(verdict_done) struct verdict v;
        struct cli_args a;
        struct err e;

        verdict_init(&v);
        if (!cli_args_parse(&a, &cli_verify_command, argc, argv))
                return a.exit;
        if (cli_verify_run(&a, &v, &e) < 0) {
                cli_fail("verify", &e, "cannot tell anything about it", a.json);
                return EXIT_CANNOT_TELL;
        }
        int overall = verdict_overall(&v);
        if (a.json) {
                cli_verify_print_verdict_json(&v, overall);
                return overall;
        }
        cli_verify_print_head(&v, overall);
        cli_verify_print_items(&v);
        cli_verify_print_claims(&v, overall);
        return overall;
}
