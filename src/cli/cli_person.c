/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_person.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_confirm.h"
#include "cli/cli_password.h"
#include "net/link.h"

#define CLI_PERSON_NAME_ROOM 520 /* escaped */
#define CLI_PERSON_PAGES_MAX 100

enum { PERSON_ADD, PERSON_LIST, PERSON_SET, PERSON_REMOVE, PERSON_SETUP };
enum { SESSION_LIST, SESSION_REVOKE };

#define CLI_PERSON_PLAIN_ARGS (CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON))

static const struct cli_args_command cli_person_command = {
        .name = "person",
        .help = "custos person add NAME [--role WORD] [--password-file FILE]\n"
                "custos person list\n"
                "custos person set NAME [--role WORD] [--disable | --enable]\n"
                "                  [--new-password | --password-file FILE]\n"
                "custos person remove NAME [--yes]\n"
                "custos person setup [--remote]\n"
                "\n"
                "Who may sign in at the site's page. A password is asked for at the terminal,\n"
                "without echo; it is never an argument.\n"
                "\n"
                "  add                  a person, who can sign in at once\n"
                "  list                 all of them, and when each signed in last\n"
                "  set                  another role or password, or no sign-in any more: then\n"
                "                       what is open of that person ends\n"
                "  remove               forgets a person. Asks back\n"
                "  setup                while there is nobody: a code with which the first\n"
                "                       administrator is made, good for 20 minutes and once\n"
                "\n"
                "  --role WORD          administrator (default of add), or viewer: watches and\n"
                "                       reads, and changes nothing\n"
                "  --disable            no sign-in any more, until\n"
                "  --enable             it is allowed again\n"
                "  --new-password       asks for another password\n"
                "  --password-file FILE takes it from there; a file of mode 0600, or \"-\":\n"
                "                       standard input\n"
                "  --remote             the code may be used from other hosts too\n"
                "  --yes                without being asked back\n" CLI_ARGS_HELP_STATE
                "  --json               add, set: {person}; list: an array; remove: {}; setup:\n"
                "                       {code, until, remote}; keys as in docs/spec/link.md;\n"
                "                       or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or Custos does not run, 64 wrong use.\n",
        .verbs_n = 5,
        .verbs = { [PERSON_ADD] = { .word = "add",
                           .operand = "NAME",
                           .takes = CLI_PERSON_PLAIN_ARGS | CLI_ARGS_BIT(ROLE) |
                                    CLI_ARGS_BIT(PASSWORD) },
                [PERSON_LIST] = { .word = "list", .takes = CLI_PERSON_PLAIN_ARGS },
                [PERSON_SET] = { .word = "set",
                        .operand = "NAME",
                        .takes = CLI_PERSON_PLAIN_ARGS | CLI_ARGS_BIT(ROLE) |
                                 CLI_ARGS_BIT(PASSWORD) | CLI_ARGS_BIT(NEW_PASSWORD) |
                                 CLI_ARGS_BIT(DISABLE) | CLI_ARGS_BIT(ENABLE) },
                [PERSON_REMOVE] = { .word = "remove",
                        .operand = "NAME",
                        .takes = CLI_PERSON_PLAIN_ARGS | CLI_ARGS_BIT(YES) },
                [PERSON_SETUP] = { .word = "setup",
                        .takes = CLI_PERSON_PLAIN_ARGS | CLI_ARGS_BIT(REMOTE) } },
};

static const struct cli_args_command cli_session_command = {
        .name = "session",
        .help = "custos session list\n"
                "custos session revoke HANDLE\n"
                "custos session revoke --person NAME\n"
                "\n"
                "Who is signed in, through which gateway and from where; and ending that at\n"
                "once: what is watched in it ends within seconds.\n"
                "\n"
                "  --person NAME        all that are open of that person\n" CLI_ARGS_HELP_STATE
                "  --json               list: an array of sessions; revoke: {revoked}; keys as\n"
                "                       in docs/spec/link.md; or {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 refused or Custos does not run, 64 wrong use.\n",
        .verbs_n = 2,
        .verbs = { [SESSION_LIST] = { .word = "list", .takes = CLI_PERSON_PLAIN_ARGS },
                [SESSION_REVOKE] = { .word = "revoke",
                        .operand = "HANDLE",
                        .operand_optional = true,
                        .takes = CLI_PERSON_PLAIN_ARGS | CLI_ARGS_BIT(PERSON) } },
};

/* Takes body. Prints the answer with --json, and why where there is none. */
static int cli_person_call(const struct cli_args *a, const char *type, json_t *body, json_t **ret)
{
        char remedy[LINK_REMEDY_MAX];
        struct err e;

        if (cli_call(a->state, type, body, ret, remedy, &e) < 0)
                return cli_fail(a->command->name, &e, remedy, a->json);
        return CLI_OK;
}

static const char *cli_person_shown(char to[static CLI_PERSON_NAME_ROOM], const char *name)
{
        return str_escape(to, CLI_PERSON_NAME_ROOM, bytes_str(name));
}

/* Puts the password where one is wanted. */
static int cli_person_password(const struct cli_args *a, json_t *body)
{
        struct secret password = { 0 };
        struct err e;

        if (cli_password_read(a->values[CLI_ARGS_PASSWORD], &password, &e) < 0)
                return cli_fail("person", &e, NULL, a->json);
        json_object_set_new(body, "password", json_stringn((const char *)password.p, password.n));
        secret_done(&password);
        return CLI_OK;
}

static int cli_person_change(const struct cli_args *a)
{
        bool add = a->verb == PERSON_ADD;
        bool password =
                add || a->values[CLI_ARGS_PASSWORD] || cli_args_has(a, CLI_ARGS_NEW_PASSWORD);
        const char *role = a->values[CLI_ARGS_ROLE];
        char shown[CLI_PERSON_NAME_ROOM];
        json_t *answer = NULL;

        if (cli_args_has(a, CLI_ARGS_DISABLE) && cli_args_has(a, CLI_ARGS_ENABLE))
                return cli_args_misused(a, "--disable or --enable, not both");
        json_t *body = json_object();
        cli_put(body, "name", a->operand);
        cli_put(body, "role", add && !role ? "administrator" : role);
        if (cli_args_has(a, CLI_ARGS_DISABLE) || cli_args_has(a, CLI_ARGS_ENABLE))
                json_object_set_new(
                        body, "disabled", json_boolean(cli_args_has(a, CLI_ARGS_DISABLE)));
        int status = password ? cli_person_password(a, body) : CLI_OK;
        if (status != CLI_OK) {
                json_decref(body);
                return status;
        }
        status = cli_person_call(a, add ? "person.add" : "person.set", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%s is %s.\n", cli_person_shown(shown, a->operand),
                        add ? "added" : "changed");
        json_decref(answer);
        return status;
}

static int cli_person_list(const struct cli_args *a)
{
        char shown[CLI_PERSON_NAME_ROOM];
        json_t *answer = NULL, *p;
        size_t i;

        int status = cli_person_call(a, "person.list", json_object(), &answer);
        json_t *people = json_object_get(answer, "people");
        if (status == CLI_OK && a->json) {
                cli_print_json(people);
        } else if (status == CLI_OK) {
                if (json_array_size(people) == 0)
                        printf("There is nobody yet: custos person setup, or custos person add.\n");
                json_array_foreach(people, i, p)
                        printf("%-24s %-14s %-9s %lld signed in, last %s\n",
                                cli_person_shown(shown, cli_text(p, "name")), cli_text(p, "role"),
                                json_is_true(json_object_get(p, "disabled")) ? "disabled" : "",
                                (long long)json_integer_value(json_object_get(p, "sessions")),
                                cli_text(p, "seen")[0] ? cli_text(p, "seen") : "never");
        }
        json_decref(answer);
        return status;
}

static int cli_person_remove(const struct cli_args *a)
{
        char question[CLI_PERSON_NAME_ROOM + 80], shown[CLI_PERSON_NAME_ROOM];
        json_t *answer = NULL, *body;

        cli_person_shown(shown, a->operand);
        snprintf(question, sizeof question,
                "%s will not be able to sign in any more, and what is open ends.", shown);
        int status = cli_confirm(a, question, shown);
        if (status != CLI_OK)
                return status;
        body = json_object();
        cli_put(body, "name", a->operand);
        status = cli_person_call(a, "person.remove", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%s is removed.\n", shown);
        json_decref(answer);
        return status;
}

static int cli_person_setup(const struct cli_args *a)
{
        bool remote = cli_args_has(a, CLI_ARGS_REMOTE);
        json_t *answer = NULL;

        int status =
                cli_person_call(a, "setup.code", json_pack("{s:b}", "remote", remote), &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("Until %s, once, on the site's page%s:\n\n    %s\n\n"
                       "Whoever types it there becomes the first administrator.\n",
                        cli_text(answer, "until"),
                        remote ? ", from any host" : ", opened on the gateway's own host",
                        cli_text(answer, "code"));
        json_decref(answer);
        return status;
}

int cli_person(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_person_command, argc, argv))
                return a.exit;
        switch (a.verb) {
        case PERSON_LIST:
                return cli_person_list(&a);
        case PERSON_REMOVE:
                return cli_person_remove(&a);
        case PERSON_SETUP:
                return cli_person_setup(&a);
        default:
                return cli_person_change(&a);
        }
}

/* --- sessions --- */

static void cli_person_print_session(const json_t *s)
{
        char shown[CLI_PERSON_NAME_ROOM];

        printf("%s  %-20s %-12s %-16s since %s, last %s, until %s\n", cli_text(s, "session"),
                cli_person_shown(shown, cli_text(s, "person")), cli_text(s, "gateway"),
                cli_text(s, "address"), cli_text(s, "opened"), cli_text(s, "seen"),
                cli_text(s, "expires"));
}

static int cli_person_sessions(const struct cli_args *a)
{
        json_t *all = json_array(), *s;
        char after[LINK_SESSION_ROOM] = "";
        bool more = true;
        int status = CLI_OK;
        size_t i;

        for (unsigned page = 0; status == CLI_OK && more && page < CLI_PERSON_PAGES_MAX; page++) {
                json_t *answer = NULL;
                status = cli_person_call(
                        a, "session.list", json_pack("{s:s}", "after", after), &answer);
                json_t *list = json_object_get(answer, "sessions");
                json_array_extend(all, list);
                snprintf(after, sizeof after, "%s",
                        cli_text(json_array_get(list, json_array_size(list) - 1), "session"));
                more = json_is_true(json_object_get(answer, "more")) && after[0];
                json_decref(answer);
        }
        if (status == CLI_OK && a->json) {
                cli_print_json(all);
        } else if (status == CLI_OK) {
                json_array_foreach(all, i, s) cli_person_print_session(s);
        }
        json_decref(all);
        return status;
}

static int cli_person_revoke(const struct cli_args *a)
{
        const char *person = a->values[CLI_ARGS_PERSON];
        json_t *answer = NULL;

        if ((a->operand != NULL) == (person != NULL))
                return cli_args_misused(a, "say either a handle or --person");
        json_t *body = json_object();
        cli_put(body, "session", a->operand);
        cli_put(body, "person", person);
        int status = cli_person_call(a, "session.revoke", body, &answer);
        if (status == CLI_OK && a->json)
                cli_print_json(answer);
        else if (status == CLI_OK)
                printf("%lld session(s) ended.\n",
                        (long long)json_integer_value(json_object_get(answer, "revoked")));
        json_decref(answer);
        return status;
}

int cli_person_session(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_session_command, argc, argv))
                return a.exit;
        return a.verb == SESSION_LIST ? cli_person_sessions(&a) : cli_person_revoke(&a);
}
