/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_security.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_status.h"
#include "net/link.h"
#include "os/file.h"

#define CLI_SECURITY_SHOWN_ROOM 400

enum { SECURITY_LINKS, SECURITY_PATH };

static const struct cli_args_command cli_security_command = {
        .name = "security",
        .help = "custos security links\n"
                "custos security path --camera NAME [--stream NAME]\n"
                "\n"
                "  links                every connection of the site as it is at the moment: who\n"
                "                       connected to whom, by which TLS and cipher, whose\n"
                "                       certificate with how many days left, new keys, bytes,\n"
                "                       and how many of them everybody on the way could read\n"
                "  path                 each hop of one camera's pictures as it is now:\n"
                "                       camera, recorder, disk, manager, gateways\n"
                "\n" CLI_ARGS_HELP_STREAM CLI_ARGS_HELP_STATE
                "  --json               links: an array, path: {camera, hops: [{hop, from, to,\n"
                "                       good, text}]}; keys as in docs/spec/link.md; or {error:\n"
                "                       {code, text, remedy}}\n"
                "\n"
                "Exit: 0 all that is connected is encrypted, 1 something is not or Custos does\n"
                "not run, 64 wrong use.\n",
        .verbs_n = 2,
        .verbs = { [SECURITY_LINKS] = { .word = "links",
                           .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) },
                [SECURITY_PATH] = { .word = "path",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(STREAM),
                        .needs = CLI_ARGS_BIT(CAMERA) } },
};

/* --- the matrix --- */

/* Appends all pages of one node's; recorder NULL: the manager's. */
static int cli_security_fetch_one(
        const char *state, const char *recorder, json_t *to, char *remedy, struct err *e)
{
        char after[128] = "";
        bool more = true;

        while (more) {
                json_t *page = NULL, *ask = json_object();
                cli_put(ask, "recorder", recorder);
                cli_put(ask, "after", after[0] ? after : NULL);
                int r = cli_call(state, "security.links", ask, &page, remedy, e);
                if (r < 0)
                        return r;
                json_array_extend(to, json_object_get(page, "links"));
                snprintf(after, sizeof after, "%s", cli_text(page, "after"));
                more = json_is_true(json_object_get(page, "more"));
                json_decref(page);
        }
        return 0;
}

static int cli_security_fetch(const char *state, json_t **ret, char *remedy, struct err *e)
{
        json_t *links = json_array(), *nodes = NULL, *node;
        size_t i;

        int r = cli_security_fetch_one(state, NULL, links, remedy, e);
        if (r == 0)
                r = cli_call(state, "node.list", json_pack("{s:s}", "role", "recorder"), &nodes,
                        remedy, e);
        json_array_foreach(json_object_get(nodes, "nodes"), i, node)
        {
                if (r == 0 && strcmp(cli_text(node, "state"), "connected") == 0)
                        r = cli_security_fetch_one(state, cli_text(node, "name"), links, remedy, e);
        }
        json_decref(nodes);
        if (r < 0) {
                json_decref(links);
                return r;
        }
        *ret = links;
        return 0;
}

/* Connected, and not all of it encrypted. */
static bool cli_security_is_open(const json_t *link)
{
        const char *protection = cli_text(link, "protection");

        return protection[0] && strncmp(protection, "encrypted", 9) != 0;
}

static long long cli_security_number(const json_t *link, const char *key)
{
        return (long long)json_integer_value(json_object_get(link, key));
}

/* A node without the site, which is the same everywhere. */
static const char *cli_security_who(char to[static CLI_SECURITY_SHOWN_ROOM], const char *uri)
{
        const char *at = strncmp(uri, "custos://", 9) == 0 ? strchr(uri + 9, '/') : NULL;

        return str_escape(to, CLI_SECURITY_SHOWN_ROOM, bytes_str(at ? at + 1 : uri));
}

static void cli_security_print_link(const json_t *link)
{
        char from[CLI_SECURITY_SHOWN_ROOM], to[CLI_SECURITY_SHOWN_ROOM], days[24] = "-";
        const json_t *left = json_object_get(link, "days_left");
        bool connected = cli_text(link, "protection")[0] != '\0';

        if (json_is_number(left))
                snprintf(days, sizeof days, "%.1f", json_number_value(left));
        printf("%-18s %-26s %-8s %-22s %7s %6lld %6lld %12lld %12lld %9lld%s\n",
                cli_security_who(from, cli_text(link, "from")),
                cli_security_who(to, cli_text(link, "to")),
                cli_text(link, "tls")[0] ? cli_text(link, "tls")
                : connected              ? "NONE"
                                         : "-",
                cli_text(link, "cipher")[0] ? cli_text(link, "cipher") : cli_text(link, "state"),
                days, cli_security_number(link, "handshakes"), cli_security_number(link, "rekeys"),
                cli_security_number(link, "bytes_in"), cli_security_number(link, "bytes_out"),
                cli_security_number(link, "plaintext_bytes"),
                cli_security_is_open(link) ? "  NOT ENCRYPTED" : "");
}

/* Both ends of a link between nodes tell it; people are shown it once, as the manager has it. */
static bool cli_security_is_twice(const json_t *links, const json_t *link)
{
        const json_t *other;
        size_t i;

        json_array_foreach(links, i, other)
        {
                if (other == link)
                        return false;
                if (strcmp(cli_text(other, "from"), cli_text(link, "from")) == 0 &&
                        strcmp(cli_text(other, "to"), cli_text(link, "to")) == 0 &&
                        strcmp(cli_text(other, "state"), cli_text(link, "state")) == 0)
                        return true;
        }
        return false;
}

static int cli_security_links(const struct cli_args *a, const json_t *links)
{
        size_t i, open = 0, shown = 0;
        json_t *link;

        if (!a->json)
                printf("%-18s %-26s %-8s %-22s %7s %6s %6s %12s %12s %9s\n", "from", "to", "TLS",
                        "cipher", "days", "shakes", "rekeys", "bytes in", "bytes out", "in clear");
        json_array_foreach(links, i, link)
        {
                open += cli_security_is_open(link);
                if (a->json || cli_security_is_twice(links, link))
                        continue;
                cli_security_print_link(link);
                shown++;
        }
        if (a->json)
                cli_print_json(links);
        else
                printf("\n%zu connections, %zu of them NOT ENCRYPTED\n", shown, open);
        return open ? CLI_FAILED : CLI_OK;
}

/* --- one camera's way --- */

static void cli_security_hop(json_t *hops, const char *hop, const char *from, const char *to,
        bool good, const char *text)
{
        json_array_append_new(hops, json_pack("{s:s, s:s, s:s, s:b, s:s}", "hop", hop, "from", from,
                                            "to", to, "good", good, "text", text));
}

static void cli_security_hop_of(json_t *hops, const char *hop, const json_t *link)
{
        const char *protection = cli_text(link, "protection");
        char text[CLI_SECURITY_SHOWN_ROOM];

        snprintf(text, sizeof text, "%s%s%s%s%s", protection[0] ? protection : "not connected (",
                protection[0] ? ", " : cli_text(link, "state"),
                protection[0] ? cli_text(link, "tls") : ")", protection[0] ? ", " : "",
                protection[0] ? cli_text(link, "cipher") : "");
        cli_security_hop(hops, hop, cli_text(link, "from"), cli_text(link, "to"),
                strncmp(protection, "encrypted", 9) == 0, text);
}

/* Footage is never written in the clear; where its key lies can be seen on this host alone. */
static void cli_security_hop_disk(
        const struct cli_args *a, json_t *hops, const char *recorder, const json_t *stream)
{
        char path[CLI_PATH_MAX + 32], text[CLI_SECURITY_SHOWN_ROOM];
        size_t n = strlen(recorder);
        bool here = n > 14 && strcmp(recorder + n - 14, "/recorder/main") == 0;
        bool recording = json_is_true(json_object_get(stream, "recording"));

        snprintf(path, sizeof path, "%s/recorder/wrap.key", a->state);
        snprintf(text, sizeof text, "encrypted and sealed; %s; %s",
                recording ? "being recorded" : "not recorded at the moment",
                !here ? "key on that host and on the recovery kit"
                : file_exists(path)
                        ? "key on this machine (recorder/wrap.key) and on the recovery kit"
                        : "key on the recovery kit alone");
        cli_security_hop(hops, "recorder to disk", recorder, "volumes", true, text);
}

static bool cli_security_is_of(const json_t *link, const char *role)
{
        char part[40];

        snprintf(part, sizeof part, "/%s/", role);
        return strstr(cli_text(link, "from"), part) || strstr(cli_text(link, "to"), part);
}

/* Between nodes: the recorder with the manager, then whatever gateway there is. */
static void cli_security_hops_nodes(json_t *hops, const json_t *links, const char *recorder)
{
        json_t *link;
        size_t i;

        json_array_foreach(links, i, link)
        {
                bool ours = strcmp(cli_text(link, "from"), recorder) == 0 ||
                            strcmp(cli_text(link, "to"), recorder) == 0;
                if (strncmp(cli_text(link, "to"), "camera ", 7) == 0 ||
                        cli_security_is_twice(links, link))
                        continue;
                if (cli_security_is_of(link, "gateway") &&
                        (ours || cli_security_is_of(link, "manager")))
                        cli_security_hop_of(hops,
                                ours ? "recorder with gateway" : "manager with gateway", link);
                else if (ours && cli_security_is_of(link, "manager"))
                        cli_security_hop_of(hops, "recorder with manager", link);
        }
}

static int cli_security_print_path(const struct cli_args *a, const json_t *hops)
{
        char from[CLI_SECURITY_SHOWN_ROOM], to[CLI_SECURITY_SHOWN_ROOM];
        json_t *hop, *whole = json_pack("{s:s, s:O}", "camera", a->stream_path, "hops", hops);
        bool good = true;
        size_t i;

        json_array_foreach(hops, i, hop)
        {
                bool fine = json_is_true(json_object_get(hop, "good"));
                good &= fine;
                if (!a->json)
                        printf("%-5s %-22s %s - %s: %s\n", fine ? "ok" : "NO", cli_text(hop, "hop"),
                                cli_security_who(from, cli_text(hop, "from")),
                                cli_security_who(to, cli_text(hop, "to")), cli_text(hop, "text"));
        }
        if (a->json)
                cli_print_json(whole);
        json_decref(whole);
        return good ? CLI_OK : CLI_FAILED;
}

static int cli_security_path(const struct cli_args *a, const json_t *links)
{
        char camera[HEAD_PATH_MAX + 16], remedy[LINK_REMEDY_MAX];
        json_t *hops = json_array(), *status = NULL, *link;
        const char *recorder = NULL;
        struct err e;
        size_t i;

        snprintf(camera, sizeof camera, "camera %s", a->stream_path);
        json_array_foreach(links, i, link)
        {
                if (strcmp(cli_text(link, "to"), camera) != 0)
                        continue;
                recorder = cli_text(link, "from");
                cli_security_hop_of(hops, "camera to recorder", link);
        }
        int r = recorder ? cli_status_fetch(a->state, &status, remedy, &e)
                         : err_set(&e, ERR_NOT_FOUND,
                                   "no recorder that is connected has the stream %s",
                                   a->stream_path);
        if (!recorder)
                snprintf(remedy, sizeof remedy, "custos camera list shows them.");
        if (r == 0) {
                cli_security_hop_disk(a, hops, recorder, cli_status_stream(status, a->stream_path));
                cli_security_hops_nodes(hops, links, recorder);
        }
        int exit = r < 0 ? cli_fail("security", &e, remedy, a->json)
                         : cli_security_print_path(a, hops);
        json_decref(status);
        json_decref(hops);
        return exit;
}

int cli_security(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *links = NULL;
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_security_command, argc, argv))
                return a.exit;
        if (cli_security_fetch(a.state, &links, remedy, &e) < 0)
                return cli_fail("security", &e, remedy, a.json);
        int exit = a.verb == SECURITY_PATH ? cli_security_path(&a, links)
                                           : cli_security_links(&a, links);
        json_decref(links);
        return exit;
}
