/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_progress.h"
#include "cli/cli_recorded.h"
#include "cli/cli_vault_check.h"
#include "cli/cli_vaults.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/rebuild.h"
#include "vault/segment_skim.h"

enum { VAULT_CHECK, VAULT_REBUILD, VAULT_LS };

static const struct cli_args_command cli_vault_command = {
        .name = "vault",
        .help = "custos vault check [--trust FINGERPRINT] [--key FILE | --recovery-kit FILE]\n"
                "custos vault rebuild\n"
                "custos vault ls [--camera NAME [--stream NAME]] [--from TIME] [--to TIME]\n"
                "\n"
                "Of all volumes, as one.\n"
                "check    reads every byte: seals and chains, key files, locks, index. Needs no\n"
                "         key; with one it decrypts every fragment too.\n"
                "rebuild  makes the index again from the volumes' files alone. Not while Custos\n"
                "         runs.\n"
                "ls       segments, their times, sizes and gaps\n"
                "\n" CLI_ARGS_HELP_TRUST CLI_ARGS_HELP_KEYS CLI_ARGS_HELP_STREAM
                "  --from, --to TIME    what was recorded between them\n" CLI_ARGS_HELP_STATE
                        CLI_ARGS_HELP_VAULT
                "  --json               check: {result, fingerprint, seals, faults: [{where,\n"
                "                       text}], segments, fragments, decrypted_fragments,\n"
                "                       key_files, locks, empty_files, index}, seals as items\n"
                "                       of custos verify --json; rebuild: {segments, bytes,\n"
                "                       streams, not_indexed, copies, locks, away: [{volume,\n"
                "                       text}]}; ls: [{stream, object_key, volume, from, to,\n"
                "                       bytes, fragments, closed, gaps: [{cause, from, to,\n"
                "                       frames}]}]; or {error: {code, text, remedy}}\n"
                "\n" CLI_ARGS_HELP_TIME
                "Exit: 0 done (check: whole), 1 not (check: a fault), 64 wrong use; of check 2:\n"
                "cannot tell (no --trust, and no fault found).\n",
        .verbs_n = 3,
        .verbs = { [VAULT_CHECK] = { .word = "check",
                           .takes = CLI_ARGS_BIT(TRUST) | CLI_ARGS_BIT(KEY) | CLI_ARGS_BIT(KIT) |
                                    CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) |
                                    CLI_ARGS_BIT(JSON) },
                [VAULT_REBUILD] = { .word = "rebuild",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) },
                [VAULT_LS] = { .word = "ls",
                        .takes = CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(FROM) |
                                 CLI_ARGS_BIT(TO) | CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) |
                                 CLI_ARGS_BIT(JSON) } },
};

/* --- rebuild --- */

/* The recorder's parent holds it while it runs; it would go on writing to the index that is
 * replaced. */
static int lock_index(const char *directory, int *ret_fd, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/lock", directory);
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(e, ERR_STATE,
                        "Custos runs on this state directory; it keeps the index itself. Stop it "
                        "first");
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static json_t *away_json(const struct rebuild_result *result, const struct volume_list *volumes)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < result->away_n; i++)
                json_array_append_new(
                        list, json_pack("{s:s, s:s}", "volume",
                                      volume_list_find(volumes, result->away[i].number)->name,
                                      "text", result->away[i].text));
        return list;
}

static void print_rebuilt(const struct rebuild_result *result, const struct volume_list *volumes)
{
        printf("index of %" PRIu64 " segments in %u streams, %" PRIu64 " bytes; %u locks\n",
                result->segments, result->streams, result->bytes, result->locks);
        if (result->unreadable)
                printf("%u files hold nothing that can be read as sealed: custos vault check says "
                       "more\n",
                        result->unreadable);
        if (result->copies)
                printf("%u files lie on another volume too, and are not in it\n", result->copies);
        if (result->unreadable_locks)
                printf("%u lock files cannot be read: custos vault check says more\n",
                        result->unreadable_locks);
        for (unsigned i = 0; i < result->away_n; i++)
                printf("not in it, for it cannot be read: volume %s: %s\n",
                        volume_list_find(volumes, result->away[i].number)->name,
                        result->away[i].text);
}

static int rebuild_all(const struct cli_args *a, struct volume_list *volumes,
        struct rebuild_result *result, struct err *e)
{
        CLEANUP(own_freep) char *directory = xasprintf("%s/storage", a->state);
        CLEANUP(own_closep) int lock = -1;
        struct vault_set set = { 0 };
        struct cli_progress progress;

        cli_progress_init(&progress, "reading", a->json);
        int r = cli_vaults_open(a, &set, e); /* for what it says where there is nothing at all */
        vault_set_done(&set);
        if (r == 0)
                r = file_make_dirs(directory, 0700, e);
        if (r == 0)
                r = lock_index(directory, &lock, e);
        if (r == 0)
                r = volume_list_read(a->state, volumes, e);
        if (r == 0)
                r = rebuild_index(directory, volumes, cli_progress_on_name, &progress, result, e);
        cli_progress_end(&progress);
        return r;
}

static int vault_rebuild(const struct cli_args *a)
{
        CLEANUP(own_freep) struct volume_list *volumes = xcalloc(1, sizeof *volumes);
        struct rebuild_result result;
        struct err e;

        if (rebuild_all(a, volumes, &result, &e) < 0)
                return cli_fail("vault", &e, NULL, a->json);
        if (a->json) {
                json_t *o = json_pack("{s:I, s:I, s:i, s:i, s:i, s:i, s:o}", "segments",
                        (json_int_t)result.segments, "bytes", (json_int_t)result.bytes, "streams",
                        (int)result.streams, "not_indexed", (int)result.unreadable, "copies",
                        (int)result.copies, "locks", (int)result.locks, "away",
                        away_json(&result, volumes));
                cli_print_json(o);
                json_decref(o);
        } else {
                print_rebuilt(&result, volumes);
        }
        return CLI_OK;
}

/* --- ls --- */

struct listing {
        const struct vault_set *set;
        json_t *out; /* with --json */
        char stream[HEAD_PATH_MAX];
        uint64_t segments, bytes, gaps;
        int64_t us;
};

static json_t *gap_json(const struct seal_gap *g)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        return json_pack("{s:s, s:o, s:s, s:I}", "cause", seal_gap_name(g->cause), "from",
                g->from_us < 0 ? json_null() : json_string(str_time(from, g->from_us)), "to",
                str_time(to, g->to_us > 0 ? g->to_us : 0), "frames", (json_int_t)g->frames);
}

static void print_gap(const struct seal_gap *g)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        str_time(to, g->to_us > 0 ? g->to_us : 0);
        if (g->from_us < 0)
                printf("      gap, %s: until %s", seal_gap_name(g->cause), to);
        else
                printf("      gap, %s: %s to %s", seal_gap_name(g->cause),
                        str_time(from, g->from_us), to);
        if (g->frames)
                printf(", %" PRIu32 " frames", g->frames);
        putchar('\n');
}

/* Gaps stand in the seals, not in the index. Each is printed, and added to `gaps` where that is not
 * NULL. */
static void list_gaps(struct listing *l, const struct vault_set_member *volume,
        const char *object_key, json_t *gaps)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", volume->path, object_key);
        struct segment_skim skim;
        struct segment s;

        if (volume->away || segment_skim_open(path, &skim, NULL) < 0)
                return;
        if (skim.bytes.n && segment_read(skim.bytes, &s, NULL) == 0) {
                for (unsigned i = 0; i < s.fragments_n; i++) {
                        const struct seal *seal = &s.fragments[i].seal;
                        for (unsigned k = 0; k < seal->gaps_n; k++, l->gaps++) {
                                if (gaps)
                                        json_array_append_new(gaps, gap_json(&seal->gaps[k]));
                                else
                                        print_gap(&seal->gaps[k]);
                        }
                }
                segment_done(&s);
        }
        segment_skim_close(&skim);
}

static const struct vault_set_member *volume_of(const struct listing *l, uint32_t number)
{
        static char name[] = "?", away[] = "it is not in the list";
        static const struct vault_set_member unknown = { .name = name, .away = away };

        for (unsigned i = 0; i < l->set->n; i++)
                if (l->set->members[i].number == number)
                        return &l->set->members[i];
        return &unknown;
}

static int on_listed(void *owner, const struct index_segment *s, struct err *e)
{
        struct listing *l = owner;
        const struct vault_set_member *volume = volume_of(l, s->volume);
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        (void)e;
        str_time(from, s->first_us > 0 ? s->first_us : 0);
        str_time(to, s->last_us > 0 ? s->last_us : 0);
        l->segments++;
        l->bytes += s->bytes;
        l->us += s->last_us - s->first_us;
        if (l->out) {
                json_t *gaps = json_array();
                list_gaps(l, volume, s->object_key, gaps);
                json_array_append_new(l->out,
                        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:o}", "stream",
                                s->stream, "object_key", s->object_key, "volume", volume->name,
                                "from", from, "to", to, "bytes", (json_int_t)s->bytes, "fragments",
                                (json_int_t)s->fragments, "closed", s->closed, "gaps", gaps));
                return 0;
        }
        if (strcmp(l->stream, s->stream) != 0) {
                snprintf(l->stream, sizeof l->stream, "%s", s->stream);
                printf("%s\n", s->stream);
        }
        printf("  %s to %s  %10" PRIu64 " bytes  %s%s%s%s%s\n", from, to, s->bytes,
                s->object_key + strlen(s->stream) + 1, l->set->n > 1 ? "  on " : "",
                l->set->n > 1 ? volume->name : "", s->closed ? "" : "  (not closed)",
                volume->away ? "  (volume not there)" : "");
        list_gaps(l, volume, s->object_key, NULL);
        return 0;
}

/* The recorder's index; of disks taken elsewhere, one made for this look from their files. */
static int open_index(
        const struct cli_args *a, struct vault_set *set, struct index **ret, struct err *e)
{
        CLEANUP(own_freep) char *directory = cli_vaults_index(a);
        CLEANUP(index_freep) struct index *ix = NULL;
        struct cli_progress progress;

        if (directory)
                return index_open(directory, ret, e);
        int r = index_create(NULL, &ix, e);
        cli_progress_init(&progress, "reading", a->json);
        if (r == 0)
                r = rebuild_into(ix, set, cli_progress_on_name, &progress, NULL, e);
        cli_progress_end(&progress);
        if (r == 0)
                *ret = TAKE(ix);
        return r;
}

static int vault_ls(const struct cli_args *a)
{
        struct vault_set set = { 0 };
        struct listing l = { .set = &set, .out = a->json ? json_array() : NULL };
        struct index *ix = NULL;
        struct err e;

        int r = cli_vaults_open(a, &set, &e);
        if (r == 0)
                r = cli_recorded_check(a, &set, &e);
        if (r == 0)
                r = open_index(a, &set, &ix, &e);
        if (r == 0)
                r = index_search(ix, a->stream_path[0] ? a->stream_path : NULL, a->from_us,
                        a->to_us, on_listed, &l, &e);
        index_free(ix);
        vault_set_done(&set);
        if (r == 0 && a->json)
                cli_print_json(l.out);
        json_decref(l.out);
        if (r < 0)
                return cli_fail("vault", &e, NULL, a->json);
        if (!a->json)
                printf("\n%" PRIu64 " segments, %" PRId64 " s recorded, %" PRIu64 " bytes, %" PRIu64
                       " gaps\n",
                        l.segments, l.us / 1000000, l.bytes, l.gaps);
        return CLI_OK;
}

int cli_vault(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_vault_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case VAULT_CHECK:
                return cli_vault_check(&a);
        case VAULT_REBUILD:
                return vault_rebuild(&a);
        default:
                return vault_ls(&a);
        }
}
