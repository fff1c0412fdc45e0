/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_status.h"

#include <stdio.h>

#include "cli/cli_args.h"
#include "cli/cli_storage.h"
#include "cli/cli_storage_print.h"
#include "net/link.h"

#define CLI_STATUS_FIRST "main" /* the recorder that every site has */

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
                "                       error, fault, remedy, alarm, ...}]}, recorders: [{name,\n"
                "                       state, since, address, status}]}; protection is\n"
                "                       measured, transport and carrier are what was asked for;\n"
                "                       recorder is the first, main, and null where it does not\n"
                "                       run; status is the same of each of the others; or\n"
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

/* All pages in one object: the first, with the streams of the others added. recorder NULL: the
 * first. */
static int cli_status_fetch_one(
        const char *state, const char *recorder, json_t **ret, char *remedy, struct err *e)
{
        json_t *whole = NULL;
        char after[128] = "";
        bool more = true;

        while (more) {
                json_t *page = NULL, *stream, *ask = json_pack("{s:s}", "after", after);
                size_t i;
                cli_put(ask, "recorder", recorder);
                int r = cli_call(state, "status", ask, &page, remedy, e);
                if (r < 0) {
                        json_decref(whole);
                        return r;
                }
                json_t *status = json_object_get(page, "recorder");
                more = json_is_true(json_object_get(status, "more"));
                json_array_foreach(json_object_get(status, "streams"), i, stream)
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
        *ret = whole;
        return 0;
}

/* The streams of the first recorder (n 0), then of the others in their order; NULL behind the last
 * of them. Of one that is away there are none. */
static const json_t *cli_status_streams(const json_t *status, size_t n)
{
        if (n == 0)
                return json_object_get(json_object_get(status, "recorder"), "streams");
        const json_t *other = json_array_get(json_object_get(status, "recorders"), n - 1);
        return json_object_get(json_object_get(other, "status"), "streams");
}

static size_t cli_status_recorders(const json_t *status)
{
        return 1 + json_array_size(json_object_get(status, "recorders"));
}

const json_t *cli_status_stream(const json_t *status, const char *path)
{
        json_t *s;
        size_t i;

        for (size_t n = 0; n < cli_status_recorders(status); n++) {
                json_array_foreach(cli_status_streams(status, n), i, s)
                {
                        if (strcmp(cli_text(s, "stream"), path) == 0)
                                return s;
                }
        }
        return NULL;
}

int cli_status_fetch(const char *state, json_t **ret, char *remedy, struct err *e)
{
        json_t *whole = NULL, *other;
        size_t i, open = 0;

        int r = cli_status_fetch_one(state, NULL, &whole, remedy, e);
        if (r < 0)
                return r;
        json_array_foreach(json_object_get(whole, "recorders"), i, other)
        {
                json_t *answer = NULL;
                if (strcmp(cli_text(other, "name"), CLI_STATUS_FIRST) == 0)
                        continue;
                if (strcmp(cli_text(other, "state"), "connected") == 0)
                        r = cli_status_fetch_one(
                                state, cli_text(other, "name"), &answer, remedy, e);
                if (r < 0) {
                        json_decref(whole);
                        return r;
                }
                json_t *status = json_object_get(answer, "recorder");
                json_object_set(other, "status", status ? status : json_null());
                json_decref(answer);
        }
        for (size_t n = 0; n < cli_status_recorders(whole); n++)
                open += cli_status_count_open(cli_status_streams(whole, n));
        json_object_set_new(whole, "not_encrypted", json_integer((json_int_t)open));
        *ret = whole;
        return 0;
}

/* That, and what administrators let be without it. */
static void cli_status_print_open(const json_t *status)
{
        size_t i, open = 0, allowed = 0;
        json_t *s;

        for (size_t n = 0; n < cli_status_recorders(status); n++) {
                open += cli_status_count_open(cli_status_streams(status, n));
                json_array_foreach(cli_status_streams(status, n), i, s)
                {
                        const char *transport = cli_text(s, "transport");
                        allowed += strcmp(transport, "plain") == 0 ||
                                   strcmp(transport, "tls-if-available") == 0;
                }
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
static void cli_status_print_storage(const char *state, const char *recorder)
{
        json_t *storage;

        if (cli_storage_fetch(state, recorder, &storage, NULL, NULL) < 0)
                return;
        cli_storage_print_troubles(storage);
        json_decref(storage);
}

struct cli_status_sum {
        size_t streams, recording, idle;
        bool all_there; /* every recorder that is to be there */
};

static void cli_status_add(struct cli_status_sum *sum, const json_t *recorder)
{
        json_t *stream;
        size_t i;

        sum->all_there &= json_is_object(recorder);
        json_array_foreach(json_object_get(recorder, "streams"), i, stream)
        {
                bool recording = json_is_true(json_object_get(stream, "recording"));
                sum->streams++;
                sum->recording += recording;
                sum->idle += !recording && cli_status_idle(stream);
        }
}

static bool cli_status_is_sum_good(const struct cli_status_sum *s)
{
        return s->all_there && s->recording + s->idle == s->streams;
}

/* One recorder with its streams. other: what stands in the list of recorders; NULL of the first. */
static void cli_status_print_recorder(
        const char *state, const json_t *recorder, const json_t *other)
{
        json_t *stream;
        size_t i;

        if (!json_is_object(recorder)) {
                if (other)
                        printf("recorder     %s is %s%s%s\n", cli_text(other, "name"),
                                cli_text(other, "state"),
                                cli_text(other, "since")[0] ? " since " : "",
                                cli_text(other, "since"));
                else
                        printf("recorder     not running at the moment\n");
                return;
        }
        printf("recorder     %s, %lld workers, sealer %s%s%s\n", cli_text(recorder, "recorder"),
                (long long)json_integer_value(json_object_get(recorder, "workers")),
                json_is_true(json_object_get(recorder, "sealer")) ? "running" : "away",
                other ? ", at " : "", other ? cli_text(other, "address") : "");
        cli_status_print_storage(state, other ? cli_text(other, "name") : NULL);
        printf("\n");
        json_array_foreach(json_object_get(recorder, "streams"), i, stream)
                cli_status_print_stream(stream);
}

/* Whether it counts that a recorder is away: its cameras are not recorded as far as anybody
 * knows. */
static bool cli_status_is_wanted(const json_t *other)
{
        const char *state = cli_text(other, "state");

        return strcmp(cli_text(other, "name"), CLI_STATUS_FIRST) != 0 &&
               (strcmp(state, "connected") == 0 || strcmp(state, "away") == 0 ||
                       strcmp(state, "refuses") == 0);
}

static struct cli_status_sum cli_status_sum_of(const json_t *status)
{
        struct cli_status_sum sum = { .all_there = true };
        json_t *other;
        size_t i;

        cli_status_add(&sum, json_object_get(status, "recorder"));
        json_array_foreach(json_object_get(status, "recorders"), i, other)
        {
                if (cli_status_is_wanted(other))
                        cli_status_add(&sum, json_object_get(other, "status"));
        }
        return sum;
}

static void cli_status_print(
        const char *state, const json_t *status, const struct cli_status_sum *sum)
{
        json_t *other;
        size_t i;

        printf("site         %s\nfingerprint  %s\n", cli_text(status, "site"),
                cli_text(status, "fingerprint"));
        if (json_integer_value(json_object_get(status, "certificates_due")))
                printf("certificates %lld RUN OUT: custos certificate watch\n",
                        (long long)json_integer_value(json_object_get(status, "certificates_due")));
        printf("footage      encrypted; key on this machine (recorder/wrap.key) and on the recovery kit\n");
        cli_status_print_recorder(state, json_object_get(status, "recorder"), NULL);
        json_array_foreach(json_object_get(status, "recorders"), i, other)
        {
                if (strcmp(cli_text(other, "name"), CLI_STATUS_FIRST) != 0)
                        cli_status_print_recorder(state, json_object_get(other, "status"), other);
        }
        if (!json_is_object(json_object_get(status, "recorder")) && sum->streams == 0)
                return;
        printf("\n%zu of %zu streams are recorded\n", sum->recording, sum->streams);
        if (sum->idle)
                printf("%zu more %s not to be, by their terms (custos camera set --record)\n",
                        sum->idle, sum->idle == 1 ? "is" : "are");
        cli_status_print_open(status);
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
        const struct cli_status_sum sum = cli_status_sum_of(status);
        if (a.json)
                cli_print_json(status);
        else
                cli_status_print(a.state, status, &sum);
        json_decref(status);
        return cli_status_is_sum_good(&sum) ? CLI_OK : CLI_FAILED;
}
