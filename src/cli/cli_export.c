/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_export_write.h"
#include "cli/cli_progress.h"
#include "cli/cli_recorded.h"
#include "cli/cli_vaults.h"
#include "cli/cli_verify.h"
#include "cli/cli_wrap_key.h"
#include "os/clock.h"

static const struct cli_args_command cli_export_command = {
        .name = "export",
        .help = "custos export --camera NAME [--stream NAME]\n"
                "              (--from TIME --to TIME | --last DURATION) --output FILE\n"
                "              [--without-audio] [--skip-damaged]\n"
                "              [--key FILE | --recovery-kit FILE]\n"
                "              [--state DIR] [--vault DIR]... [--json]\n"
                "\n"
                "Writes footage as a clear MP4 that plays anywhere and that custos verify can\n"
                "prove. Every fragment is checked before it goes in, and the file again when it\n"
                "is done. Where the recording changes its form, FILE.2.mp4 goes on. No file is\n"
                "ever overwritten.\n"
                "\n" CLI_ARGS_HELP_STREAM "  --from, --to TIME    what was recorded between them\n"
                "  --last DURATION      what was recorded last: 60 (seconds), 90s, 5m, 2h, 1d\n"
                "  --output FILE        the file to be written\n"
                "  --without-audio      leave the sound out; its sealed hashes still prove the\n"
                "                       rest\n"
                "  --skip-damaged       leave damaged fragments out instead of refusing; the\n"
                "                       verdict will name them\n" CLI_ARGS_HELP_KEYS
                "                       (neither: recorder/wrap.key in the state directory)\n" CLI_ARGS_HELP_STATE
                        CLI_ARGS_HELP_VAULT
                "  --json               {files: [{path, bytes, items}], damaged, fingerprint,\n"
                "                       warnings}, items as of custos verify --json; or\n"
                "                       {error: {code, text, remedy}}\n"
                "\n" CLI_ARGS_HELP_TIME "Exit: 0 written, 1 not, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(FROM) | CLI_ARGS_BIT(TO) |
                              CLI_ARGS_BIT(LAST) | CLI_ARGS_BIT(WITHOUT_AUDIO) |
                              CLI_ARGS_BIT(SKIP_DAMAGED) | CLI_ARGS_BIT(KEY) | CLI_ARGS_BIT(KIT) |
                              CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) | CLI_ARGS_BIT(JSON),
                .needs = CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(OUTPUT) } },
};

/* From where to where; 0, or the exit code of a misuse that was printed. */
static int cli_export_range(struct cli_args *a)
{
        bool from = cli_args_has(a, CLI_ARGS_FROM), to = cli_args_has(a, CLI_ARGS_TO);

        if (a->last_s ? from || to : !from || !to)
                return cli_args_misused(a, "give --from and --to, or --last");
        if (a->last_s) {
                a->to_us = clock_wall_us();
                a->from_us = a->to_us - (int64_t)a->last_s * 1000000;
        }
        return 0;
}

static void cli_export_on_damaged(void *owner, const char *where, const char *text)
{
        cli_progress_end(owner);
        fprintf(stderr, "damaged: %s: %s\n", where, text);
}

/* --- what came out --- */

static const char cli_export_warnings[] =
        "The evidence in the file holds the keys of the segments that it touches: each opens its "
        "whole minute to whoever\n"
        "has the encrypted recording. The edit list trims what is shown and removes nothing: the "
        "file holds whole fragments.\n";

static void cli_export_print(const struct cli_export_files *files, unsigned damaged)
{
        char hex[65];

        for (unsigned i = 0; i < files->n; i++) {
                const struct cli_export_file *f = &files->files[i];
                printf("%s: %" PRIu64 " bytes\n", f->path, f->bytes);
                for (size_t k = 0; k < f->verdict.items_n; k++)
                        f->verdict.items[k].where[0] = '\0';
                cli_verify_print_items(&f->verdict);
        }
        if (damaged)
                printf("%u damaged place%s: fragments that are not as sealed were left out, and "
                       "the verdict says so.\n",
                        damaged, damaged == 1 ? "" : "s");
        printf("\n%s", cli_export_warnings);
        printf("To prove it: custos verify --trust FINGERPRINT %s\n", files->files[0].path);
        printf("FINGERPRINT of the site that sealed this: %s\nGive it to the receiver by another "
               "way than the film.\n",
                str_hex(hex, BYTES(files->files[0].verdict.fingerprint, 32)));
}

static void cli_export_print_json(const struct cli_export_files *files, unsigned damaged)
{
        json_t *list = json_array();
        char hex[65];

        for (unsigned i = 0; i < files->n; i++) {
                const struct cli_export_file *f = &files->files[i];
                json_array_append_new(list,
                        json_pack("{s:s, s:I, s:o}", "path", f->path, "bytes", (json_int_t)f->bytes,
                                "items", cli_verify_items_json(&f->verdict)));
        }
        json_t *o = json_pack("{s:o, s:i, s:s, s:s}", "files", list, "damaged", (int)damaged,
                "fingerprint", str_hex(hex, BYTES(files->files[0].verdict.fingerprint, 32)),
                "warnings", cli_export_warnings);
        cli_print_json(o);
        json_decref(o);
}

/* --- the whole --- */

static int cli_export_run(const struct cli_args *a, const struct vault_set *set,
        struct cli_export_files *files, struct export_plan **ret_plan,
        char remedy[static CLI_RECORDED_ROOM], struct err *e)
{
        bool skip_damaged = cli_args_has(a, CLI_ARGS_SKIP_DAMAGED);
        struct cli_progress progress;
        uint8_t key[HPKE_PRIVATE_BYTES];
        int r = cli_recorded_check(a, set, e);

        if (r == 0)
                r = cli_wrap_key(
                        a->state, a->values[CLI_ARGS_KEY], a->values[CLI_ARGS_KIT], key, e);
        if (r < 0)
                return r;
        cli_progress_init(&progress, "checking", a->json);
        struct cli_export_query q = { .set = set,
                .plan = { .stream = a->stream_path,
                        .from_us = a->from_us,
                        .to_us = a->to_us,
                        .without_audio = cli_args_has(a, CLI_ARGS_WITHOUT_AUDIO),
                        .skip_damaged = skip_damaged,
                        .on_damaged = cli_export_on_damaged,
                        .owner = &progress },
                .on_progress = cli_progress_on_part,
                .owner = &progress };
        r = cli_export_find(&q, ret_plan, e);
        if (r == ERR_NOT_FOUND)
                cli_recorded_around(a, set, a->from_us, a->to_us, remedy);
        if (r == 0) {
                struct cli_export_order o = { .set = set,
                        .output = a->values[CLI_ARGS_OUTPUT],
                        .skip_damaged = skip_damaged,
                        .private_key = key,
                        .on_progress = cli_progress_on_part,
                        .owner = &progress };
                progress.doing = "exporting";
                r = cli_export_write(&o, *ret_plan, files, e);
        }
        explicit_bzero(key, sizeof key);
        cli_progress_end(&progress);
        return r;
}

/* remedy: what the attempt itself knows, or "" */
static int cli_export_failed(const struct cli_args *a, const struct err *e, const char *remedy)
{
        if (!remedy[0] && e->code == ERR_CORRUPT)
                remedy = "custos vault check says more; --skip-damaged exports the rest";
        else if (!remedy[0] && e->code == ERR_STATE)
                remedy = "choose another --output";
        return cli_fail("export", e, remedy, a->json);
}

int cli_export(int argc, char **argv)
{
        struct export_plan *plan = NULL;
        char remedy[CLI_RECORDED_ROOM] = "";
        struct cli_export_files *files;
        struct vault_set set = { 0 };
        struct cli_args a;
        struct err e = { 0 };

        if (!cli_args_parse(&a, &cli_export_command, argc, argv))
                return a.exit;
        int r = cli_export_range(&a);
        if (r != 0)
                return r;
        files = xcalloc(1, sizeof *files);
        r = cli_vaults_open(&a, &set, &e);
        if (r == 0)
                r = cli_export_run(&a, &set, files, &plan, remedy, &e);
        if (r < 0)
                r = cli_export_failed(&a, &e, remedy);
        else if (a.json)
                cli_export_print_json(files, export_plan_damages(plan));
        else
                cli_export_print(files, export_plan_damages(plan));
        cli_export_files_done(files);
        export_plan_free(plan);
        vault_set_done(&set);
        own_freep(&files);
        return r;
}
