/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_export.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_export_write.h"
#include "cli/cli_verify.h"
#include "cli/cli_wrap_key.h"
#include "os/clock.h"

#define LAST_MAX_S (31u * 24 * 3600)
#define DEFAULT_STREAM "main"

static const char cli_export_help[] =
        "custos export --stream CAMERA[/STREAM] (--from T --to T | --last SECONDS) --output FILE\n"
        "              [--without-audio] [--skip-damaged] [--key FILE | --recovery-kit FILE] "
        "[--vault DIR] [--state DIR]\n"
        "              [--json]\n"
        "\n"
        "Writes footage as a clear MP4 that plays anywhere and that custos verify can prove. Every "
        "fragment is checked before\n"
        "it goes in, and the file again when it is done. Where the recording changes its form, "
        "FILE.2.mp4 goes on.\n"
        "\n"
        "  --stream CAMERA[/STREAM]  the camera, and its stream where it is not \"main\"\n"
        "  --from T, --to T          in UTC: 2026-11-22T15:40:00Z\n"
        "  --last SECONDS            what was recorded last\n"
        "  --without-audio           leave the sound out; its sealed hashes still prove the rest\n"
        "  --skip-damaged            leave damaged fragments out instead of refusing; the verdict "
        "will name them\n"
        "  --key FILE                the recorder's private key (default: recorder/wrap.key in the "
        "state directory)\n"
        "  --recovery-kit FILE       a recovery kit instead (\"-\": standard input)\n"
        "  --vault DIR               default: vault in the state directory\n"
        "\n"
        "Exit: 0 written, 1 not, 64 wrong use.\n";

struct cli_export_arguments {
        char stream[HEAD_PATH_MAX];
        bool stream_is_short; /* a camera alone was named */
        const char *output, *key, *kit, *vault, *state;
        int64_t from_us, to_us;
        uint64_t last_s;
        bool has_from, has_to, without_audio, skip_damaged, json, help;
};

/* "lobby" or "lobby/sub" to the stream path "lobby-main", "lobby-sub". */
static int cli_export_parse_stream(const char *text, char to[static HEAD_PATH_MAX], struct err *e)
{
        const char *slash = strchr(text, '/');
        size_t camera = slash ? (size_t)(slash - text) : strlen(text);

        if (camera < HEAD_PATH_MAX / 2 && (!slash || strlen(slash) < HEAD_PATH_MAX / 2))
                snprintf(to, HEAD_PATH_MAX, "%.*s-%s", (int)camera, text,
                        slash ? slash + 1 : DEFAULT_STREAM);
        if (!head_is_stream_path(to))
                return err_set(e, ERR_INVALID,
                        "--stream takes CAMERA or CAMERA/STREAM, as custos camera list shows them");
        return 0;
}

enum cli_export_option {
        OPTION_STREAM = 256,
        OPTION_FROM,
        OPTION_TO,
        OPTION_LAST,
        OPTION_OUTPUT,
        OPTION_WITHOUT_AUDIO,
        OPTION_SKIP_DAMAGED,
        OPTION_KEY,
        OPTION_KIT,
        OPTION_VAULT,
        OPTION_STATE,
        OPTION_JSON,
        OPTION_HELP,
};

static int cli_export_take(
        struct cli_export_arguments *a, int option, const char *value, struct err *e)
{
        switch (option) {
        case OPTION_STREAM:
                a->stream_is_short = strchr(value, '/') == NULL;
                return cli_export_parse_stream(value, a->stream, e);
        case OPTION_FROM:
                a->has_from = true;
                return str_parse_time(value, &a->from_us, e);
        case OPTION_TO:
                a->has_to = true;
                return str_parse_time(value, &a->to_us, e);
        case OPTION_LAST:
                return str_uint(value, 1, LAST_MAX_S, &a->last_s, e);
        case OPTION_OUTPUT:
                a->output = value;
                return 0;
        case OPTION_WITHOUT_AUDIO:
                a->without_audio = true;
                return 0;
        case OPTION_SKIP_DAMAGED:
                a->skip_damaged = true;
                return 0;
        case OPTION_KEY:
                a->key = value;
                return 0;
        case OPTION_KIT:
                a->kit = value;
                return 0;
        case OPTION_VAULT:
                a->vault = value;
                return 0;
        case OPTION_STATE:
                a->state = value;
                return 0;
        case OPTION_JSON:
                a->json = true;
                return 0;
        case OPTION_HELP:
                a->help = true;
                return 0;
        default:
                return err_set(e, ERR_INVALID, "that option is not known or lacks its value");
        }
}

/* Returns 0, or the exit code of a misuse that was printed. */
static int cli_export_parse(int argc, char **argv, struct cli_export_arguments *a)
{
        static const struct option names[] = {{"stream", required_argument, NULL, OPTION_STREAM},
                {"from", required_argument, NULL, OPTION_FROM},
                {"to", required_argument, NULL, OPTION_TO},
                {"last", required_argument, NULL, OPTION_LAST},
                {"output", required_argument, NULL, OPTION_OUTPUT},
                {"without-audio", no_argument, NULL, OPTION_WITHOUT_AUDIO},
                {"skip-damaged", no_argument, NULL, OPTION_SKIP_DAMAGED},
                {"key", required_argument, NULL, OPTION_KEY},
                {"recovery-kit", required_argument, NULL, OPTION_KIT},
                {"vault", required_argument, NULL, OPTION_VAULT},
                {"state", required_argument, NULL, OPTION_STATE},
                {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, OPTION_HELP},
                {0}};
        struct err e;
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0)
                if (cli_export_take(a, c, optarg, &e) < 0)
                        return cli_misused("export", e.text);
        if (a->help)
                return 0;
        if (optind < argc)
                return cli_misused("export", "takes only options; the file is given with --output");
        if (!a->stream[0] || !a->output)
                return cli_misused("export", "--stream and --output are needed");
        if (a->last_s ? a->has_from || a->has_to : !a->has_from || !a->has_to)
                return cli_misused("export", "give --from and --to, or --last");
        if (a->last_s) {
                a->to_us = clock_wall_us();
                a->from_us = a->to_us - (int64_t)a->last_s * 1000000;
        }
        return 0;
}

/* --- progress --- */

struct cli_export_progress {
        const char *doing;
        bool wanted, shown;
        unsigned percent;
};

static void cli_export_on_progress(void *owner, uint64_t done, uint64_t total)
{
        struct cli_export_progress *p = owner;
        unsigned percent = total ? (unsigned)(done * 100 / total) : 100;

        if (!p->wanted || (p->shown && percent == p->percent))
                return;
        p->shown = true;
        p->percent = percent;
        fprintf(stderr, "\r%s: %3u %%", p->doing, percent);
        fflush(stderr);
}

static void cli_export_end_progress(struct cli_export_progress *p)
{
        if (p->shown)
                fputs("\r\033[K", stderr);
        p->shown = false;
}

static void cli_export_on_damaged(void *owner, const char *where, const char *text)
{
        cli_export_end_progress(owner);
        fprintf(stderr, "damaged: %s: %s\n", where, text);
}

/* --- what came out --- */

static const char cli_export_warnings[] =
        "The evidence in the file holds the keys of the segments that it touches: each opens its "
        "whole minute to whoever\n"
        "has the encrypted recording. The edit list trims what is shown and removes nothing: the "
        "file holds whole fragments.\n";

static void cli_export_print(
        const struct cli_export_files *files, const struct cli_export_found *found)
{
        char hex[65];

        for (unsigned i = 0; i < files->n; i++) {
                const struct cli_export_file *f = &files->files[i];
                printf("%s: %" PRIu64 " bytes\n", f->path, f->bytes);
                for (size_t k = 0; k < f->verdict.items_n; k++)
                        f->verdict.items[k].where[0] = '\0';
                cli_verify_print_items(&f->verdict);
        }
        if (found->damaged)
                printf("%u damaged place%s: fragments that are not as sealed were left out, and "
                       "the verdict says so.\n",
                        found->damaged, found->damaged == 1 ? "" : "s");
        printf("\n%s", cli_export_warnings);
        printf("To prove it: custos verify --trust FINGERPRINT %s\n", files->files[0].path);
        printf("FINGERPRINT of the site that sealed this: %s\nGive it to the receiver by another "
               "way than the film.\n",
                str_hex(hex, BYTES(files->files[0].verdict.fingerprint, 32)));
}

static void cli_export_print_json(
        const struct cli_export_files *files, const struct cli_export_found *found)
{
        json_t *list = json_array();
        char hex[65];

        for (unsigned i = 0; i < files->n; i++) {
                const struct cli_export_file *f = &files->files[i];
                json_array_append_new(list,
                        json_pack("{s:s, s:I, s:o}", "path", f->path, "bytes", (json_int_t)f->bytes,
                                "items", cli_verify_items_json(&f->verdict)));
        }
        json_t *o = json_pack("{s:o, s:i, s:s, s:s}", "files", list, "damaged", (int)found->damaged,
                "fingerprint", str_hex(hex, BYTES(files->files[0].verdict.fingerprint, 32)),
                "warnings", cli_export_warnings);
        cli_print_json(o);
        json_decref(o);
}

/* --- the whole --- */

/* "lobby-main" is how the vault's directories are called: taken as such where there is no camera of
 * that name. */
static void cli_export_settle_stream(struct cli_export_arguments *a, const char *vault)
{
        CLEANUP(own_freep) char *dir = xasprintf("%s/%s", vault, a->stream);
        size_t end = strlen(dir) - strlen("-" DEFAULT_STREAM);

        if (!a->stream_is_short || file_exists(dir))
                return;
        dir[end] = '\0';
        const char *name = strrchr(dir, '/') + 1;
        if (file_exists(dir) && head_is_stream_path(name))
                memmove(a->stream, name, strlen(name) + 1);
}

static int cli_export_run(const struct cli_export_arguments *a, const char *state,
        const char *vault, struct cli_export_files *files, struct cli_export_found *found,
        struct err *e)
{
        struct cli_export_progress progress = {
                .doing = "checking", .wanted = !a->json && isatty(STDERR_FILENO)};
        uint8_t key[HPKE_PRIVATE_BYTES];
        int r = cli_wrap_key(state, a->key, a->kit, key, e);

        if (r < 0)
                return r;
        struct cli_export_query q = {.vault = vault,
                .stream = a->stream,
                .from_us = a->from_us,
                .to_us = a->to_us,
                .skip_damaged = a->skip_damaged,
                .on_damaged = cli_export_on_damaged,
                .on_progress = cli_export_on_progress,
                .owner = &progress};
        r = cli_export_find(&q, found, e);
        if (r == 0) {
                struct cli_export_order o = {.vault = vault,
                        .output = a->output,
                        .from_us = a->from_us,
                        .to_us = a->to_us,
                        .without_audio = a->without_audio,
                        .skip_damaged = a->skip_damaged,
                        .private_key = key,
                        .on_progress = cli_export_on_progress,
                        .owner = &progress};
                progress.doing = "exporting";
                r = cli_export_write(&o, found, files, e);
        }
        explicit_bzero(key, sizeof key);
        cli_export_end_progress(&progress);
        return r;
}

static const char *cli_export_remedy(const struct err *e)
{
        switch (e->code) {
        case ERR_CORRUPT:
                return "custos vault check says more; --skip-damaged exports the rest";
        case ERR_STATE:
                return "choose another --output";
        case ERR_NOT_FOUND:
                return "custos vault ls shows what was recorded, custos camera list the cameras";
        default:
                return NULL;
        }
}

int cli_export(int argc, char **argv)
{
        struct cli_export_arguments a = {0};
        struct cli_export_files *files;
        struct cli_export_found found = {0};
        char state[CLI_PATH_MAX];
        struct err e = {0};

        int r = cli_export_parse(argc, argv, &a);
        if (r != 0)
                return r;
        if (a.help) {
                fputs(cli_export_help, stdout);
                return CLI_OK;
        }
        cli_state(a.state, state);
        CLEANUP(own_freep) char *vault = a.vault ? xstrdup(a.vault) : xasprintf("%s/vault", state);
        cli_export_settle_stream(&a, vault);
        files = xcalloc(1, sizeof *files);
        r = cli_export_run(&a, state, vault, files, &found, &e);
        if (r < 0)
                r = cli_fail("export", &e, cli_export_remedy(&e), a.json);
        else if (a.json)
                cli_export_print_json(files, &found);
        else
                cli_export_print(files, &found);
        cli_export_files_done(files);
        cli_export_found_done(&found);
        own_freep(&files);
        return r;
}
