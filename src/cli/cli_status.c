/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_status.h"

#include <stdio.h>

#include "cli/cli_args.h"
#include "cli/cli_storage.h"
#include "cli/cli_storage_print.h"
#include "net/link.h"

static const struct cli_args_command cli_status_command = {
        .name = "status",
        .help = "custos status [--state DIR] [--json]\n"
                "\n"
                "Every stream with its state and the protection that its media really has, as\n"
                "seen on the wire; and what is wrong with the disks and the clock\n"
                "(custos storage status says more). A stream that waits for its time or an event\n"
                "(custos camera set --record) is shown as such, and counts as recorded.\n"
                "\n" CLI_ARGS_HELP_STATE
                "  --json               {site, fingerprint, manager, not_encrypted (how many\n"
                "                       streams are in the clear now), recorder: {recorder,\n"
                "                       workers, sealer, streams: [{stream, recording, state,\n"
                "                       gate, protection, tls, cipher, transport, carrier,\n"
                "                       error, fault, remedy, alarm, ...}]}}, protection is\n"
                "                       measured, transport and carrier are what was asked for;\n"
                "                       recorder null where it does not run; or\n"
                "                       {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 every stream is recorded or is not to be, 1 one is not or Custos does\n"
                "not run, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

static bool cli_status_is_open(const json_t *s)
{
        return strcmp(cli_text(s, "state"), "streaming") == 0 &&
               strcmp(cli_text(s, "protection"), "open") == 0;
}

const char *cli_status_protection(const json_t *s)
{
        if (cli_status_is_open(s))
                return "NOT ENCRYPTED";
        return strcmp(cli_text(s, "state"), "streaming") == 0 ? cli_text(s, "protection")
                                                              : "not connected";
}

/* Why it is not recorded though nothing is wrong: nobody asks for it now. NULL where it should be
 * recorded, or where its camera is not there for when it is asked for. */
static const char *cli_status_idle(const json_t *s)
{
        const char *gate = cli_text(s, "gate");

        if (strcmp(gate, "off") == 0)
                return "off";
        if (strcmp(cli_text(s, "state"), "streaming") != 0)
                return NULL;
        if (strcmp(gate, "waiting") == 0)
                return "standby";
        return strcmp(gate, "key-frames") == 0 ? "key frames" : NULL;
}

/* Recorded, or not to be. */
static bool cli_status_is_good(const json_t *s)
{
        return json_is_true(json_object_get(s, "recording")) || cli_status_idle(s);
}

static void cli_status_print_stream(const json_t *s)
{
        const char *idle = cli_status_idle(s);
        bool recording = json_is_true(json_object_get(s, "recording"));
        const json_t *alarm = json_object_get(s, "alarm");

        printf("  %-24s %-14s %-24s %s %s\n", cli_text(s, "stream"),
                idle        ? idle
                : recording ? "recording"
                            : cli_text(s, "state"),
                cli_status_protection(s), cli_text(s, "tls"), cli_text(s, "cipher"));
        if (cli_text(s, "error")[0])
                printf("  %-24s %s\n", "", cli_text(s, "error"));
        if (cli_text(s, "remedy")[0])
                printf("  %-24s %s\n", "", cli_text(s, "remedy"));
        if (cli_text(alarm, "fault")[0])
                printf("  %-24s ALARM since %s: %s %s\n", "", cli_text(alarm, "since"),
                        cli_text(alarm, "text"), cli_text(alarm, "remedy"));
}

/* What is without TLS now. */
static size_t cli_status_count_open(const json_t *streams)
{
        size_t i, open = 0;
        json_t *s;

        json_array_foreach(streams, i, s) open += cli_status_is_open(s);
        return open;
}

/* All pages in one object: the first, with the streams of the others added. */
int cli_status_fetch(const char *state, json_t **ret, char *remedy, struct err *e)
{
        json_t *whole = NULL;
        char after[128] = "";
        bool more = true;

        while (more) {
                json_t *page = NULL, *stream;
                size_t i;
                int r = cli_call(
                        state, "status", json_pack("{s:s}", "after", after), &page, remedy, e);
                if (r < 0) {
                        json_decref(whole);
                        return r;
                }
                json_t *recorder = json_object_get(page, "recorder");
                more = json_is_true(json_object_get(recorder, "more"));
                json_array_foreach(json_object_get(recorder, "streams"), i, stream)
                {
                        snprintf(after, sizeof after, "%s", cli_text(stream, "stream"));
                        if (whole)
                                json_array_append(
                                        json_object_get(
                                                json_object_get(whole, "recorder"), "streams"),
                                        stream);
                }
                if (whole)
                        json_decref(page);
                else
                        whole = page;
        }
        json_t *streams = json_object_get(json_object_get(whole, "recorder"), "streams");
        json_object_set_new(
                whole, "not_encrypted", json_integer((json_int_t)cli_status_count_open(streams)));
        *ret = whole;
        return 0;
}

/* That, and what administrators let be without it. */
static void cli_status_print_open(const json_t *streams)
{
        size_t i, open = cli_status_count_open(streams), allowed = 0;
        json_t *s;

        json_array_foreach(streams, i, s)
        {
                const char *transport = cli_text(s, "transport");
                allowed += strcmp(transport, "plain") == 0 ||
                           strcmp(transport, "tls-if-available") == 0;
        }
        if (open)
                printf("%zu of them NOT ENCRYPTED on the way here: everybody on that network can see "
                       "and change the picture\n",
                        open);
        if (allowed > open)
                printf("%zu more may connect without encryption (transport plain or "
                       "tls-if-available)\n",
                        allowed - open);
}

/* What is wrong with disks and clock; nothing where all is well, or nobody can be asked. */
static void cli_status_print_storage(const char *state)
{
        json_t *storage;

        if (cli_storage_fetch(state, &storage, NULL, NULL) < 0)
                return;
        cli_storage_print_troubles(storage);
        json_decref(storage);
}

/* Returns whether every stream is recorded that is to be. */
static bool cli_status_print(const char *state, const json_t *status)
{
        const json_t *recorder = json_object_get(status, "recorder");
        json_t *stream;
        size_t i, recording = 0, idle = 0,
                  n = json_array_size(json_object_get(recorder, "streams"));

        printf("site         %s\nfingerprint  %s\n", cli_text(status, "site"),
                cli_text(status, "fingerprint"));
        printf("footage      encrypted; key on this machine (recorder/wrap.key) and on the recovery kit\n");
        if (!json_is_object(recorder)) {
                printf("recorder     not running at the moment\n");
                return false;
        }
        printf("recorder     %s, %lld workers, sealer %s\n", cli_text(recorder, "recorder"),
                (long long)json_integer_value(json_object_get(recorder, "workers")),
                json_is_true(json_object_get(recorder, "sealer")) ? "running" : "away");
        cli_status_print_storage(state);
        printf("\n");
        json_array_foreach(json_object_get(recorder, "streams"), i, stream)
        {
                cli_status_print_stream(stream);
                recording += json_is_true(json_object_get(stream, "recording"));
                idle += cli_status_idle(stream) &&
                        !json_is_true(json_object_get(stream, "recording"));
        }
        printf("\n%zu of %zu streams are recorded\n", recording, n);
        if (idle)
                printf("%zu more %s not to be, by their terms (custos camera set --record)\n", idle,
                        idle == 1 ? "is" : "are");
        cli_status_print_open(json_object_get(recorder, "streams"));
        return recording + idle == n;
}

static bool cli_status_all_recording(const json_t *status)
{
        const json_t *recorder = json_object_get(status, "recorder");
        json_t *stream;
        size_t i;

        json_array_foreach(json_object_get(recorder, "streams"), i, stream)
        {
                if (!cli_status_is_good(stream))
                        return false;
        }
        return json_is_object(recorder);
}

int cli_status(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        struct cli_args a;
        json_t *status;
        struct err e;

        if (!cli_args_parse(&a, &cli_status_command, argc, argv))
                return a.exit;
        if (cli_status_fetch(a.state, &status, remedy, &e) < 0)
                return cli_fail("status", &e, remedy, a.json);
        bool all = a.json ? cli_status_all_recording(status) : cli_status_print(a.state, status);
        if (a.json)
                cli_print_json(status);
        json_decref(status);
        return all ? CLI_OK : CLI_FAILED;
}
