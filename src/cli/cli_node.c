/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_node.h"

#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_confirm.h"
#include "net/link.h"

#define CLI_NODE_HOST_ROOM 256
#define CLI_NODE_REASON_ROOM 1600
#define CLI_NODE_PORT 8320

enum { NODE_ADD, NODE_LIST, NODE_SHOW, NODE_NAMES, NODE_REVOKE, NODE_REMOVE };

#define CLI_NODE_PLAIN_ARGS (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON))

static const struct cli_args_command cli_node_command = {
        .name = "node",
        .help = "custos node add ROLE NAME [--again]\n"
                "custos node list\n"
                "custos node show ROLE NAME\n"
                "custos node names gateway NAME [DNS|IP...] [--new-root]\n"
                "custos node names gateway NAME --default\n"
                "custos node revoke ROLE NAME --reason TEXT [--yes]\n"
                "custos node remove ROLE NAME [--yes]\n"
                "\n"
                "The nodes of the site: its recorders, gateways and event servers, on this host\n"
                "or others. ROLE is recorder, gateway or events; NAME is as a camera's name.\n"
                "\n"
                "  add                  prints a code, good for 20 minutes and once, and what to\n"
                "                       type with it on the new host. The same name again makes\n"
                "                       another code, and the first is good for nothing\n"
                "  list                 all of them: here, away, expected or revoked, and since\n"
                "                       when\n"
                "  show                 one of them, with its key and its certificate's end\n"
                "  names                by which names and addresses the page of a gateway is\n"
                "                       opened: what its certificate has to have. Without any it\n"
                "                       shows them; at most 32, no wildcards\n"
                "  revoke               its certificates are no longer taken by anybody: it is\n"
                "                       cut off within seconds. A recorder goes on recording,\n"
                "                       and is told nothing more. Asks back\n"
                "  remove               the same, and it is forgotten; a recorder that still has\n"
                "                       cameras is refused. Asks back\n"
                "\n"
                "  --again              a code for a node that has a good certificate, whose\n"
                "                       place another host takes: that certificate is revoked\n"
                "  --default            of names: those that its host's first start found, or\n"
                "                       the address that it comes from\n"
                "  --new-root           of names: also such as the root that people installed\n"
                "                       does not vouch for: makes another root, which everybody\n"
                "                       has to install\n"
                "  --reason TEXT        why, one line\n"
                "  --yes                without being asked back\n" CLI_ARGS_HELP_STATE
                "  --json               add: {code, until, port}; list: an array of nodes; show:\n"
                "                       {node}; names: {names, given, root, page};\n"
                "                       revoke: {revoked}; remove: {}; keys as in\n"
                "                       docs/spec/link.md; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or Custos does not run, 64 wrong use.\n",
        .verbs_n = 6,
        .verbs = { [NODE_ADD] = { .word = "add",
                           .operand = "ROLE",
                           .second = "NAME",
                           .takes = CLI_NODE_PLAIN_ARGS | CLI_ARGS_BIT(AGAIN) },
                [NODE_LIST] = { .word = "list", .takes = CLI_NODE_PLAIN_ARGS },
                [NODE_SHOW] = { .word = "show",
                        .operand = "ROLE",
                        .second = "NAME",
                        .takes = CLI_NODE_PLAIN_ARGS },
                [NODE_NAMES] = { .word = "names",
                        .operand = "ROLE",
                        .second = "NAME",
                        .more = "DNS|IP",
                        .takes = CLI_NODE_PLAIN_ARGS | CLI_ARGS_BIT(DEFAULT) |
                                 CLI_ARGS_BIT(NEW_ROOT) },
                [NODE_REVOKE] = { .word = "revoke",
                        .operand = "ROLE",
                        .second = "NAME",
                        .takes = CLI_NODE_PLAIN_ARGS | CLI_ARGS_BIT(YES),
                        .needs = CLI_ARGS_BIT(REASON) },
                [NODE_REMOVE] = { .word = "remove",
                        .operand = "ROLE",
                        .second = "NAME",
                        .takes = CLI_NODE_PLAIN_ARGS | CLI_ARGS_BIT(YES) } },
};

/* Takes body. */
static int cli_node_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        return cli_call(a->state, type, body, ret, remedy, &e) < 0
                       ? cli_fail("node", &e, remedy, a->json)
                       : CLI_OK;
}

static json_t *cli_node_named(const struct cli_args *a)
{
        json_t *body = json_object();

        cli_put(body, "role", a->operand);
        cli_put(body, "name", a->second);
        return body;
}

/* What to type on the new host: this one's name, and its port where it is not the usual one. */
static void cli_node_print_code(const struct cli_args *a, const json_t *answer)
{
        const json_t *port = json_object_get(answer, "port");
        char host[CLI_NODE_HOST_ROOM], where[CLI_NODE_HOST_ROOM + 8];

        if (gethostname(host, sizeof host) < 0)
                snprintf(host, sizeof host, "MANAGER");
        host[sizeof host - 1] = '\0';
        snprintf(where, sizeof where, "%s", host);
        if (json_is_integer(port) && json_integer_value(port) != CLI_NODE_PORT)
                snprintf(where, sizeof where, "%s:%u", host,
                        (unsigned)json_integer_value(port) & 0xffffu);
        printf("On the host of %s %s, until %s, once:\n\n    custos enroll %s %s\n\n", a->operand,
                a->second, cli_text(answer, "until"), where, cli_text(answer, "code"));
        printf("Whoever has the code can be %s %s until then. %s stands for this host's address as\n"
               "the other one knows it.\n",
                a->operand, a->second, host);
        if (!json_is_integer(port))
                printf("WARNING: the manager's port is not open at the moment; custos status says "
                       "more.\n");
}

static int cli_node_add(const struct cli_args *a)
{
        json_t *answer = NULL, *body = cli_node_named(a);

        if (cli_args_has(a, CLI_ARGS_AGAIN))
                json_object_set_new(body, "again", json_true());
        int status = cli_node_call(a, "node.add", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                cli_node_print_code(a, answer);
        json_decref(answer);
        return status;
}

static int cli_node_list(const struct cli_args *a)
{
        json_t *answer = NULL, *n;
        size_t i;

        int status = cli_node_call(a, "node.list", json_object(), &answer);
        json_t *nodes = json_object_get(answer, "nodes");
        if (status == CLI_OK && a->json) {
                cli_print_json(nodes);
        } else if (status == CLI_OK) {
                json_array_foreach(nodes, i, n)
                {
                        printf("%-9s %-24s %-10s %-25s %-22s %s%s\n", cli_text(n, "role"),
                                cli_text(n, "name"), cli_text(n, "state"), cli_text(n, "since"),
                                cli_text(n, "address"),
                                cli_text(n, "not_after")[0] ? "certificate until " : "",
                                cli_text(n, "not_after"));
                        if (cli_text(n, "code_until")[0])
                                printf("%34s a code is open until %s\n", "",
                                        cli_text(n, "code_until"));
                }
        }
        json_decref(answer);
        return status;
}

static void cli_node_print_line(const char *what, const char *text)
{
        if (text[0])
                printf("  %-12s %s\n", what, text);
}

static void cli_node_print(const json_t *n)
{
        char reason[CLI_NODE_REASON_ROOM];

        printf("%s\n", cli_text(n, "uri"));
        cli_node_print_line("state", cli_text(n, "state"));
        cli_node_print_line("since", cli_text(n, "since"));
        cli_node_print_line("last seen", cli_text(n, "seen"));
        cli_node_print_line("address", cli_text(n, "address"));
        cli_node_print_line("added", cli_text(n, "added"));
        cli_node_print_line("enrolled", cli_text(n, "enrolled"));
        cli_node_print_line("certificate", cli_text(n, "not_after"));
        cli_node_print_line("key", cli_text(n, "key"));
        cli_node_print_line("revoked", cli_text(n, "revoked"));
        cli_node_print_line(
                "reason", str_escape(reason, sizeof reason, bytes_str(cli_text(n, "reason"))));
        cli_node_print_line("code until", cli_text(n, "code_until"));
        if (strcmp(cli_text(n, "role"), "recorder") == 0)
                printf("  %-12s %lld\n", "cameras",
                        (long long)json_integer_value(json_object_get(n, "cameras")));
}

static int cli_node_show(const struct cli_args *a)
{
        json_t *answer = NULL;

        int status = cli_node_call(a, "node.show", cli_node_named(a), &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                cli_node_print(json_object_get(answer, "node"));
        json_decref(answer);
        return status;
}

static void cli_node_print_names(const struct cli_args *a, const json_t *answer)
{
        const json_t *page = json_object_get(answer, "page");
        const char *error = cli_text(page, "error");
        char shown[1024];
        json_t *name;
        size_t i;

        json_array_foreach(json_object_get(answer, "names"), i, name)
                printf("%s\n", json_string_value(name));
        if (!json_is_true(json_object_get(answer, "given")))
                printf("(nobody gave any: these are what is known of its host)\n");
        if (cli_text(answer, "root")[0])
                printf("root to install: SHA-256 %s\n", cli_text(answer, "root"));
        if (json_is_object(page))
                printf("%s shows a certificate of %s until %s\n", a->second,
                        json_is_true(json_object_get(page, "own")) ? "your own" : "the site",
                        cli_text(page, "until"));
        json_array_foreach(json_object_get(page, "missing"), i, name)
                printf("WARNING: that certificate is not for %s\n", json_string_value(name));
        if (error[0])
                printf("WARNING: another one cannot be used: %s\n",
                        str_escape(shown, sizeof shown, bytes_str(error)));
}

static int cli_node_names(const struct cli_args *a)
{
        json_t *answer = NULL, *body = cli_node_named(a), *names = json_array();

        if (cli_args_has(a, CLI_ARGS_DEFAULT) && a->more_n) {
                json_decref(body);
                json_decref(names);
                return cli_args_misused(a, "names takes names, or --default");
        }
        for (unsigned i = 0; i < a->more_n; i++) {
                json_t *name = json_string(a->more[i]);
                json_array_append_new(names, name ? name : json_string("(unprintable)"));
        }
        if (a->more_n || cli_args_has(a, CLI_ARGS_DEFAULT))
                json_object_set(body, "names", names);
        json_decref(names);
        if (cli_args_has(a, CLI_ARGS_NEW_ROOT))
                json_object_set_new(body, "new_root", json_true());
        int status = cli_node_call(a, "node.names", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                cli_node_print_names(a, answer);
        json_decref(answer);
        return status;
}

static int cli_node_end(const struct cli_args *a)
{
        bool revoke = a->verb == NODE_REVOKE;
        char question[400], name[80], role[80];
        json_t *answer = NULL;

        str_escape(role, sizeof role, bytes_str(a->operand));
        str_escape(name, sizeof name, bytes_str(a->second));
        snprintf(question, sizeof question,
                "%s %s will be cut off from the site at once%s, and can come back by another code "
                "alone.",
                role, name, revoke ? "" : " and forgotten");
        int status = cli_confirm(a, question, name);
        if (status != CLI_OK)
                return status;
        json_t *body = cli_node_named(a);
        if (revoke)
                cli_put(body, "reason", a->values[CLI_ARGS_REASON]);
        status = cli_node_call(a, revoke ? "node.revoke" : "node.remove", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK && revoke)
                printf("%s %s is revoked: %lld certificate(s).\n", a->operand, a->second,
                        (long long)json_integer_value(json_object_get(answer, "revoked")));
        else if (status == CLI_OK)
                printf("%s %s is removed.\n", a->operand, a->second);
        json_decref(answer);
        return status;
}

int cli_node(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_node_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case NODE_ADD:
                return cli_node_add(&a);
        case NODE_LIST:
                return cli_node_list(&a);
        case NODE_SHOW:
                return cli_node_show(&a);
        case NODE_NAMES:
                return cli_node_names(&a);
        default:
                return cli_node_end(&a);
        }
}
