/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_camera.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "net/link.h"

#define CLI_CAMERA_PAGE 500

static const char cli_camera_help[] =
        "custos camera: the cameras of the running system.\n"
        "\n"
        "  custos camera add NAME --url rtsps://HOST[:PORT]/PATH [--user USER --password-file FILE]\n"
        "                    [--stream NAME] [--pin SHA256] [--without-audio]\n"
        "  custos camera list\n"
        "  custos camera show NAME\n"
        "  custos camera remove NAME        its footage stays\n"
        "\n"
        "  --url URL            where the camera serves the stream, encrypted; no user or password in it\n"
        "  --password-file F    a file of mode 0600 with the password\n"
        "  --stream NAME        name of the stream within the camera (default: main)\n"
        "  --pin SHA256         accept this key alone, 64 hex digits of SHA-256 over its SubjectPublicKeyInfo,\n"
        "                       instead of a certificate of the site's camera issuer\n"
        "  --without-audio      record no sound\n"
        "  --state DIR          state directory of the running system (default: ./var or /var/lib/custos)\n"
        "  --json               answers and errors as JSON\n"
        "\n"
        "Exit: 0 done, 1 refused or not reachable, 64 wrong use.\n";

struct cli_camera_options {
        const char *state, *url, *user, *password_file, *stream, *pin;
        bool without_audio, json;
        const char *verb, *name;
};

static int cli_camera_parse(int argc, char **argv, struct cli_camera_options *o)
{
        enum { URL = 256, USER, PASSWORD, STREAM, PIN, SILENT, STATE, JSON, HELP };
        static const struct option names[] = { { "url", required_argument, NULL, URL },
                { "user", required_argument, NULL, USER }, { "password-file", required_argument, NULL, PASSWORD },
                { "stream", required_argument, NULL, STREAM }, { "pin", required_argument, NULL, PIN },
                { "without-audio", no_argument, NULL, SILENT }, { "state", required_argument, NULL, STATE },
                { "json", no_argument, NULL, JSON }, { "help", no_argument, NULL, HELP }, { 0 } };
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                switch (c) {
                case URL: o->url = optarg; break;
                case USER: o->user = optarg; break;
                case PASSWORD: o->password_file = optarg; break;
                case STREAM: o->stream = optarg; break;
                case PIN: o->pin = optarg; break;
                case SILENT: o->without_audio = true; break;
                case STATE: o->state = optarg; break;
                case JSON: o->json = true; break;
                case HELP:
                        fputs(cli_camera_help, stdout);
                        return 1;
                default:
                        return cli_misused("camera", "that option is not known or lacks its value");
                }
        }
        o->verb = optind < argc ? argv[optind] : "";
        o->name = optind + 1 < argc ? argv[optind + 1] : NULL;
        return optind + 2 < argc ? cli_misused("camera", "too many words") : 0;
}

static void cli_camera_print(json_t *camera)
{
        json_t *stream;
        size_t i;

        printf("%s\n", cli_text(camera, "name"));
        json_array_foreach (json_object_get(camera, "streams"), i, stream) {
                json_t *state = json_object_get(stream, "state");
                printf("  %-8s %s\n", cli_text(stream, "stream"), cli_text(stream, "url"));
                printf("           asked: %s%s; now: %s, %s\n", cli_text(stream, "transport"),
                        json_is_true(json_object_get(stream, "audio")) ? "" : ", without audio",
                        json_is_object(state) ? cli_text(state, "state") : "unknown",
                        json_is_object(state) ? cli_text(state, "protection") : "recorder away");
                if (json_is_object(state) && cli_text(state, "error")[0])
                        printf("           %s\n           %s\n", cli_text(state, "error"), cli_text(state, "remedy"));
        }
}

static int cli_camera_call(const struct cli_camera_options *o, const char *type, json_t *body, json_t **ret)
{
        char state[CLI_PATH_MAX], remedy[LINK_REMEDY_MAX];
        struct err e;

        cli_state(o->state, state);
        return cli_call(state, type, body, ret, remedy, &e) < 0 ? cli_fail("camera", &e, remedy, o->json) : CLI_OK;
}

static int cli_camera_add(const struct cli_camera_options *o)
{
        struct secret password = { 0 };
        json_t *answer = NULL;
        struct err e;

        if (!o->name || !o->url)
                return cli_misused("camera", "add needs NAME and --url");
        if (o->password_file && cli_read_password(o->password_file, &password, &e) < 0)
                return cli_fail("camera", &e, NULL, o->json);
        json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", o->name, "url", o->url, "user", o->user ? o->user : "",
                "stream", o->stream ? o->stream : "main", "audio", !o->without_audio);
        json_object_set_new(body, "password", json_stringn((const char *)password.p, password.n));
        if (o->pin)
                json_object_set_new(body, "pin", json_string(o->pin));
        secret_done(&password);
        int status = cli_camera_call(o, "camera.add", body, &answer);
        if (status == CLI_OK && o->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%s is in the inventory; custos status shows how it is recorded.\n", o->name);
        json_decref(answer);
        return status;
}

static int cli_camera_list(const struct cli_camera_options *o)
{
        char after[64] = "";
        json_t *all = json_array();
        int status;
        bool more = true;

        for (status = CLI_OK; status == CLI_OK && more;) {
                json_t *answer = NULL, *camera;
                size_t i;
                status = cli_camera_call(o, "camera.list", json_pack("{s:s, s:i}", "after", after, "limit", CLI_CAMERA_PAGE),
                        &answer);
                more = json_is_true(json_object_get(answer, "more"));
                json_array_foreach (json_object_get(answer, "cameras"), i, camera) {
                        snprintf(after, sizeof after, "%s", cli_text(camera, "name"));
                        json_array_append(all, camera);
                }
                json_decref(answer);
        }
        if (status == CLI_OK && o->json) {
                cli_print_json(all);
        } else if (status == CLI_OK) {
                json_t *camera;
                size_t i;
                json_array_foreach (all, i, camera)
                        printf("%-24s %s\n", cli_text(camera, "name"),
                                cli_text(json_array_get(json_object_get(camera, "streams"), 0), "url"));
                printf("%zu camera%s\n", json_array_size(all), json_array_size(all) == 1 ? "" : "s");
        }
        json_decref(all);
        return status;
}

static int cli_camera_one(const struct cli_camera_options *o, bool remove)
{
        json_t *answer = NULL;

        if (!o->name)
                return cli_misused("camera", "the camera's name is missing");
        int status = cli_camera_call(o, remove ? "camera.remove" : "camera.show", json_pack("{s:s}", "name", o->name), &answer);
        if (status == CLI_OK && o->json)
                cli_print_json(answer);
        else if (status == CLI_OK && remove)
                printf("%s is no longer recorded. What was recorded stays.\n", o->name);
        else if (status == CLI_OK)
                cli_camera_print(json_object_get(answer, "camera"));
        json_decref(answer);
        return status;
}

int cli_camera(int argc, char **argv)
{
        struct cli_camera_options o = { 0 };

        int r = cli_camera_parse(argc, argv, &o);
        if (r != 0)
                return r == 1 ? CLI_OK : r;
        if (strcmp(o.verb, "add") == 0)
                return cli_camera_add(&o);
        if (strcmp(o.verb, "list") == 0)
                return cli_camera_list(&o);
        if (strcmp(o.verb, "show") == 0 || strcmp(o.verb, "remove") == 0)
                return cli_camera_one(&o, o.verb[0] == 'r');
        return cli_misused("camera", "say add, list, show or remove");
}
