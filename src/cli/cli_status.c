/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_status.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "net/link.h"

static const char cli_status_help[] =
        "custos status [--state DIR] [--json]\n"
        "\n"
        "Every stream with its state and the protection that its media really has, as seen on the wire.\n"
        "Exit: 0 when every stream is recorded, 1 when one is not or Custos does not run, 64 wrong use.\n";

/* All pages in one object: the first, with the streams of the others added. */
static int cli_status_fetch(const char *state, json_t **ret, char *remedy, struct err *e)
{
        json_t *whole = NULL;
        char after[128] = "";
        bool more = true;

        while (more) {
                json_t *page = NULL, *stream;
                size_t i;
                int r = cli_call(state, "status", json_pack("{s:s}", "after", after), &page, remedy, e);
                if (r < 0) {
                        json_decref(whole);
                        return r;
                }
                json_t *recorder = json_object_get(page, "recorder");
                more = json_is_true(json_object_get(recorder, "more"));
                json_array_foreach (json_object_get(recorder, "streams"), i, stream) {
                        snprintf(after, sizeof after, "%s", cli_text(stream, "stream"));
                        if (whole)
                                json_array_append(json_object_get(json_object_get(whole, "recorder"), "streams"), stream);
                }
                if (whole)
                        json_decref(page);
                else
                        whole = page;
        }
        *ret = whole;
        return 0;
}

static void cli_status_print_stream(const json_t *s)
{
        bool recording = json_is_true(json_object_get(s, "recording"));

        printf("  %-24s %-14s %-24s %s %s\n", cli_text(s, "stream"), recording ? "recording" : cli_text(s, "state"),
                cli_text(s, "protection"), cli_text(s, "tls"), cli_text(s, "cipher"));
        if (cli_text(s, "error")[0])
                printf("  %-24s %s\n", "", cli_text(s, "error"));
        if (cli_text(s, "remedy")[0])
                printf("  %-24s %s\n", "", cli_text(s, "remedy"));
}

/* Returns whether every stream is recorded. */
static bool cli_status_print(const json_t *status)
{
        const json_t *recorder = json_object_get(status, "recorder");
        json_t *stream;
        size_t i, recording = 0, n = json_array_size(json_object_get(recorder, "streams"));

        printf("site         %s\nfingerprint  %s\n", cli_text(status, "site"), cli_text(status, "fingerprint"));
        printf("footage      encrypted; key on this machine (recorder/wrap.key) and on the recovery kit\n");
        if (!json_is_object(recorder)) {
                printf("recorder     not running at the moment\n");
                return false;
        }
        printf("recorder     %s, %lld workers, sealer %s\n\n", cli_text(recorder, "recorder"),
                (long long)json_integer_value(json_object_get(recorder, "workers")),
                json_is_true(json_object_get(recorder, "sealer")) ? "running" : "away");
        json_array_foreach (json_object_get(recorder, "streams"), i, stream) {
                cli_status_print_stream(stream);
                recording += json_is_true(json_object_get(stream, "recording"));
        }
        printf("\n%zu of %zu streams are recorded\n", recording, n);
        return recording == n;
}

static bool cli_status_all_recording(const json_t *status)
{
        const json_t *recorder = json_object_get(status, "recorder");
        json_t *stream;
        size_t i;

        json_array_foreach (json_object_get(recorder, "streams"), i, stream) {
                if (!json_is_true(json_object_get(stream, "recording")))
                        return false;
        }
        return json_is_object(recorder);
}

int cli_status(int argc, char **argv)
{
        enum { STATE = 256, JSON, HELP };
        static const struct option names[] = { { "state", required_argument, NULL, STATE }, { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, HELP }, { 0 } };
        char state[CLI_PATH_MAX], remedy[LINK_REMEDY_MAX];
        const char *option = NULL;
        bool json = false;
        json_t *status;
        struct err e;
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (c == HELP) {
                        fputs(cli_status_help, stdout);
                        return CLI_OK;
                }
                if (c == STATE)
                        option = optarg;
                else if (c == JSON)
                        json = true;
                else
                        return cli_misused("status", "that option is not known or lacks its value");
        }
        if (optind < argc)
                return cli_misused("status", "takes no further words");
        cli_state(option, state);
        if (cli_status_fetch(state, &status, remedy, &e) < 0)
                return cli_fail("status", &e, remedy, json);
        bool all = json ? cli_status_all_recording(status) : cli_status_print(status);
        if (json)
                cli_print_json(status);
        json_decref(status);
        return all ? CLI_OK : CLI_FAILED;
}
