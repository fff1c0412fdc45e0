/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the running system says of itself: recorders, streams, disks; and the kernel of the clock.
 */
#include <stdio.h>
#include <string.h>

#include "doctor/doctor_parts.h"
#include "os/clock.h"

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
                const char *warning = doctor_member(one, "warning");
                if (warning[0])
                        doctor_say(f, DOCTOR_FAIL,
                                "custos certificate watch lists them; a camera's is renewed with custos "
                                "camera certificate.",
                                "%s %s runs out at %s (%s)", doctor_member(one, "what"),
                                doctor_member(one, "subject"), doctor_member(one, "not_after"),
                                warning);
        }
        doctor_pass(f, "%zu certificates, no warning is due", json_array_size(d->certificates));
}

void doctor_live_recorders(const struct doctor *d, struct doctor_finding *f)
{
        const json_t *one;
        unsigned n = 0;
        size_t i;

        if (!d->recorders) {
                doctor_live_silent(f);
                return;
        }
        json_array_foreach(d->recorders, i, one)
        {
                const char *state = doctor_member(one, "state");
                n += strcmp(state, "connected") == 0;
                if (strcmp(state, "refuses") == 0)
                        doctor_say(f, DOCTOR_FAIL, fault_remedy(FAULT_OTHER_MANAGER),
                                "recorder %s follows another copy of this manager's state",
                                doctor_member(one, "name"));
                if (strcmp(state, "away") == 0)
                        doctor_say(f, DOCTOR_FAIL, "See the log of that host.",
                                "recorder %s is away since %s", doctor_member(one, "name"),
                                doctor_member(one, "since"));
        }
        doctor_pass(f, "%u connected", n);
}

/* --- streams --- */

typedef void (*doctor_live_stream)(const json_t *stream, struct doctor_finding *f);

/* Of all recorders; the count of them. */
static unsigned doctor_live_streams(
        const struct doctor *d, struct doctor_finding *f, doctor_live_stream look)
{
        unsigned n = 0;
        size_t i, j;
        json_t *one, *stream;

        if (!d->recorders) {
                doctor_live_silent(f);
                return 0;
        }
        json_array_foreach(d->recorders, i, one)
        {
                const json_t *status = json_object_get(one, "status");
                const char *state = doctor_member(one, "state");
                if (!json_is_object(status) &&
                        (strcmp(state, "connected") == 0 || strcmp(state, "away") == 0))
                        doctor_say(f, DOCTOR_UNKNOWN, "See the log of that host.",
                                "recorder %s does not say", doctor_member(one, "name"));
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
        if (strcmp(doctor_member(stream, "state"), "streaming") == 0 &&
                strncmp(doctor_member(stream, "protection"), "encrypted", 9) != 0)
                doctor_say(f, DOCTOR_FAIL,
                        "Give the camera a certificate (custos camera certificate) and set --transport "
                        "tls.",
                        "%s comes in the clear (%s): everybody on the way can see and change it",
                        doctor_member(stream, "stream"), doctor_member(stream, "protection"));
}

void doctor_live_open(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_streams(d, f, doctor_live_is_open);

        doctor_pass(f, "%u streams, none is in the clear", n);
}

static void doctor_live_is_exception(const json_t *stream, struct doctor_finding *f)
{
        const char *transport = doctor_member(stream, "transport");

        if (strcmp(transport, "plain") == 0 || strcmp(transport, "tls-if-available") == 0)
                doctor_say(f, DOCTOR_FAIL, "custos camera set NAME --transport tls (or tls-pinned)",
                        "%s has the transport %s: it may be recorded without encryption",
                        doctor_member(stream, "stream"), transport);
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
        if (strcmp(doctor_member(volume, "state"), "healthy") != 0 &&
                !json_is_true(json_object_get(volume, "retired")))
                doctor_say(f, DOCTOR_FAIL, doctor_member(volume, "remedy"),
                        "recorder %s, volume %s: %s. %.300s", recorder,
                        doctor_member(volume, "name"), doctor_member(volume, "state"),
                        doctor_member(volume, "text"));
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
                        doctor_member(volume, "name"), n);
}

void doctor_live_damage(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_live_each_volume(d, f, doctor_live_is_damaged);

        doctor_pass(f, "%u volumes, no damage was found", n);
}

/* --- people --- */

void doctor_live_administrator(const struct doctor *d, struct doctor_finding *f)
{
        long long n = (long long)json_integer_value(json_object_get(d->people, "administrators"));

        if (!d->people)
                doctor_live_silent(f);
        else if (n == 0)
                doctor_say(f, DOCTOR_FAIL,
                        "Open the page and type the setup code that custos run shows, or: custos "
                        "person add NAME --role administrator",
                        "nobody can sign in who may change anything: whoever is first becomes the "
                        "administrator");
        else
                doctor_pass(f, "%lld of %lld people", n,
                        (long long)json_integer_value(json_object_get(d->people, "people")));
}

void doctor_live_setup_code(const struct doctor *d, struct doctor_finding *f)
{
        const json_t *code = json_object_get(d->people, "code");

        if (!d->people)
                doctor_live_silent(f);
        else if (!json_is_object(code))
                doctor_pass(f, "none is open");
        else if (json_is_true(json_object_get(code, "remote")))
                doctor_say(f, DOCTOR_FAIL, "Make the administrator now, or start without --remote.",
                        "one is open until %s, from other hosts too: whoever has it becomes the "
                        "administrator",
                        doctor_member(code, "until"));
        else
                doctor_say(f, DOCTOR_NOTE, "", "one is open until %s, on the gateway's host alone",
                        doctor_member(code, "until"));
}

void doctor_live_key_store(const struct doctor *d, struct doctor_finding *f)
{
        const char *error = doctor_member(d->keys, "error");

        if (!d->keys)
                doctor_live_silent(f);
        else if (error[0])
                doctor_say(f, DOCTOR_FAIL,
                        "Bring that TPM back and restart; the log of the manager has it too.",
                        "the site's issuers sign nothing: %.400s", error);
        else if (strcmp(doctor_member(d->keys, "store"), "tpm2") == 0)
                doctor_pass(f, "the issuers' keys are in this machine's TPM");
        else
                doctor_pass(f, "the issuers' keys are files of the manager");
}

/* Those that people's browsers see: of the site's own web issuer, and of the user's own. */
void doctor_live_page_certificate(const struct doctor *d, struct doctor_finding *f)
{
        const json_t *one, *first = NULL;
        size_t i;

        if (!d->certificates) {
                doctor_live_silent(f);
                return;
        }
        json_array_foreach(d->certificates, i, one)
        {
                const char *what = doctor_member(one, "what");
                if (strcmp(what, "web") != 0 && strcmp(what, "page") != 0)
                        continue;
                if (!first)
                        first = one;
                if (doctor_member(one, "warning")[0])
                        doctor_say(f, DOCTOR_FAIL,
                                "The site's own is renewed by the gateway's porter (see its log); "
                                "one of your own: put a new one in its place.",
                                "that of %s runs out at %s (%s)", doctor_member(one, "subject"),
                                doctor_member(one, "not_after"), doctor_member(one, "warning"));
        }
        if (!first)
                doctor_pass(f, "none yet");
        else
                doctor_pass(f, "good for %.1f days",
                        json_number_value(json_object_get(first, "days_left")));
}
