/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_camera_test.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "crypto/x509.h"
#include "net/link.h"
#include "os/file.h"
#include "probe/probe.h"

#define CLI_CAMERA_TEST_SECONDS 10
#define CLI_CAMERA_TEST_SECONDS_MAX 600

static const struct cli_args_command cli_camera_test_command = {
        .name = "camera test",
        .help = "custos camera test rtsps://HOST[:PORT]/PATH [--user NAME --password-file FILE]\n"
                "                  [--transport NAME] [--carrier NAME] [--pin SHA256]\n"
                "                  [--roots FILE] [--seconds N] [--without-audio] [--json]\n"
                "\n"
                "Connects to a camera as the recorder would and says each step: the name, the\n"
                "connection, TLS and certificate, each request and its answer, the tracks, the\n"
                "first key frame, what was received and lost, the camera's clock, and whether it\n"
                "can be recorded. No system needs to run. No password, and nothing made of it, is\n"
                "shown; what the camera sends is read in a process without any power.\n"
                "\n"
                "  --user NAME          who the camera knows the recorder as\n"
                "  --password-file FILE the password, in a file of mode 0600\n"
                "  --transport NAME     tls (default), tls-pinned, tls-if-available, plain\n"
                "  --carrier NAME       interleaved (default), tunnel, udp, mjpeg, snapshot\n"
                "  --pin SHA256         accept this key alone, 64 hex digits\n"
                "  --roots FILE         certificates to trust, PEM (default: those of the running\n"
                "                       system in the state directory, where there is one)\n"
                "  --seconds N          how long to receive, 1 to 600 (default: 10)\n"
                "  --without-audio      leave sound out\n" CLI_ARGS_HELP_STATE
                "  --json               {steps: [{step, text}], good, protection, key, width,\n"
                "                       height, fps, kbit_s, packets, lost_packets, bad_packets,\n"
                "                       frames, clock_offset_ms, fault, meaning, text, remedy, add}\n"
                "\n"
                "Exit: 0 it can be recorded, 1 it cannot, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "URL",
                .takes = CLI_ARGS_BIT(USER) | CLI_ARGS_BIT(PASSWORD) | CLI_ARGS_BIT(TRANSPORT) |
                         CLI_ARGS_BIT(CARRIER) | CLI_ARGS_BIT(PIN) | CLI_ARGS_BIT(ROOTS) |
                         CLI_ARGS_BIT(SECONDS) | CLI_ARGS_BIT(WITHOUT_AUDIO) | CLI_ARGS_BIT(STATE) |
                         CLI_ARGS_BIT(JSON) } },
};

struct cli_camera_test {
        const struct cli_args *args;
        json_t *steps; /* with --json */
        struct secret password;
        struct buf roots, issuer, crls;
        uint8_t pin[32];
};

static void cli_camera_test_step(void *owner, const char *name, const char *text)
{
        struct cli_camera_test *t = owner;

        if (t->steps)
                json_array_append_new(
                        t->steps, json_pack("{s:s, s:s}", "step", name, "text", text));
        else
                printf("%-12s %s\n", name, text);
        fflush(stdout);
}

/* ---- what it needs ---- */

/* The running system's root, camera issuer and what that one took back. Without one nothing is
 * trusted, and TLS says so. */
static void cli_camera_test_ask_system(struct cli_camera_test *t)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;

        if (cli_call(t->args->state, "site.root", json_object(), &answer, remedy, NULL) < 0)
                return;
        if (buf_append(&t->roots, bytes_str(cli_text(answer, "pem")), NULL) < 0 ||
                buf_append(&t->roots, bytes_str(cli_text(answer, "vendors")), NULL) < 0 ||
                buf_append(&t->issuer, bytes_str(cli_text(answer, "issuer")), NULL) < 0)
                buf_clear(&t->roots);
        if (buf_append(&t->crls, bytes_str(cli_text(answer, "crls")), NULL) < 0)
                buf_clear(&t->roots); /* rather none than one that was taken back */
        json_decref(answer);
}

static int cli_camera_test_prepare(struct cli_camera_test *t, struct err *e)
{
        const struct cli_args *a = t->args;
        const char *roots = a->values[CLI_ARGS_ROOTS], *pin = a->values[CLI_ARGS_PIN],
                   *file = a->values[CLI_ARGS_PASSWORD];
        int r = 0;

        if (file)
                r = cli_read_password(file, &t->password, e);
        if (r >= 0 && pin && (strlen(pin) != 64 || str_unhex(t->pin, 32, pin, NULL) < 0))
                r = err_set(e, ERR_INVALID, "--pin takes 64 hex digits in lower case");
        if (r >= 0 && roots)
                r = file_read(roots, X509_PEM_MAX, &t->roots, e);
        else if (r >= 0)
                cli_camera_test_ask_system(t);
        return r;
}

/* ---- what came of it ---- */

static const char *cli_camera_test_protection(const struct probe_result *r)
{
        static const char *const names[] = { "plain", "control only", "tls-pinned", "tls" };

        return r->protection < sizeof names / sizeof *names ? names[r->protection] : "unknown";
}

static bool cli_camera_test_is_good(const struct probe_result *r)
{
        return r->plays && r->key_frame && r->why.code == 0;
}

/* How it would be added; a key that TLS refused as unknown may be pinned, once compared. */
static void cli_camera_test_suggest(
        const struct cli_args *a, const struct probe_result *r, char *to, size_t room)
{
        const char *user = a->values[CLI_ARGS_USER], *file = a->values[CLI_ARGS_PASSWORD],
                   *transport = a->values[CLI_ARGS_TRANSPORT], *pin = a->values[CLI_ARGS_PIN],
                   *carrier = a->values[CLI_ARGS_CARRIER];
        bool unknown = r->why.fault == FAULT_SELF_SIGNED || r->why.fault == FAULT_UNKNOWN_ISSUER;
        const char *key = unknown ? strstr(r->why.text, "key ") : NULL;
        char seen[65] = "";

        to[0] = '\0';
        if (key)
                snprintf(seen, sizeof seen, "%s", key + 4);
        if (!cli_camera_test_is_good(r) && strspn(seen, "0123456789abcdef") != 64)
                return;
        snprintf(to, room, "custos camera add NAME --url '%s'%s%s%s%s%s%s%s%s%s%s", a->operand,
                user ? " --user " : "", user ? user : "", file ? " --password-file " : "",
                file ? file : "", transport ? " --transport " : "", transport ? transport : "",
                carrier ? " --carrier " : "", carrier ? carrier : "",
                pin || seen[0] ? " --pin " : "",
                seen[0] ? seen
                : pin   ? pin
                        : "");
}

static double cli_camera_test_kbit(const struct probe_result *r)
{
        return r->received_us ? (double)r->bytes * 8000 / (double)r->received_us : 0;
}

static void cli_camera_test_print(const struct cli_args *a, const struct probe_result *r)
{
        char add[2048];

        cli_camera_test_suggest(a, r, add, sizeof add);
        printf("\n");
        if (r->plays)
                printf("%-12s %u x %u, %.2f frames/s, %.0f kbit/s in %.1f s\n"
                       "%-12s %llu, lost %llu, damaged %llu; %llu frames\n",
                        "picture", r->width, r->height, r->framerate_milli / 1000.0,
                        cli_camera_test_kbit(r), (double)r->received_us / 1e6, "packets",
                        (unsigned long long)r->packets, (unsigned long long)r->lost_packets,
                        (unsigned long long)r->bad_packets, (unsigned long long)r->units);
        if (r->has_clock)
                printf("%-12s %+.3f s off ours, by its sender report\n", "clock",
                        (double)r->clock_offset_us / 1e6);
        else if (r->plays)
                printf("%-12s not told: no sender report came\n", "clock");
        if (cli_camera_test_is_good(r)) {
                printf("%-12s good: it can be recorded (%s)\n", "verdict",
                        cli_camera_test_protection(r));
        } else {
                if (r->why.fault && !strstr(r->why.text, fault_text(r->why.fault)))
                        printf("%-12s %s\n", "meaning", fault_text(r->why.fault));
                printf("%-12s %s%s%s\n", "verdict", r->why.fault ? fault_name(r->why.fault) : "",
                        r->why.fault ? ": " : "",
                        r->why.code ? r->why.text : "nothing came that could be recorded");
                if (r->why.fault && !strstr(r->why.text, fault_remedy(r->why.fault)))
                        printf("%-12s %s\n", "remedy", fault_remedy(r->why.fault));
        }
        if (add[0] && !cli_camera_test_is_good(r))
                printf("Once this key was compared with the one that the camera itself shows:\n");
        if (add[0])
                printf("%-12s %s\n", "add it", add);
}

static void cli_camera_test_print_json(struct cli_camera_test *t, const struct probe_result *r)
{
        char hex[65] = "", add[2048];
        bool good = cli_camera_test_is_good(r);

        cli_camera_test_suggest(t->args, r, add, sizeof add);
        if (r->has_key)
                str_hex(hex, BYTES(r->key, 32));
        json_t *o = json_pack("{s:O, s:b, s:s, s:s, s:i, s:i, s:f, s:f, s:I, s:I, s:I, s:I}",
                "steps", t->steps, "good", good, "protection", cli_camera_test_protection(r), "key",
                hex, "width", (int)r->width, "height", (int)r->height, "fps",
                r->framerate_milli / 1000.0, "kbit_s", cli_camera_test_kbit(r), "packets",
                (json_int_t)r->packets, "lost_packets", (json_int_t)r->lost_packets, "bad_packets",
                (json_int_t)r->bad_packets, "frames", (json_int_t)r->units);
        json_object_set_new(o, "clock_offset_ms",
                r->has_clock ? json_integer(r->clock_offset_us / 1000) : json_null());
        json_object_set_new(o, "fault", json_string(fault_name(r->why.fault)));
        json_object_set_new(o, "meaning", json_string(fault_text(r->why.fault)));
        json_object_set_new(o, "text", json_string(r->why.code ? r->why.text : ""));
        json_object_set_new(o, "remedy", json_string(fault_remedy(r->why.fault)));
        json_object_set_new(o, "add", json_string(add));
        cli_print_json(o);
        json_decref(o);
}

static int cli_camera_test_look(struct cli_camera_test *t)
{
        const struct cli_args *a = t->args;
        const struct probe_options o = { .url = a->operand,
                .user = a->values[CLI_ARGS_USER],
                .password = &t->password,
                .transport = a->values[CLI_ARGS_TRANSPORT],
                .carrier = a->values[CLI_ARGS_CARRIER],
                .pin = a->values[CLI_ARGS_PIN] ? t->pin : NULL,
                .roots_pem = buf_bytes(&t->roots),
                .issuer_pem = buf_bytes(&t->issuer),
                .crls_pem = buf_bytes(&t->crls),
                .without_audio = cli_args_has(a, CLI_ARGS_WITHOUT_AUDIO),
                .seconds = cli_args_has(a, CLI_ARGS_SECONDS)
                                   ? (unsigned)a->numbers[CLI_ARGS_SECONDS]
                                   : CLI_CAMERA_TEST_SECONDS };
        struct probe_result result = { 0 };
        struct err e;

        if (probe_run(&o, cli_camera_test_step, t, &result, &e) < 0)
                return cli_fail("camera test", &e, NULL, a->json);
        if (a->json)
                cli_camera_test_print_json(t, &result);
        else
                cli_camera_test_print(a, &result);
        return cli_camera_test_is_good(&result) ? CLI_OK : CLI_FAILED;
}

int cli_camera_test(int argc, char **argv)
{
        struct cli_camera_test t = { 0 };
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_camera_test_command, argc, argv))
                return a.exit;
        if (a.numbers[CLI_ARGS_SECONDS] > CLI_CAMERA_TEST_SECONDS_MAX)
                return cli_args_misused(&a, "--seconds: at most %d", CLI_CAMERA_TEST_SECONDS_MAX);
        t.args = &a;
        buf_init(&t.roots, X509_PEM_MAX);
        buf_init(&t.issuer, X509_PEM_MAX);
        buf_init(&t.crls, X509_PEM_MAX);
        t.steps = a.json ? json_array() : NULL;
        int status = cli_camera_test_prepare(&t, &e) < 0 ? cli_fail("camera test", &e, NULL, a.json)
                                                         : cli_camera_test_look(&t);
        json_decref(t.steps);
        secret_done(&t.password);
        buf_done(&t.roots);
        buf_done(&t.issuer);
        buf_done(&t.crls);
        return status;
}
