/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the running system says of itself: recorders, streams, disks; and the kernel of the clock.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/doctor_parts.h"
#include "os/clock.h"

#define DOCTOR_LIVE_FIRST "main"

static void doctor_live_silent(struct doctor_finding *f)
{
        doctor_say(f, DOCTOR_UNKNOWN, "Start Custos: custos run.", "the manager does not answer");
}

void doctor_live_clock(const struct doctor *d, struct doctor_finding *f)
{
        struct clock_discipline clock;
        struct err e;

        (void)d;
        if (clock_discipline(&clock, &e) < 0)
                doctor_say(f, DOCTOR_UNKNOWN, "", "%.400s", e.text);
        else if (!clock.synchronized)
                doctor_say(f, DOCTOR_FAIL, "Let NTP or PTP keep it: apt install chrony.",
                        "nothing keeps this machine's clock right: times of footage, certificates and "
                        "grants go by it");
        else
                doctor_pass(f, "synchronised; at most %lld ms off",
                        (long long)clock.maximum_error_us / 1000);
}

/* Soonest first. */
void doctor_live_certificates(const struct doctor *d, struct doctor_finding *f)
{
        json_t *one;
        size_t i;

        if (!d->certificates) {
                doctor_live_silent(f);
                return;
        }
        json_array_foreach(d->certificates, i, one)
        {
                const char *warning = cli_text(one, "warning");
                if (warning[0])
                        doctor_say(f, DOCTOR_FAIL,
                                "custos certificate watch lists them; a camera's is renewed with custos "
                                "camera certificate.",
                                "%s %s runs out at %s (%s)", cli_text(one, "what"),
                                cli_text(one, "subject"), cli_text(one, "not_after"), warning);
        }
        doctor_pass(f, "%zu certificates, no warning is due", json_array_size(d->certificates));
}

void doctor_live_recorders(const struct doctor *d, struct doctor_finding *f)
{
        const json_t *list = json_object_get(d->status, "recorders"), *one;
        unsigned n = 0;
        size_t i;

        if (!d->status) {
                doctor_live_silent(f);
                return;
        }
        json_array_foreach(list, i, one)
        {
                const char *state = cli_text(one, "state");
                n += strcmp(state, "connected") == 0;
                if (strcmp(state, "refuses") == 0)
                        doctor_say(f, DOCTOR_FAIL, fault_remedy(FAULT_OTHER_MANAGER),
                                "recorder %s follows another copy of this manager's state",
                                cli_text(one, "name"));
                if (strcmp(state, "away") == 0)
                        doctor_say(f, DOCTOR_FAIL, "See the log of that host.",
                                "recorder %s is away since %s", cli_text(one, "name"),
                                cli_text(one, "since"));
        }
        doctor_pass(f, "%u connected", n);
}

/* --- streams --- */

typedef void (*doctor_live_stream)(const json_t *stream, struct doctor_finding *f);

/* Of all recorders; the count of them. */
static unsigned doctor_live_streams(
        const struct doctor *d, struct doctor_finding *f, doctor_live_stream look)
{
        const json_t *list = json_object_get(d->status, "recorders");
        unsigned n = 0;
        size_t j;
        json_t *stream;

        if (!d->status) {
                doctor_live_silent(f);
                return 0;
        }
        for (size_t i = 0; i <= json_array_size(list); i++) {
                const json_t *other = i ? json_array_get(list, i - 1) : NULL;
                const json_t *status = i ? json_object_get(other, "status")
                                         : json_object_get(d->status, "recorder");
                if (other && strcmp(cli_text(other, "name"), DOCTOR_LIVE_FIRST) == 0)
                        continue; /* the same again */
                if (!json_is_object(status) &&
                        (!other || strcmp(cli_text(other, "state"), "away") == 0))
                        doctor_say(f, DOCTOR_UNKNOWN, "See the log of that host.",
                                "recorder %s does not say",
                                other ? cli_text(other, "name") : DOCTOR_LIVE_FIRST);
                json_array_foreach(json_object_get(status, "streams"), j, stream)
                {
                        look(stream, f);
                        n++;
                }
        }
        return n;
}

static void doctor_live_is_open(const json_t *stream, struct doctor_finding *f)
{
        if (strcmp(cli_text(stream, "state"), "streaming") == 0 &&
                strncmp(cli_text(stream, "protection"), "encrypted", 9) != 0)
                doctor_say(f, DOCTOR_FAIL,
                        "Give the camera a certificate (custos camera certificate) and set --transport "
                        "tls.",
                        "%s comes in the clear (%s): everybody on the way can see and change it",
                        cli_text(stream, "stream"), cli_text(stream, "protection"));
}

void doctor_live_open(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_streams(d, f, doctor_live_is_open);

        doctor_pass(f, "%u streams, none is in the clear", n);
}

static void doctor_live_is_exception(const json_t *stream, struct doctor_finding *f)
{
        const char *transport = cli_text(stream, "transport");

        if (strcmp(transport, "plain") == 0 || strcmp(transport, "tls-if-available") == 0)
                doctor_say(f, DOCTOR_FAIL, "custos camera set NAME --transport tls (or tls-pinned)",
                        "%s has the transport %s: it may be recorded without encryption",
                        cli_text(stream, "stream"), transport);
}

void doctor_live_exceptions(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_streams(d, f, doctor_live_is_exception);

        doctor_pass(f, "%u streams, none may do without encryption", n);
}

/* --- disks --- */

typedef void (*doctor_live_volume)(
        const char *recorder, const json_t *volume, struct doctor_finding *f);

static unsigned doctor_live_each_volume(
        const struct doctor *d, struct doctor_finding *f, doctor_live_volume look)
{
        const char *recorder;
        json_t *answer, *volume;
        unsigned n = 0;
        size_t i;

        if (!d->storage || json_object_size(d->storage) == 0) {
                doctor_say(f, DOCTOR_UNKNOWN, "Start Custos: custos run.",
                        "no recorder answers about its disks");
                return 0;
        }
        json_object_foreach((json_t *)(uintptr_t)d->storage, recorder, answer)
        {
                json_array_foreach(json_object_get(answer, "volumes"), i, volume)
                {
                        look(recorder, volume, f);
                        n++;
                }
        }
        return n;
}

static void doctor_live_is_ill(const char *recorder, const json_t *volume, struct doctor_finding *f)
{
        if (strcmp(cli_text(volume, "state"), "healthy") != 0 &&
                !json_is_true(json_object_get(volume, "retired")))
                doctor_say(f, DOCTOR_FAIL, cli_text(volume, "remedy"),
                        "recorder %s, volume %s: %s. %.300s", recorder, cli_text(volume, "name"),
                        cli_text(volume, "state"), cli_text(volume, "text"));
}

void doctor_live_volumes(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_each_volume(d, f, doctor_live_is_ill);

        doctor_pass(f, "%u volumes, all healthy", n);
}

static void doctor_live_is_damaged(
        const char *recorder, const json_t *volume, struct doctor_finding *f)
{
        long long n = (long long)json_integer_value(json_object_get(volume, "damaged"));

        if (n > 0)
                doctor_say(f, DOCTOR_FAIL, "custos storage damage names each file and its time.",
                        "recorder %s, volume %s: %lld segments are damaged", recorder,
                        cli_text(volume, "name"), n);
}

void doctor_live_damage(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_each_volume(d, f, doctor_live_is_damaged);

        doctor_pass(f, "%u volumes, no damage was found", n);
}
