/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_storage.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_confirm.h"
#include "cli/cli_storage_print.h"
#include "net/link.h"
#include "vault/volume.h"

#define CLI_STORAGE_PAGE 200

enum { STORAGE_LIST, STORAGE_STATUS, STORAGE_ADD, STORAGE_SET, STORAGE_RETIRE, STORAGE_DAMAGE };

#define CLI_STORAGE_PLAIN_ARGS (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(RECORDER))

static const struct cli_args_command cli_storage_command = {
        .name = "storage",
        .help = "custos storage list\n"
                "custos storage status\n"
                "custos storage add NAME PATH [--weight N] [--stale]\n"
                "custos storage set NAME --weight N\n"
                "custos storage retire NAME [--yes]\n"
                "custos storage damage\n"
                "each with [--recorder NAME]\n"
                "\n"
                "The volumes that footage lies on: directories, each on a disk of its own. The\n"
                "first, main, lies in the state directory. New segments go to those that are\n"
                "healthy, by weight.\n"
                "\n"
                "  add                  PATH is an empty directory, or the top of an empty disk\n"
                "                       that is mounted there and unlocked. Nothing is formatted\n"
                "  set                  another weight\n"
                "  retire               no new segments; what is there is read, and removed when\n"
                "                       its time comes. Asks back\n"
                "  status               each volume with its state, since when, cause and cure,\n"
                "                       room and forecast; of each stream the days it is kept\n"
                "  damage               the segments that are no longer what was sealed\n"
                "\n"
                "  --weight N           1 to 1000, of new segments (default: 100)\n"
                "  --stale              go on with an older copy of a volume that is known here,\n"
                "                       in full knowledge of what it lacks\n"
                "  --yes                retire without being asked back\n" CLI_ARGS_HELP_RECORDER
                        CLI_ARGS_HELP_STATE
                "  --json               list: an array of volumes; status: {volumes, streams,\n"
                "                       clock, forecast, ...}; damage: an array of segments;\n"
                "                       add: {volume, warnings}; others: {}; keys as in\n"
                "                       docs/spec/link.md; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, and with status nothing is wrong, 1 it is, or refused, or Custos\n"
                "does not run, 64 wrong use.\n",
        .verbs_n = 6,
        .verbs = { [STORAGE_LIST] = { .word = "list", .takes = CLI_STORAGE_PLAIN_ARGS },
                [STORAGE_STATUS] = { .word = "status", .takes = CLI_STORAGE_PLAIN_ARGS },
                [STORAGE_ADD] = { .word = "add",
                        .operand = "NAME",
                        .second = "PATH",
                        .takes = CLI_STORAGE_PLAIN_ARGS | CLI_ARGS_BIT(WEIGHT) |
                                 CLI_ARGS_BIT(STALE) },
                [STORAGE_SET] = { .word = "set",
                        .operand = "NAME",
                        .takes = CLI_STORAGE_PLAIN_ARGS,
                        .needs = CLI_ARGS_BIT(WEIGHT) },
                [STORAGE_RETIRE] = { .word = "retire",
                        .operand = "NAME",
                        .takes = CLI_STORAGE_PLAIN_ARGS | CLI_ARGS_BIT(YES) },
                [STORAGE_DAMAGE] = { .word = "damage", .takes = CLI_STORAGE_PLAIN_ARGS } },
};

/* Streams may come in pages; volumes and clock are those of the first. */
int cli_storage_fetch(
        const char *state, const char *recorder, json_t **ret, char *remedy, struct err *e)
{
        json_t *whole = NULL, *ask = json_object();
        bool more = true;

        while (more) {
                json_t *page = NULL;
                cli_put(ask, "recorder", recorder);
                int r = cli_call(state, "storage.list", ask, &page, remedy, e);
                if (r < 0) {
                        json_decref(whole);
                        return r;
                }
                json_t *streams = json_object_get(page, "streams");
                size_t n = json_array_size(streams);
                more = json_is_true(json_object_get(page, "more")) && n;
                if (more)
                        ask = json_pack("{s:s}", "after",
                                cli_text(json_array_get(streams, n - 1), "stream"));
                if (whole) {
                        json_array_extend(json_object_get(whole, "streams"), streams);
                        json_decref(page);
                } else {
                        whole = page;
                }
        }
        json_object_del(whole, "more");
        *ret = whole;
        return 0;
}

static int cli_storage_show(const struct cli_args *a)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *storage, *v;
        bool good = true;
        struct err e;
        size_t i;

        if (cli_storage_fetch(a->state, a->values[CLI_ARGS_RECORDER], &storage, remedy, &e) < 0)
                return cli_fail("storage", &e, remedy, a->json);
        json_t *volumes = json_object_get(storage, "volumes");
        if (a->verb == STORAGE_LIST && a->json)
                cli_print_json(volumes);
        else if (a->verb == STORAGE_LIST)
                cli_storage_print_list(volumes);
        else if (!a->json)
                good = cli_storage_print_status(storage);
        if (a->verb == STORAGE_STATUS && a->json) {
                cli_print_json(storage);
                json_array_foreach(volumes, i, v) good &= cli_storage_print_is_good(v);
                json_array_foreach(json_object_get(storage, "streams"), i, v) good &=
                        !json_is_true(json_object_get(v, "below_minimum"));
        }
        json_decref(storage);
        return good ? CLI_OK : CLI_FAILED;
}

static int cli_storage_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        cli_put(body, "recorder", a->values[CLI_ARGS_RECORDER]);
        return cli_call_disk(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("storage", &e, remedy, a->json)
                       : CLI_OK;
}

/* What a person mistypes, said before anybody is asked. Whether the recorder may write there is the
 * recorder's to say. */
static int cli_storage_check_path(const char *path, bool here, struct err *e)
{
        struct stat st;

        if (path[0] != '/')
                return err_set(e, ERR_INVALID,
                        "the path has to be whole, as in /mnt/disk2: the recorder does not run "
                        "where you are");
        for (const char *c = path; *c; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        return err_set(e, ERR_INVALID,
                                "the path has a line feed or another control character in it: "
                                "mount the disk at a plain one, as in /mnt/disk2");
        }
        if (strlen(path) >= VOLUME_PATH_MAX)
                return err_set(e, ERR_INVALID,
                        "the path has more than %d bytes: mount the disk at "
                        "a shorter one, as in /mnt/disk2",
                        VOLUME_PATH_MAX - 1);
        if (!here)
                return 0;
        if (stat(path, &st) == 0)
                return S_ISDIR(st.st_mode) ? 0
                                           : err_set(e, ERR_NOT_FOUND,
                                                     "%s is no directory: make one, and mount the "
                                                     "disk on it",
                                                     path);
        if (errno == ENOENT || errno == ENOTDIR)
                return err_set(e, ERR_NOT_FOUND,
                        "%s is not there. Make the directory, mount the disk on it, and give it to "
                        "the user that runs Custos",
                        path);
        return 0; /* this user may not look; the recorder will */
}

static int cli_storage_add(const struct cli_args *a)
{
        const char *recorder = a->values[CLI_ARGS_RECORDER];
        bool here = !recorder || strcmp(recorder, "main") == 0; /* as far as is known */
        json_t *answer = NULL, *warning;
        char shown[ERR_TEXT_BYTES];
        struct err e;
        size_t i;

        if (cli_storage_check_path(a->second, here, &e) < 0) {
                snprintf(shown, sizeof shown, "%s", e.text);
                str_escape(e.text, sizeof e.text, bytes_str(shown));
                return cli_fail("storage", &e, NULL, a->json);
        }
        json_t *body = json_object();
        cli_put(body, "name", a->operand);
        cli_put(body, "path", a->second);
        if (cli_args_has(a, CLI_ARGS_WEIGHT))
                json_object_set_new(
                        body, "weight", json_integer((json_int_t)a->numbers[CLI_ARGS_WEIGHT]));
        if (cli_args_has(a, CLI_ARGS_STALE))
                json_object_set_new(body, "stale", json_true());
        int status = cli_storage_call(a, "storage.add", body, &answer);
        if (status != CLI_OK)
                return status;
        if (a->json) {
                cli_print_json(answer);
        } else {
                printf("%s takes new segments from now on.\n", a->operand);
                if (json_is_object(json_object_get(answer, "volume")))
                        cli_storage_print_room(json_object_get(answer, "volume"));
                json_array_foreach(json_object_get(answer, "warnings"), i, warning)
                        printf("WARNING: %s\n", json_string_value(warning));
        }
        json_decref(answer);
        return CLI_OK;
}

static int cli_storage_change(const struct cli_args *a)
{
        bool retire = a->verb == STORAGE_RETIRE;
        json_t *answer = NULL, *body = json_object();
        char question[300], name[80];

        cli_put(body, "name", a->operand);
        if (retire) {
                snprintf(question, sizeof question,
                        "Volume %s will take no new segments, for good. What is on it stays "
                        "readable until its time comes.",
                        str_escape(name, sizeof name, bytes_str(a->operand)));
                int status = cli_confirm(a, question, name);
                if (status != CLI_OK) {
                        json_decref(body);
                        return status;
                }
        } else {
                json_object_set_new(
                        body, "weight", json_integer((json_int_t)a->numbers[CLI_ARGS_WEIGHT]));
        }
        int status = cli_storage_call(a, retire ? "storage.retire" : "storage.set", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK && retire)
                printf("%s is retired: no new segments go there.\n", a->operand);
        else if (status == CLI_OK)
                printf("%s has weight %s.\n", a->operand, a->values[CLI_ARGS_WEIGHT]);
        json_decref(answer);
        return status;
}

static void cli_storage_print_damage(const json_t *all)
{
        char text[ERR_TEXT_BYTES * 2], key[512];
        json_t *s;
        size_t i;

        json_array_foreach(all, i, s)
        {
                printf("%s  %s to %s\n  on %s, %s\n  %s (checked %s)\n", cli_text(s, "stream"),
                        cli_text(s, "from"), cli_text(s, "to"), cli_text(s, "volume"),
                        str_escape(key, sizeof key, bytes_str(cli_text(s, "object_key"))),
                        str_escape(text, sizeof text, bytes_str(cli_text(s, "text"))),
                        cli_text(s, "checked"));
        }
        if (i)
                printf("%zu segment%s no longer what was sealed\n%s\n", i, i == 1 ? " is" : "s are",
                        fault_remedy(FAULT_VOLUME_DAMAGED));
        else
                printf("no damaged segment is known; custos storage status says how far was "
                       "checked\n");
}

static int cli_storage_damage(const struct cli_args *a)
{
        json_t *all = json_array(), *ask = json_pack("{s:i}", "limit", CLI_STORAGE_PAGE);
        int status = CLI_OK;

        while (ask && status == CLI_OK) {
                json_t *answer = NULL;
                status = cli_storage_call(a, "storage.damage", ask, &answer);
                json_t *page = json_object_get(answer, "segments");
                json_array_extend(all, page);
                json_t *last = json_array_get(page, json_array_size(page) - 1);
                bool more = last && json_is_true(json_object_get(answer, "more"));
                ask = more ? json_pack("{s:O, s:i}", "after", json_object_get(last, "number"),
                                     "limit", CLI_STORAGE_PAGE)
                           : NULL;
                json_decref(answer);
        }
        if (status == CLI_OK && a->json)
                cli_print_json(all);
        else if (status == CLI_OK)
                cli_storage_print_damage(all);
        json_decref(all);
        return status;
}

int cli_storage(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_storage_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case STORAGE_LIST:
        case STORAGE_STATUS:
                return cli_storage_show(&a);
        case STORAGE_ADD:
                return cli_storage_add(&a);
        case STORAGE_DAMAGE:
                return cli_storage_damage(&a);
        default:
                return cli_storage_change(&a);
        }
}
