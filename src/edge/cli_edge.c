/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/cli_edge.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "edge/edge.h"
#include "edge/stamp_check.h"
#include "os/clock.h"

#define EXIT_NOT_STARTED 1
#define EXIT_MISSING 1
#define EXIT_UNREADABLE 2
#define EXIT_USAGE 64

static const char edge_help[] =
        "Usage: custos edge --listen ADDRESS:PORT --cert FILE --key FILE --stream NAME=FILE "
        "[options]\n"
        "       custos edge --faults\n"
        "       custos edge check-stamps [--json] FILE...\n"
        "\n"
        "Serves media files (H.264 or H.265 in MP4, JPEG; AAC, G.711, G.726, Opus) as cameras over\n"
        "RTSPS, round and round; at the same port also tunnelled in HTTPS.\n"
        "\n"
        "  --listen ADDRESS:PORT  numeric; port 0 takes a free one\n"
        "  --cert FILE            certificate chain, PEM, its own first\n"
        "  --key FILE             its private key (P-256, PEM), readable by its owner alone\n"
        "  --stream NAME=FILE     a camera, rtsps://ADDRESS:PORT/NAME; may be given several times\n"
        "  --count N              cameras NAME0 .. NAME(N-1) of each stream, sharing its packets\n"
        "  --metadata FILE        serves this document of ONVIF metadata beside each stream, once a\n"
        "                         second, with the time in its UtcTime attributes\n"
        "  --user NAME            asks clients for this user (Digest, SHA-256 or MD5)\n"
        "  --password-file FILE   and for the password in the file's first line\n"
        "  --stamp                puts camera, frame counter and wall clock into each frame (SEI)\n"
        "  --burst                a new client gets the current group of pictures at once\n"
        "  --record-per-packet    one TLS record for each RTP packet, as many cameras send\n"
        "  --port-file FILE       writes the port's number there when ready\n"
        "  --srtp SUITE           media as SRTP, interleaved or over UDP, with keys drawn for each "
        "client\n"
        "                         and named in its description (a=crypto and MIKEY)\n"
        "  --plain-loopback-test  without TLS, on loopback addresses only, for tests; also over "
        "UDP\n"
        "  --fault FAULT          does it wrong on purpose, to try a recorder against a bad "
        "camera;\n"
        "                         [STREAM=]NAME[:PARAMETER][@TIME], may be given several times;\n"
        "                         TIME since PLAY, as 2s or 0.5s, or the number of a frame\n"
        "  --faults               lists the faults and ends\n"
        "\n"
        "check-stamps counts the stamped frames of recordings: missing, doubled, out of order.\n"
        "Exit codes: 0 ended as asked, 1 could not start, 64 usage; of check-stamps 0 none missing,\n"
        "1 some missing, 2 a file could not be read.\n";

enum {
        OPT_LISTEN = 256,
        OPT_CERT,
        OPT_KEY,
        OPT_STREAM,
        OPT_COUNT,
        OPT_USER,
        OPT_PASSWORD,
        OPT_STAMP,
        OPT_BURST,
        OPT_PER_PACKET,
        OPT_PORT_FILE,
        OPT_PLAIN,
        OPT_SRTP,
        OPT_METADATA,
        OPT_FAULT,
        OPT_FAULTS,
        OPT_JSON,
        OPT_HELP
};

static int usage(const char *what)
{
        fprintf(stderr, "custos edge: %s\nTry: custos edge --help\n", what);
        return EXIT_USAGE;
}

/* "NAME=FILE" */
static const char *add_stream(struct edge_options *o, const char *text)
{
        const char *equals = strchr(text, '=');
        struct edge_stream *s = &o->streams[o->streams_n];
        const size_t n = equals ? (size_t)(equals - text) : 0;

        if (o->streams_n == EDGE_STREAMS_MAX)
                return "too many --stream options";
        if (n == 0 || n >= sizeof s->name || !equals[1])
                return "--stream must be NAME=FILE";
        memcpy(s->name, text, n);
        s->name[n] = 0;
        if (!str_is_camera(s->name))
                return "a stream's name is made of a-z, 0-9 and '-' (not at its ends)";
        s->file = equals + 1;
        o->streams_n++;
        return NULL;
}

static int list_faults(void)
{
        for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++)
                printf("%-33s  %s\n", fault_plan_usage((enum fault_plan_kind)i),
                        fault_plan_help((enum fault_plan_kind)i));
        return 0;
}

/* Says what is wrong by itself. */
static int add_fault(struct edge_options *o, const char *text)
{
        struct err e;

        if (fault_plan_add(&o->faults, text, &e) >= 0)
                return 0;
        fprintf(stderr, "custos edge: --fault %s: %s\nTry: custos edge --faults\n", text, e.text);
        return EXIT_USAGE;
}

static const char *take_option(struct edge_options *o, int option, const char *value)
{
        uint64_t n;

        switch (option) {
        case OPT_LISTEN:
                o->listen = value;
                return NULL;
        case OPT_CERT:
                o->cert_file = value;
                return NULL;
        case OPT_KEY:
                o->key_file = value;
                return NULL;
        case OPT_STREAM:
                return add_stream(o, value);
        case OPT_COUNT:
                if (str_uint(value, 1, EDGE_CAMERAS_MAX, &n, NULL) < 0)
                        return "--count must be 1..4096";
                o->count = (unsigned)n;
                return NULL;
        case OPT_USER:
                o->user = value;
                return NULL;
        case OPT_PASSWORD:
                o->password_file = value;
                return NULL;
        case OPT_STAMP:
                o->stamp = true;
                return NULL;
        case OPT_BURST:
                o->burst = true;
                return NULL;
        case OPT_PER_PACKET:
                o->record_per_packet = true;
                return NULL;
        case OPT_PORT_FILE:
                o->port_file = value;
                return NULL;
        case OPT_METADATA:
                o->metadata_file = value;
                return NULL;
        case OPT_SRTP:
                o->srtp = srtp_suite_find(bytes_str(value));
                return o->srtp ? NULL
                               : "--srtp must be AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, "
                                 "AEAD_AES_128_GCM or AEAD_AES_256_GCM";
        case OPT_PLAIN:
                o->plain_loopback_test = true;
                return NULL;
        default:
                return "unknown option, or one without its value";
        }
}

static const char *check_options(const struct edge_options *o)
{
        if (!o->listen || o->streams_n == 0)
                return "--listen and at least one --stream are needed";
        if (o->plain_loopback_test && (o->cert_file || o->key_file))
                return "--plain-loopback-test goes without --cert and --key";
        if (o->plain_loopback_test && o->srtp)
                return "--srtp needs TLS: its keys stand in the description";
        if (!o->plain_loopback_test && (!o->cert_file || !o->key_file))
                return "--cert and --key are needed";
        if (!o->user != !o->password_file)
                return "--user and --password-file go together";
        if (o->user && !o->user[0])
                return "--user is empty";
        if (o->count && o->count * o->streams_n > EDGE_CAMERAS_MAX)
                return "more than 4096 cameras";
        return NULL;
}

static void print_camera(const struct stamp_check_camera *c)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        printf("%s: frames %llu, counter %llu to %llu, %s to %s, missing %llu, duplicates %llu, "
               "out of order %llu\n",
                c->name, (unsigned long long)c->frames, (unsigned long long)c->first,
                (unsigned long long)c->last, str_time(from, c->first_us), str_time(to, c->last_us),
                (unsigned long long)c->missing, (unsigned long long)c->duplicates,
                (unsigned long long)c->out_of_order);
        for (size_t i = 0; i < c->gaps_n; i++)
                printf("%s: missing %llu to %llu: %llu frames, %lld ms\n", c->name,
                        (unsigned long long)c->gaps[i].first, (unsigned long long)c->gaps[i].last,
                        (unsigned long long)(c->gaps[i].last - c->gaps[i].first + 1),
                        (long long)(c->gaps[i].us / 1000));
}

static void print_text(struct stamp_check *c)
{
        size_t n;
        const struct stamp_check_camera *cameras = stamp_check_cameras(c, &n);

        for (size_t i = 0; i < n; i++)
                print_camera(&cameras[i]);
        if (n == 0)
                printf("no stamped frame was found\n");
        if (stamp_check_unstamped(c))
                printf("frames without a stamp: %llu\n",
                        (unsigned long long)stamp_check_unstamped(c));
}

static json_t *camera_json(const struct stamp_check_camera *c)
{
        json_t *gaps = json_array();

        for (size_t i = 0; i < c->gaps_n; i++)
                json_array_append_new(
                        gaps, json_pack("{s:I,s:I,s:I,s:I}", "first", (json_int_t)c->gaps[i].first,
                                      "last", (json_int_t)c->gaps[i].last, "frames",
                                      (json_int_t)(c->gaps[i].last - c->gaps[i].first + 1), "ms",
                                      (json_int_t)(c->gaps[i].us / 1000)));
        return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "camera", c->name, "frames",
                (json_int_t)c->frames, "first", (json_int_t)c->first, "last", (json_int_t)c->last,
                "first_us", (json_int_t)c->first_us, "last_us", (json_int_t)c->last_us, "missing",
                (json_int_t)c->missing, "duplicates", (json_int_t)c->duplicates, "out_of_order",
                (json_int_t)c->out_of_order, "gaps", gaps);
}

static void print_json(struct stamp_check *c)
{
        size_t n;
        const struct stamp_check_camera *cameras = stamp_check_cameras(c, &n);
        json_t *list = json_array(), *all;

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, camera_json(&cameras[i]));
        all = json_pack("{s:b,s:I,s:o}", "complete", stamp_check_complete(c), "unstamped",
                (json_int_t)stamp_check_unstamped(c), "cameras", list);
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
}

static int check_stamps(int argc, char **argv)
{
        static const struct option options[] = { { "json", no_argument, NULL, OPT_JSON },
                { "help", no_argument, NULL, OPT_HELP }, { 0 } };
        CLEANUP(stamp_check_freep) struct stamp_check *c = stamp_check_new();
        bool json = false;
        struct err e;
        int option;

        optind = 0;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == OPT_JSON)
                        json = true;
                else if (option == OPT_HELP || option == 'h')
                        return fputs(edge_help, stdout) < 0;
                else
                        return usage("check-stamps: unknown option");
        }
        if (optind == argc)
                return usage("check-stamps: which files?");
        for (int i = optind; i < argc; i++)
                if (stamp_check_file(c, argv[i], &e) < 0) {
                        fprintf(stderr, "custos edge check-stamps: %s\n", e.text);
                        return EXIT_UNREADABLE;
                }
        if (json)
                print_json(c);
        else
                print_text(c);
        return stamp_check_complete(c) ? 0 : EXIT_MISSING;
}

int cli_edge(int argc, char **argv)
{
        static const struct option options[] = { { "listen", required_argument, NULL, OPT_LISTEN },
                { "cert", required_argument, NULL, OPT_CERT },
                { "key", required_argument, NULL, OPT_KEY },
                { "stream", required_argument, NULL, OPT_STREAM },
                { "count", required_argument, NULL, OPT_COUNT },
                { "user", required_argument, NULL, OPT_USER },
                { "password-file", required_argument, NULL, OPT_PASSWORD },
                { "stamp", no_argument, NULL, OPT_STAMP },
                { "burst", no_argument, NULL, OPT_BURST },
                { "record-per-packet", no_argument, NULL, OPT_PER_PACKET },
                { "port-file", required_argument, NULL, OPT_PORT_FILE },
                { "plain-loopback-test", no_argument, NULL, OPT_PLAIN },
                { "metadata", required_argument, NULL, OPT_METADATA },
                { "srtp", required_argument, NULL, OPT_SRTP },
                { "fault", required_argument, NULL, OPT_FAULT },
                { "faults", no_argument, NULL, OPT_FAULTS },
                { "help", no_argument, NULL, OPT_HELP }, { 0 } };
        struct edge_options o = { 0 };
        const char *fault;
        struct err e;
        int option;

        if (argc > 1 && strcmp(argv[1], "check-stamps") == 0)
                return check_stamps(argc - 1, argv + 1);
        optind = 0;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == OPT_HELP || option == 'h')
                        return fputs(edge_help, stdout) < 0;
                if (option == OPT_FAULTS)
                        return list_faults();
                if (option == OPT_FAULT) {
                        if (add_fault(&o, optarg) != 0)
                                return EXIT_USAGE;
                        continue;
                }
                fault = take_option(&o, option, optarg);
                if (fault)
                        return usage(fault);
        }
        fault = optind < argc ? "what is left over on the command line is not understood"
                              : check_options(&o);
        if (fault)
                return usage(fault);
        log_open("edge", LOG_LEVEL_INFO, clock_log_us);
        if (edge_run(&o, &e) < 0) {
                fprintf(stderr, "custos edge: %s\n", e.text);
                return EXIT_NOT_STARTED;
        }
        return 0;
}
