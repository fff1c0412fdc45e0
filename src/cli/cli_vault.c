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
#include "net/link.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/rebuild.h"

enum { VAULT_CHECK, VAULT_REBUILD, VAULT_LS };

static const struct cli_args_command cli_vault_command = {
        .name = "vault",
        .help = "custos vault check [--trust FINGERPRINT] [--key FILE | --recovery-kit FILE]\n"
                "custos vault rebuild\n"
                "custos vault ls [--camera NAME [--stream NAME]] [--from TIME] [--to TIME]\n"
                "\n"
                "check    reads every byte: seals and chains, key files, index. Needs no key;\n"
                "         with one it decrypts every fragment too.\n"
                "rebuild  makes the index again from the files alone. Not while Custos runs on\n"
                "         this vault.\n"
                "ls       segments, their times, sizes and gaps\n"
                "\n" CLI_ARGS_HELP_TRUST CLI_ARGS_HELP_KEYS CLI_ARGS_HELP_STREAM
                "  --from, --to TIME    what was recorded between them\n" CLI_ARGS_HELP_STATE
                        CLI_ARGS_HELP_VAULT
                "  --json               check: {result, fingerprint, seals, faults: [{where,\n"
                "                       text}], segments, fragments, decrypted_fragments,\n"
                "                       key_files, empty_files, index}, seals as items of\n"
                "                       custos verify --json; rebuild: {segments, bytes,\n"
                "                       streams, not_indexed}; ls: [{stream, object_key, from,\n"
                "                       to, bytes, fragments, closed, gaps: [{cause, from, to,\n"
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
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) | CLI_ARGS_BIT(JSON) },
                [VAULT_LS] = { .word = "ls",
                        .takes = CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(FROM) |
                                 CLI_ARGS_BIT(TO) | CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) |
                                 CLI_ARGS_BIT(JSON) } },
};

/* --- rebuild --- */

/* The recorder holds the lock while it runs; it would go on writing to the index that is replaced.
 */
static int lock_vault(const struct cli_args *a, int *ret_fd, struct err *e)
{
        char path[sizeof a->vault + 8], remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;

        int r = cli_recorded_check(a, e);
        if (r < 0)
                return r;
        if (!cli_args_has(a, CLI_ARGS_VAULT) &&
                cli_call(a->state, "status", json_object(), &answer, remedy, NULL) == 0) {
                json_decref(answer);
                return err_set(e, ERR_STATE,
                        "Custos runs on this vault; it keeps the index itself. Stop it first");
        }
        snprintf(path, sizeof path, "%s/lock", a->vault);
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(e, ERR_STATE,
                        "a recorder runs on this vault; it keeps the index itself. Stop it first");
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int vault_rebuild(const struct cli_args *a)
{
        struct cli_progress progress;
        struct rebuild_result result;
        CLEANUP(own_closep) int lock = -1;
        struct err e;

        cli_progress_init(&progress, "reading", a->json);
        int r = lock_vault(a, &lock, &e);
        if (r == 0)
                r = rebuild_index_counted(a->vault, cli_progress_on_name, &progress, &result, &e);
        cli_progress_end(&progress);
        if (r < 0)
                return cli_fail("vault", &e, NULL, a->json);
        if (a->json) {
                json_t *o = json_pack("{s:I, s:I, s:i, s:i}", "segments",
                        (json_int_t)result.segments, "bytes", (json_int_t)result.bytes, "streams",
                        (int)result.streams, "not_indexed", (int)result.unreadable);
                cli_print_json(o);
                json_decref(o);
        } else {
                printf("index of %" PRIu64 " segments in %u streams, %" PRIu64 " bytes\n",
                        result.segments, result.streams, result.bytes);
                if (result.unreadable)
                        printf("%u files hold nothing that can be read as sealed: custos vault "
                               "check says more\n",
                                result.unreadable);
        }
        return CLI_OK;
}

/* --- ls --- */

struct listing {
        const struct cli_args *args;
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
static void list_gaps(struct listing *l, const char *object_key, json_t *gaps)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", l->args->vault, object_key);
        struct file_map map;
        struct segment s;

        if (file_map_open(path, &map, NULL) < 0)
                return;
        if (map.bytes.n && segment_read(map.bytes, &s, NULL) == 0) {
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
        file_map_done(&map);
}

static int on_listed(void *owner, const struct index_segment *s, struct err *e)
{
        struct listing *l = owner;
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        (void)e;
        str_time(from, s->first_us > 0 ? s->first_us : 0);
        str_time(to, s->last_us > 0 ? s->last_us : 0);
        l->segments++;
        l->bytes += s->bytes;
        l->us += s->last_us - s->first_us;
        if (l->out) {
                json_t *gaps = json_array();
                list_gaps(l, s->object_key, gaps);
                json_array_append_new(l->out,
                        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:o}", "stream", s->stream,
                                "object_key", s->object_key, "from", from, "to", to, "bytes",
                                (json_int_t)s->bytes, "fragments", (json_int_t)s->fragments,
                                "closed", s->closed, "gaps", gaps));
                return 0;
        }
        if (strcmp(l->stream, s->stream) != 0) {
                snprintf(l->stream, sizeof l->stream, "%s", s->stream);
                printf("%s\n", s->stream);
        }
        printf("  %s to %s  %10" PRIu64 " bytes  %s%s\n", from, to, s->bytes,
                s->object_key + strlen(s->stream) + 1, s->closed ? "" : "  (not closed)");
        list_gaps(l, s->object_key, NULL);
        return 0;
}

static int vault_ls(const struct cli_args *a)
{
        struct listing l = { .args = a, .out = a->json ? json_array() : NULL };
        struct index *ix = NULL;
        struct err e;

        int r = cli_recorded_check(a, &e);
        if (r == 0)
                r = index_open(a->vault, &ix, &e);
        if (r == 0)
                r = index_search(ix, a->stream_path[0] ? a->stream_path : NULL, a->from_us,
                        a->to_us, on_listed, &l, &e);
        index_free(ix);
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
