/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_vault.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_vault_check.h"
#include "net/link.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/rebuild.h"

static const char cli_vault_help[] =
        "custos vault check [--key FILE | --recovery-kit FILE] [--trust FINGERPRINT]\n"
        "custos vault rebuild\n"
        "custos vault ls [--stream CAMERA-STREAM] [--from TIME] [--to TIME]\n"
        "\n"
        "check    reads every byte: seals and chains, key files, index. Needs no key; with one "
        "(--key FILE of the recorder,\n"
        "         --recovery-kit FILE, - for standard input) it decrypts every fragment too.\n"
        "         Exit: 0 whole, 1 a fault, 2 cannot tell (no --trust, and no fault found), 64 "
        "wrong use.\n"
        "rebuild  makes the index again from the files alone. Not while Custos runs on this "
        "vault.\n"
        "ls       segments, their times, sizes and gaps. Times as 2026-11-22T15:40:01Z.\n"
        "\n"
        "--state DIR   the state directory (the vault is in DIR/vault)\n"
        "--vault DIR   a vault elsewhere, a copy for example\n"
        "--json        for programs\n";

struct vault_args {
        char state[CLI_PATH_MAX], vault[CLI_PATH_MAX + 8];
        const char *key, *kit, *trust, *stream;
        int64_t from_us, to_us;
        bool json, vault_given;
};

/* --- rebuild --- */

struct rebuild_progress {
        bool terminal;
        uint64_t n;
};

static void on_rebuilt(void *owner, const char *object_key)
{
        struct rebuild_progress *p = owner;

        if (p->terminal && p->n++ % 64 == 0)
                fprintf(stderr, "\r%" PRIu64 " files  %-60.60s", p->n, object_key);
}

/* The recorder holds the lock while it runs; it would go on writing to the index that is replaced.
 */
static int lock_vault(const struct vault_args *a, int *ret_fd, struct err *e)
{
        char path[sizeof a->vault + 8], remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;

        if (!file_exists(a->vault))
                return err_set(e, ERR_NOT_FOUND, "there is no vault at %s", a->vault);
        if (!a->vault_given &&
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

static int vault_rebuild(const struct vault_args *a)
{
        struct rebuild_progress progress = {.terminal = !a->json && isatty(STDERR_FILENO)};
        struct rebuild_result result;
        CLEANUP(own_closep) int lock = -1;
        struct err e;

        int r = lock_vault(a, &lock, &e);
        if (r == 0)
                r = rebuild_index_counted(a->vault, on_rebuilt, &progress, &result, &e);
        if (progress.terminal)
                fputs("\r\033[K", stderr);
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
        const struct vault_args *args;
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

static int vault_ls(const struct vault_args *a)
{
        struct listing l = {.args = a, .out = a->json ? json_array() : NULL};
        struct index *ix = NULL;
        struct err e;

        int r = index_open(a->vault, &ix, &e);
        if (r == 0)
                r = index_search(ix, a->stream, a->from_us, a->to_us, on_listed, &l, &e);
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

/* --- options --- */

enum { STATE = 256, VAULT, KEY, KIT, TRUST, STREAM, FROM, TO, JSON, HELP };

/* -1: go on; else the exit code. */
static int vault_option(struct vault_args *a, int c, const char **state, struct err *e)
{
        switch (c) {
        case STATE:
                *state = optarg;
                return -1;
        case VAULT:
                a->vault_given = true;
                snprintf(a->vault, sizeof a->vault, "%s", optarg);
                return -1;
        case KEY:
                a->key = optarg;
                return -1;
        case KIT:
                a->kit = optarg;
                return -1;
        case TRUST:
                a->trust = optarg;
                return -1;
        case STREAM:
                a->stream = optarg;
                return -1;
        case FROM:
                return str_parse_time(optarg, &a->from_us, e) < 0 ? cli_misused("vault", e->text)
                                                                  : -1;
        case TO:
                return str_parse_time(optarg, &a->to_us, e) < 0 ? cli_misused("vault", e->text)
                                                                : -1;
        case JSON:
                a->json = true;
                return -1;
        case HELP:
                fputs(cli_vault_help, stdout);
                return CLI_OK;
        default:
                return cli_misused("vault", "that option is not known or lacks its value");
        }
}

static int vault_parse(int argc, char **argv, struct vault_args *a)
{
        static const struct option names[] = {{"state", required_argument, NULL, STATE},
                {"vault", required_argument, NULL, VAULT}, {"key", required_argument, NULL, KEY},
                {"recovery-kit", required_argument, NULL, KIT},
                {"trust", required_argument, NULL, TRUST},
                {"stream", required_argument, NULL, STREAM},
                {"from", required_argument, NULL, FROM}, {"to", required_argument, NULL, TO},
                {"json", no_argument, NULL, JSON}, {"help", no_argument, NULL, HELP}, {0}};
        const char *state = NULL;
        struct err e;
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                int r = vault_option(a, c, &state, &e);
                if (r >= 0)
                        return r;
        }
        cli_state(state, a->state);
        if (!a->vault_given)
                snprintf(a->vault, sizeof a->vault, "%s/vault", a->state);
        if (a->key && a->kit)
                return cli_misused("vault", "takes --key or --recovery-kit, not both");
        if (a->stream && !head_is_stream_path(a->stream))
                return cli_misused(
                        "vault", "--stream takes a camera and its stream, as in lobby-main");
        return -1;
}

int cli_vault(int argc, char **argv)
{
        struct vault_args a = {.from_us = INT64_MIN, .to_us = INT64_MAX};

        int r = vault_parse(argc, argv, &a);
        if (r >= 0)
                return r;
        const char *what = optind < argc ? argv[optind] : "";
        if (optind + 1 < argc)
                return cli_misused("vault", "takes one word: check, rebuild or ls");
        if (strcmp(what, "check") == 0) {
                struct cli_vault_check_options o = {.state = a.state,
                        .vault = a.vault,
                        .key = a.key,
                        .kit = a.kit,
                        .trust = a.trust,
                        .json = a.json};
                return cli_vault_check(&o);
        }
        if (strcmp(what, "rebuild") == 0)
                return vault_rebuild(&a);
        if (strcmp(what, "ls") == 0)
                return vault_ls(&a);
        return cli_misused("vault", "takes one word: check, rebuild or ls");
}
