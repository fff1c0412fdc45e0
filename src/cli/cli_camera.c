/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_camera.h"

#include <stdio.h>

#include "cli/cli_args.h"
#include "cli/cli_camera_test.h"
#include "cli/cli_record.h"
#include "cli/cli_status.h"
#include "crypto/x509_csr.h"
#include "net/link.h"
#include "os/file.h"

#define CLI_CAMERA_PAGE 500
#define CLI_CAMERA_CSR_MAX X509_CSR_MAX

enum {
        CAMERA_ADD,
        CAMERA_SET,
        CAMERA_LIST,
        CAMERA_SHOW,
        CAMERA_REMOVE,
        CAMERA_CLEAR,
        CAMERA_CERTIFICATE,
        CAMERA_REVOKE
};

#define CLI_CAMERA_ASKED                                                                           \
        (CLI_ARGS_BIT(RECORDER) | CLI_ARGS_BIT(USER) | CLI_ARGS_BIT(PASSWORD) |                    \
                CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(PIN) | CLI_ARGS_BIT(TRANSPORT) |               \
                CLI_ARGS_BIT(CARRIER) | CLI_ARGS_BIT(WITHOUT_AUDIO) | CLI_ARGS_BIT(STATE) |        \
                CLI_ARGS_BIT(JSON) | CLI_RECORD_OPTIONS)
#define CLI_CAMERA_PLAIN_ARGS (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON))

static const struct cli_args_command cli_camera_command = {
        .name = "camera",
        .help = "custos camera add NAME --url URL [--stream NAME] [--recorder NAME]\n"
                "                  [--user NAME --password-file FILE] [--pin SHA256]\n"
                "                  [--transport WORD] [--carrier WORD] [--without-audio]\n"
                "                  [--record MODE] [--schedule TEXT] [--pre SECONDS]\n"
                "                  [--post SECONDS] [--between WORD] [--min-days N]\n"
                "                  [--max-days N] [--quota MB]\n"
                "custos camera set NAME [--stream NAME] [what is to change, as above]\n"
                "custos camera list\n"
                "custos camera show NAME\n"
                "custos camera remove NAME\n"
                "custos camera test URL ...   (custos camera test --help)\n"
                "custos camera certificate NAME --csr FILE\n"
                "custos camera revoke NAME\n"
                "custos camera clear-tls-memory NAME\n"
                "\n"
                "The cameras of the running system. The footage of one that is removed stays.\n"
                "What weakens protection, or has less recorded or kept, is in custos audit show.\n"
                "\n"
                "  --url URL            where the camera serves the stream, rtsps:// or\n"
                "                       https://; no user or password in it\n"
                "  --user NAME          who the camera knows the recorder as\n"
                "  --password-file FILE the password, in a file of mode 0600\n"
                "  --stream NAME        name of the stream within the camera (default: main)\n"
                "  --recorder NAME      who records the camera, with all its streams (default:\n"
                "                       main). With set it moves: what was recorded stays\n"
                "                       where it is\n"
                "  --pin SHA256         accept this key alone, 64 hex digits of SHA-256 over its\n"
                "                       SubjectPublicKeyInfo, instead of a certificate of the\n"
                "                       site's camera issuer\n"
                "  --transport WORD     tls (default), tls-pinned (with --pin); exceptions,\n"
                "                       shown everywhere: tls-if-available (without TLS where\n"
                "                       the camera has none; becomes tls at the first\n"
                "                       success), plain (url rtsp:// or http://: everybody on\n"
                "                       the way can see it)\n"
                "  --carrier WORD       interleaved (default for rtsps), tunnel (RTSP in\n"
                "                       HTTPS, default for https), udp, mjpeg, snapshot\n"
                "  --without-audio      record no sound; --with-audio: again\n" CLI_RECORD_HELP
                "  --csr FILE           the camera's signing request; its key is certified for\n"
                "                       the addresses of the inventory, and printed (PEM)\n"
                "  revoke               no certificate that was made here for the camera is\n"
                "                       taken any more; a connection with one ends in seconds\n"
                "  clear-tls-memory     a camera once on TLS is never again taken without;\n"
                "                       after this it may be. For one that was replaced\n" CLI_ARGS_HELP_STATE
                "  --json               add, set and show: {camera: {name, recorder, streams:\n"
                "                       [{stream, url, user, transport, carrier, pin, audio,\n"
                "                       record, added, state}]}}, state of show alone; list:\n"
                "                       an array of such cameras; certificate: {certificate};\n"
                "                       revoke: {revoked}; others: {}; or\n"
                "                       {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or not reachable, 64 wrong use.\n",
        .verbs_n = 8,
        .verbs = { [CAMERA_ADD] = { .word = "add",
                           .operand = "NAME",
                           .takes = CLI_CAMERA_ASKED,
                           .needs = CLI_ARGS_BIT(URL) },
                [CAMERA_SET] = { .word = "set",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_ASKED | CLI_ARGS_BIT(URL) | CLI_ARGS_BIT(WITH_AUDIO) },
                [CAMERA_LIST] = { .word = "list", .takes = CLI_CAMERA_PLAIN_ARGS },
                [CAMERA_SHOW] = { .word = "show",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_PLAIN_ARGS },
                [CAMERA_REMOVE] = { .word = "remove",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_PLAIN_ARGS },
                [CAMERA_CLEAR] = { .word = "clear-tls-memory",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_PLAIN_ARGS },
                [CAMERA_CERTIFICATE] = { .word = "certificate",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_PLAIN_ARGS,
                        .needs = CLI_ARGS_BIT(CSR) },
                [CAMERA_REVOKE] = { .word = "revoke",
                        .operand = "NAME",
                        .takes = CLI_CAMERA_PLAIN_ARGS } },
};

static void cli_camera_print(json_t *camera)
{
        json_t *stream;
        size_t i;

        printf("%s, by recorder %s\n", cli_text(camera, "name"), cli_text(camera, "recorder"));
        json_array_foreach(json_object_get(camera, "streams"), i, stream)
        {
                json_t *state = json_object_get(stream, "state");
                char record[CLI_RECORD_ROOM];
                printf("  %-8s %s\n", cli_text(stream, "stream"), cli_text(stream, "url"));
                printf("           asked: %s, %s%s; now: %s, %s\n", cli_text(stream, "transport"),
                        cli_text(stream, "carrier"),
                        json_is_true(json_object_get(stream, "audio")) ? "" : ", without audio",
                        json_is_object(state) ? cli_text(state, "state") : "unknown",
                        json_is_object(state) ? cli_status_protection(state) : "recorder away");
                printf("           recorded: %s\n",
                        cli_record_text(record, json_object_get(stream, "record")));
                if (json_is_object(state) && cli_text(state, "error")[0])
                        printf("           %s\n           %s\n", cli_text(state, "error"),
                                cli_text(state, "remedy"));
        }
}

static int cli_camera_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        return cli_call(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("camera", &e, remedy, a->json)
                       : CLI_OK;
}

/* What was given on the command line, and nothing else. */
static int cli_camera_asked(const struct cli_args *a, json_t *body, struct err *e)
{
        const char *file = a->values[CLI_ARGS_PASSWORD];
        struct secret password = { 0 };

        if (file && cli_read_password(file, &password, e) < 0)
                return e->code;
        if (file)
                json_object_set_new(
                        body, "password", json_stringn((const char *)password.p, password.n));
        secret_done(&password);
        json_object_set_new(body, "name", json_string(a->operand));
        if (a->verb == CAMERA_ADD || cli_args_has(a, CLI_ARGS_STREAM))
                json_object_set_new(body, "stream", json_string(a->stream));
        cli_put(body, "recorder", a->values[CLI_ARGS_RECORDER]);
        cli_put(body, "url", a->values[CLI_ARGS_URL]);
        cli_put(body, "user", a->values[CLI_ARGS_USER]);
        cli_put(body, "pin", a->values[CLI_ARGS_PIN]);
        cli_put(body, "transport", a->values[CLI_ARGS_TRANSPORT]);
        cli_put(body, "carrier", a->values[CLI_ARGS_CARRIER]);
        json_t *record = cli_record_asked(a);
        if (record)
                json_object_set_new(body, "record", record);
        if (cli_args_has(a, CLI_ARGS_WITHOUT_AUDIO) || cli_args_has(a, CLI_ARGS_WITH_AUDIO))
                json_object_set_new(
                        body, "audio", json_boolean(cli_args_has(a, CLI_ARGS_WITH_AUDIO)));
        return 0;
}

/* Whoever weakens protection is told what that means, there and then. */
static void cli_camera_warn(json_t *answer, const char *stream)
{
        json_t *s;
        size_t i;

        json_array_foreach(json_object_get(json_object_get(answer, "camera"), "streams"), i, s)
        {
                if (strcmp(cli_text(s, "stream"), stream) != 0)
                        continue;
                if (strcmp(cli_text(s, "transport"), "plain") == 0)
                        printf("NOT ENCRYPTED: everybody on the way to it can see and change the "
                               "picture.\n");
                else if (strcmp(cli_text(s, "transport"), "tls-if-available") == 0)
                        printf("Until it is first seen with TLS, somebody on the way can have it "
                               "sent in the clear.\n");
        }
}

static int cli_camera_change(const struct cli_args *a)
{
        bool add = a->verb == CAMERA_ADD;
        json_t *answer = NULL, *body = json_object();
        struct err e;

        if (cli_args_has(a, CLI_ARGS_WITHOUT_AUDIO) && cli_args_has(a, CLI_ARGS_WITH_AUDIO)) {
                json_decref(body);
                return cli_args_misused(a, "--with-audio or --without-audio, not both");
        }
        if (cli_camera_asked(a, body, &e) < 0) {
                json_decref(body);
                return cli_fail("camera", &e, NULL, a->json);
        }
        int status = cli_camera_call(a, add ? "camera.add" : "camera.set", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK && add)
                printf("%s is in the inventory; custos status shows how it is recorded.\n",
                        a->operand);
        else if (status == CLI_OK)
                cli_camera_print(json_object_get(answer, "camera"));
        if (status == CLI_OK && !a->json)
                cli_camera_warn(answer, a->stream);
        json_decref(answer);
        return status;
}

/* The state of a stream in a status, or NULL. */
static const json_t *cli_camera_state(const json_t *status, const char *camera, const char *stream)
{
        char path[128];

        snprintf(path, sizeof path, "%s-%s", camera, stream);
        return cli_status_stream(status, path);
}

/* A line a stream: what was asked for, and what there is. */
static void cli_camera_print_list(const struct cli_args *a, json_t *all)
{
        json_t *status = NULL, *camera, *stream;
        char remedy[LINK_REMEDY_MAX];
        size_t i, j;
        struct err e;

        if (cli_status_fetch(a->state, &status, remedy, &e) < 0)
                status = NULL;
        json_array_foreach(all, i, camera)
        {
                json_array_foreach(json_object_get(camera, "streams"), j, stream)
                {
                        const char *name = cli_text(camera, "name");
                        const json_t *state =
                                cli_camera_state(status, name, cli_text(stream, "stream"));
                        printf("%-24s %-8s %-16s %-12s %-24s %s\n", j ? "" : name,
                                cli_text(stream, "stream"), cli_text(stream, "transport"),
                                cli_text(stream, "carrier"),
                                state ? cli_status_protection(state) : "not connected",
                                cli_text(stream, "url"));
                }
        }
        json_decref(status);
        printf("%zu camera%s\n", json_array_size(all), json_array_size(all) == 1 ? "" : "s");
}

static int cli_camera_list(const struct cli_args *a)
{
        char after[64] = "";
        json_t *all = json_array();
        int status;
        bool more = true;

        for (status = CLI_OK; status == CLI_OK && more;) {
                json_t *answer = NULL, *camera;
                size_t i;
                status = cli_camera_call(a, "camera.list",
                        json_pack("{s:s, s:i}", "after", after, "limit", CLI_CAMERA_PAGE), &answer);
                more = json_is_true(json_object_get(answer, "more"));
                json_array_foreach(json_object_get(answer, "cameras"), i, camera)
                {
                        snprintf(after, sizeof after, "%s", cli_text(camera, "name"));
                        json_array_append(all, camera);
                }
                json_decref(answer);
        }
        if (status == CLI_OK && a->json)
                cli_print_json(all);
        else if (status == CLI_OK)
                cli_camera_print_list(a, all);
        json_decref(all);
        return status;
}

static void cli_camera_tell(const struct cli_args *a, json_t *answer)
{
        switch (a->verb) {
        case CAMERA_REMOVE:
                printf("%s is no longer recorded. What was recorded stays.\n", a->operand);
                break;
        case CAMERA_CLEAR:
                printf("%s may be taken without TLS again, until it is seen with it.\n",
                        a->operand);
                break;
        case CAMERA_REVOKE:
                printf("%lld certificate(s) of %s are revoked. Give it a new key and certificate.\n",
                        (long long)json_integer_value(json_object_get(answer, "revoked")),
                        a->operand);
                break;
        case CAMERA_CERTIFICATE:
                printf("%s", cli_text(answer, "certificate"));
                break;
        default:
                cli_camera_print(json_object_get(answer, "camera"));
        }
}

static int cli_camera_read_csr(const char *path, json_t *body, struct err *e)
{
        struct verify_key *key = NULL;
        struct buf text;

        buf_init(&text, CLI_CAMERA_CSR_MAX);
        int r = file_read(path, CLI_CAMERA_CSR_MAX, &text, e);
        if (r >= 0) /* nothing else is sent anywhere, a private key above all */
                r = x509_csr_key(buf_bytes(&text), &key, e);
        verify_key_freep(&key);
        json_t *csr = r < 0 ? NULL : json_stringn((const char *)text.p, text.n);
        if (text.p)
                explicit_bzero(text.p, text.room);
        buf_done(&text);
        if (r >= 0 && !csr)
                r = err_set(e, ERR_INVALID, "%s is no text: a request in PEM is needed", path);
        if (csr)
                json_object_set_new(body, "csr", csr);
        return r < 0 ? r : 0;
}

static int cli_camera_one(const struct cli_args *a)
{
        static const char *const types[] = { [CAMERA_SHOW] = "camera.show",
                [CAMERA_REMOVE] = "camera.remove",
                [CAMERA_CLEAR] = "camera.clear_tls_memory",
                [CAMERA_CERTIFICATE] = "camera.certificate",
                [CAMERA_REVOKE] = "camera.revoke" };
        json_t *answer = NULL, *body = json_pack("{s:s}", "name", a->operand);
        struct err e;

        if (a->verb == CAMERA_CERTIFICATE &&
                cli_camera_read_csr(a->values[CLI_ARGS_CSR], body, &e) < 0) {
                json_decref(body);
                return cli_fail("camera", &e, NULL, a->json);
        }
        int status = cli_camera_call(a, types[a->verb], body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                cli_camera_tell(a, answer);
        json_decref(answer);
        return status;
}

int cli_camera(int argc, char **argv)
{
        struct cli_args a;

        if (argc > 1 && strcmp(argv[1], "test") == 0)
                return cli_camera_test(argc - 1, argv + 1);
        if (!cli_args_parse(&a, &cli_camera_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case CAMERA_ADD:
        case CAMERA_SET:
                return cli_camera_change(&a);
        case CAMERA_LIST:
                return cli_camera_list(&a);
        default:
                return cli_camera_one(&a);
        }
}
