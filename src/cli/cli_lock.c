/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_lock.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_confirm.h"
#include "net/link.h"

#define CLI_LOCK_PAGE 200
#define CLI_LOCK_TEXT_ROOM 1600

enum { LOCK_ADD, LOCK_LIST, LOCK_REMOVE };

#define CLI_LOCK_PLAIN_ARGS (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(RECORDER))

static const struct cli_args_command cli_lock_command = {
        .name = "lock",
        .help = "custos lock add --camera NAME [--stream NAME] --from TIME --to TIME\n"
                "                --reason TEXT [--recorder NAME]\n"
                "custos lock list [--recorder NAME]\n"
                "custos lock remove ID --reason TEXT [--recorder NAME] [--yes]\n"
                "\n"
                "What is locked is removed by nothing, neither for its age nor for want of room,\n"
                "until somebody removes the lock. Both, with who and why, are in custos audit\n"
                "show; the lock lies beside the footage, on each volume.\n"
                "\n" CLI_ARGS_HELP_STREAM "  --from TIME, --to TIME  of the footage\n"
                "  --reason TEXT        why, one line\n"
                "  --recorder NAME      of add: whose footage it is, where the camera was with\n"
                "                       another then (default: the camera's); else of this one\n"
                "                       alone\n"
                "  --yes                remove without being asked back\n" CLI_ARGS_HELP_STATE
                "  --json               add: {id, recorder, warnings}; list: an array of {id,\n"
                "                       recorder, stream, from, to, made, by, reason}; remove:\n"
                "                       {}; or {error: {code, text, remedy}}\n"
                "\n" CLI_ARGS_HELP_TIME "\n"
                "Exit: 0 done, 1 refused, not there or Custos does not run, 64 wrong use.\n",
        .verbs_n = 3,
        .verbs = { [LOCK_ADD] = { .word = "add",
                           .takes = CLI_LOCK_PLAIN_ARGS | CLI_ARGS_BIT(STREAM),
                           .needs = CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(FROM) | CLI_ARGS_BIT(TO) |
                                    CLI_ARGS_BIT(REASON) },
                [LOCK_LIST] = { .word = "list", .takes = CLI_LOCK_PLAIN_ARGS },
                [LOCK_REMOVE] = { .word = "remove",
                        .operand = "ID",
                        .takes = CLI_LOCK_PLAIN_ARGS | CLI_ARGS_BIT(YES),
                        .needs = CLI_ARGS_BIT(REASON) } },
};

static int cli_lock_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        return cli_call(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("lock", &e, remedy, a->json)
                       : CLI_OK;
}

static int cli_lock_add(const struct cli_args *a)
{
        json_t *answer = NULL, *body = json_object(), *warning;
        size_t i;

        cli_put(body, "camera", a->values[CLI_ARGS_CAMERA]);
        cli_put(body, "stream", a->stream);
        cli_put(body, "recorder", a->values[CLI_ARGS_RECORDER]);
        cli_put(body, "from", a->values[CLI_ARGS_FROM]);
        cli_put(body, "to", a->values[CLI_ARGS_TO]);
        cli_put(body, "reason", a->values[CLI_ARGS_REASON]);
        int status = cli_lock_call(a, "lock.add", body, &answer);
        if (status == CLI_OK && a->json) {
                cli_print_json(answer);
        } else if (status == CLI_OK) {
                printf("%s is locked from %s to %s: lock %s\n", a->stream_path,
                        a->values[CLI_ARGS_FROM], a->values[CLI_ARGS_TO], cli_text(answer, "id"));
                json_array_foreach(json_object_get(answer, "warnings"), i, warning)
                        printf("WARNING: %s\n", json_string_value(warning));
        }
        json_decref(answer);
        return status;
}

/* All pages of one recorder, added to all. */
static int cli_lock_fetch_one(const struct cli_args *a, const char *recorder, json_t *all)
{
        json_t *ask = json_pack("{s:s, s:i}", "recorder", recorder, "limit", CLI_LOCK_PAGE);
        int status = CLI_OK;

        while (ask && status == CLI_OK) {
                json_t *answer = NULL, *lock;
                size_t i;
                status = cli_lock_call(a, "lock.list", ask, &answer);
                json_t *page = json_object_get(answer, "locks");
                json_array_foreach(page, i, lock) cli_put(lock, "recorder", recorder);
                json_array_extend(all, page);
                json_t *last = json_array_get(page, json_array_size(page) - 1);
                bool more = last && json_is_true(json_object_get(answer, "more"));
                ask = more ? json_pack("{s:s, s:O, s:i}", "recorder", recorder, "after",
                                     json_object_get(last, "id"), "limit", CLI_LOCK_PAGE)
                           : NULL;
                json_decref(answer);
        }
        return status;
}

/* Of the recorder that was named, or of all: where one of them is away, that is said, and a list
 * without its locks would be a wrong answer. The caller's, NULL where status says what failed. */
static json_t *cli_lock_fetch(const struct cli_args *a, int *status)
{
        json_t *all = json_array(), *answer = NULL, *n;
        size_t i;

        if (a->values[CLI_ARGS_RECORDER]) {
                *status = cli_lock_fetch_one(a, a->values[CLI_ARGS_RECORDER], all);
        } else {
                *status = cli_lock_call(
                        a, "node.list", json_pack("{s:s}", "role", "recorder"), &answer);
                json_array_foreach(json_object_get(answer, "nodes"), i, n)
                {
                        /* One that never came has no footage, and of one that was revoked
                         * nothing is believed. */
                        if (*status == CLI_OK && strcmp(cli_text(n, "state"), "expected") != 0 &&
                                strcmp(cli_text(n, "state"), "revoked") != 0)
                                *status = cli_lock_fetch_one(a, cli_text(n, "name"), all);
                }
                json_decref(answer);
        }
        if (*status == CLI_OK)
                return all;
        json_decref(all);
        return NULL;
}

static const char *cli_lock_shown(
        char to[static CLI_LOCK_TEXT_ROOM], const json_t *lock, const char *key)
{
        return str_escape(to, CLI_LOCK_TEXT_ROOM, bytes_str(cli_text(lock, key)));
}

static int cli_lock_list(const struct cli_args *a)
{
        char by[CLI_LOCK_TEXT_ROOM], reason[CLI_LOCK_TEXT_ROOM];
        json_t *lock;
        int status;
        size_t i;

        json_t *all = cli_lock_fetch(a, &status);
        if (!all)
                return status;
        if (a->json) {
                cli_print_json(all);
        } else {
                json_array_foreach(all, i, lock)
                {
                        printf("%s  %-20s %s to %s\n%34son recorder %s, made %s by %s: %s\n",
                                cli_text(lock, "id"), cli_text(lock, "stream"),
                                cli_text(lock, "from"), cli_text(lock, "to"), "",
                                cli_text(lock, "recorder"), cli_text(lock, "made"),
                                cli_lock_shown(by, lock, "by"),
                                cli_lock_shown(reason, lock, "reason"));
                }
                printf("%zu lock%s\n", json_array_size(all), json_array_size(all) == 1 ? "" : "s");
        }
        json_decref(all);
        return CLI_OK;
}

/* Shows which lock it is, and has the stream typed. */
static int cli_lock_confirm(const struct cli_args *a)
{
        char by[CLI_LOCK_TEXT_ROOM], reason[CLI_LOCK_TEXT_ROOM], path[HEAD_PATH_MAX];
        char question[2 * CLI_LOCK_TEXT_ROOM + 400];
        json_t *lock, *found = NULL;
        int status;
        size_t i;

        json_t *all = cli_lock_fetch(a, &status);
        if (!all)
                return status;
        json_array_foreach(all, i, lock)
        {
                if (strcmp(cli_text(lock, "id"), a->operand) == 0)
                        found = lock;
        }
        if (found) {
                snprintf(path, sizeof path, "%s", cli_text(found, "stream"));
                snprintf(question, sizeof question,
                        "%s from %s to %s, locked by %s: %s\nWithout the lock it is removed when "
                        "its time comes, or to make room.",
                        path, cli_text(found, "from"), cli_text(found, "to"),
                        cli_lock_shown(by, found, "by"), cli_lock_shown(reason, found, "reason"));
                status = cli_confirm(a, question, path);
        } else {
                struct err e;
                err_set(&e, ERR_NOT_FOUND, "there is no lock of that id");
                status = cli_fail("lock", &e, "custos lock list shows them.", a->json);
        }
        json_decref(all);
        return status;
}

static int cli_lock_remove(const struct cli_args *a)
{
        json_t *answer = NULL, *body = json_object();

        int status = cli_args_has(a, CLI_ARGS_YES) ? CLI_OK : cli_lock_confirm(a);
        if (status != CLI_OK) {
                json_decref(body);
                return status;
        }
        cli_put(body, "recorder", a->values[CLI_ARGS_RECORDER]);
        cli_put(body, "id", a->operand);
        cli_put(body, "reason", a->values[CLI_ARGS_REASON]);
        status = cli_lock_call(a, "lock.remove", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("Lock %s is removed.\n", a->operand);
        json_decref(answer);
        return status;
}

int cli_lock(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_lock_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case LOCK_ADD:
                return cli_lock_add(&a);
        case LOCK_LIST:
                return cli_lock_list(&a);
        default:
                return cli_lock_remove(&a);
        }
}
