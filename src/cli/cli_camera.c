/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_camera.h"

#include <stdio.h>

#include "cli/cli_args.h"
#include "cli/cli_camera_test.h"
#include "net/link.h"

#define CLI_CAMERA_PAGE 500

enum { CAMERA_ADD, CAMERA_LIST, CAMERA_SHOW, CAMERA_REMOVE };

static const struct cli_args_command cli_camera_command = {
        .name = "camera",
        .help = "custos camera add NAME --url rtsps://HOST[:PORT]/PATH [--stream NAME]\n"
                "                  [--user NAME --password-file FILE] [--pin SHA256]\n"
                "                  [--without-audio]\n"
                "custos camera list\n"
                "custos camera show NAME\n"
                "custos camera remove NAME\n"
                "custos camera test URL ...   (custos camera test --help)\n"
                "\n"
                "The cameras of the running system. The footage of one that is removed stays.\n"
                "\n"
                "  --url URL            where the camera serves the stream, encrypted; no user\n"
                "                       or password in it\n"
                "  --user NAME          who the camera knows the recorder as\n"
                "  --password-file FILE the password, in a file of mode 0600\n"
                "  --stream NAME        name of the stream within the camera (default: main)\n"
                "  --pin SHA256         accept this key alone, 64 hex digits of SHA-256 over its\n"
                "                       SubjectPublicKeyInfo, instead of a certificate of the\n"
                "                       site's camera issuer\n"
                "  --without-audio      record no sound\n" CLI_ARGS_HELP_STATE
                "  --json               add and show: {camera: {name, streams: [{stream, url,\n"
                "                       user, transport, pin, audio, added, state}]}}, state\n"
                "                       of show alone; list: an array of such cameras; remove:\n"
                "                       {}; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or not reachable, 64 wrong use.\n",
        .verbs_n = 4,
        .verbs = { [CAMERA_ADD] = { .word = "add",
                           .operand = "NAME",
                           .takes = CLI_ARGS_BIT(USER) | CLI_ARGS_BIT(PASSWORD) |
                                    CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(PIN) |
                                    CLI_ARGS_BIT(WITHOUT_AUDIO) | CLI_ARGS_BIT(STATE) |
                                    CLI_ARGS_BIT(JSON),
                           .needs = CLI_ARGS_BIT(URL) },
                [CAMERA_LIST] = { .word = "list",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) },
                [CAMERA_SHOW] = { .word = "show",
                        .operand = "NAME",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) },
                [CAMERA_REMOVE] = { .word = "remove",
                        .operand = "NAME",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

static void cli_camera_print(json_t *camera)
{
        json_t *stream;
        size_t i;

        printf("%s\n", cli_text(camera, "name"));
        json_array_foreach(json_object_get(camera, "streams"), i, stream)
        {
                json_t *state = json_object_get(stream, "state");
                printf("  %-8s %s\n", cli_text(stream, "stream"), cli_text(stream, "url"));
                printf("           asked: %s%s; now: %s, %s\n", cli_text(stream, "transport"),
                        json_is_true(json_object_get(stream, "audio")) ? "" : ", without audio",
                        json_is_object(state) ? cli_text(state, "state") : "unknown",
                        json_is_object(state) ? cli_text(state, "protection") : "recorder away");
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

static int cli_camera_add(const struct cli_args *a)
{
        const char *user = a->values[CLI_ARGS_USER], *pin = a->values[CLI_ARGS_PIN],
                   *file = a->values[CLI_ARGS_PASSWORD];
        struct secret password = { 0 };
        json_t *answer = NULL;
        struct err e;

        if (file && cli_read_password(file, &password, &e) < 0)
                return cli_fail("camera", &e, NULL, a->json);
        json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", a->operand, "url",
                a->values[CLI_ARGS_URL], "user", user ? user : "", "stream", a->stream, "audio",
                !cli_args_has(a, CLI_ARGS_WITHOUT_AUDIO));
        json_object_set_new(body, "password", json_stringn((const char *)password.p, password.n));
        if (pin)
                json_object_set_new(body, "pin", json_string(pin));
        secret_done(&password);
        int status = cli_camera_call(a, "camera.add", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%s is in the inventory; custos status shows how it is recorded.\n",
                        a->operand);
        json_decref(answer);
        return status;
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
        if (status == CLI_OK && a->json) {
                cli_print_json(all);
        } else if (status == CLI_OK) {
                json_t *camera;
                size_t i;
                json_array_foreach(all, i, camera) printf("%-24s %s\n", cli_text(camera, "name"),
                        cli_text(json_array_get(json_object_get(camera, "streams"), 0), "url"));
                printf("%zu camera%s\n", json_array_size(all),
                        json_array_size(all) == 1 ? "" : "s");
        }
        json_decref(all);
        return status;
}

static int cli_camera_one(const struct cli_args *a)
{
        bool remove = a->verb == CAMERA_REMOVE;
        json_t *answer = NULL;

        int status = cli_camera_call(a, remove ? "camera.remove" : "camera.show",
                json_pack("{s:s}", "name", a->operand), &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK && remove)
                printf("%s is no longer recorded. What was recorded stays.\n", a->operand);
        else if (status == CLI_OK)
                cli_camera_print(json_object_get(answer, "camera"));
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
                return cli_camera_add(&a);
        case CAMERA_LIST:
                return cli_camera_list(&a);
        default:
                return cli_camera_one(&a);
        }
}
