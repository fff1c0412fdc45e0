/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is typed behind a subcommand, and what is said when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "cli/cli_args.h"
#include "cli/cli_backup.h"
#include "cli/cli_camera.h"
#include "cli/cli_certificate.h"
#include "cli/cli_doctor.h"
#include "cli/cli_event.h"
#include "cli/cli_export.h"
#include "cli/cli_keys.h"
#include "cli/cli_lock.h"
#include "cli/cli_node.h"
#include "cli/cli_person.h"
#include "cli/cli_security.h"
#include "cli/cli_settings.h"
#include "cli/cli_status.h"
#include "cli/cli_storage.h"
#include "cli/cli_trust.h"
#include "cli/cli_vault.h"
#include "cli/cli_verify.h"
#include "cli/cli_version.h"
#include "command_run.c"

static const struct cli_args_command film = { .name = "film",
        .help = "custos film\n",
        .verbs_n = 2,
        .verbs = { { .word = "show",
                           .takes = CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(FROM) | CLI_ARGS_BIT(TO) |
                                    CLI_ARGS_BIT(LAST) | CLI_ARGS_BIT(TRUST) | CLI_ARGS_BIT(KEY) |
                                    CLI_ARGS_BIT(KIT) | CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) |
                                    CLI_ARGS_BIT(JSON),
                           .needs = CLI_ARGS_BIT(CAMERA) },
                { .word = "cut",
                        .operand = "FILE",
                        .takes = CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(NAME) | CLI_ARGS_BIT(DNS) |
                                 CLI_ARGS_BIT(IP) | CLI_ARGS_BIT(DAYS) } } };

static struct cli_args args;

/* Parses in this process; ends with NULL. */
static bool parse(const char *first, ...)
{
        static char name[] = "film";
        char *argv[16] = { name, (char *)(uintptr_t)first };
        int argc = first ? 2 : 1;
        va_list list;

        va_start(list, first);
        while (first && (argv[argc] = va_arg(list, char *)))
                argc++;
        va_end(list);
        return cli_args_parse(&args, &film, argc, argv);
}

/* The same as a command of its own, for what it prints. */
static int film_command(int argc, char **argv)
{
        return cli_args_parse(&args, &film, argc, argv) ? 0 : args.exit;
}

static void test_values(void **state)
{
        (void)state;
        assert_true(parse("show", "--camera", "demo-street", NULL));
        assert_int_equal(args.verb, 0);
        assert_string_equal(args.stream_path, "demo-street-main");
        assert_string_equal(args.stream, "main");
        assert_true(args.from_us == INT64_MIN && args.to_us == INT64_MAX);
        assert_false(args.json);
        assert_true(parse("--json", "--camera=lobby", "show", "--stream=sub", "--from",
                "1970-01-01T00:00:01.5Z", "--to", "1970-01-01T00:01:00Z", NULL));
        assert_string_equal(args.stream_path, "lobby-sub");
        assert_true(args.from_us == 1500000 && args.to_us == 60000000);
        assert_true(args.json);
        assert_true(parse("cut", "--", "--odd name", NULL));
        assert_int_equal(args.verb, 1);
        assert_string_equal(args.operand, "--odd name");
        assert_string_equal(args.stream_path, "");
        assert_true(parse("cut", "-", NULL));
        assert_string_equal(args.operand, "-");
        assert_true(parse("show", "--camera", "a", "--recovery-kit", "-", NULL));
        assert_string_equal(args.values[CLI_ARGS_KIT], "-");
}

static void test_places(void **state)
{
        (void)state;
        assert_true(parse("show", "--camera", "a", "--state", "/s", NULL));
        assert_string_equal(args.state, "/s");
        assert_int_equal(args.vaults_n, 0);
        assert_true(parse(
                "show", "--camera", "a", "--state", "/s", "--vault", "/v", "--vault=/w", NULL));
        assert_string_equal(args.state, "/s");
        assert_int_equal(args.vaults_n, 2);
        assert_string_equal(args.vaults[0], "/v");
        assert_string_equal(args.vaults[1], "/w");
        setenv("CUSTOS_STATE", "/from/environment", 1);
        assert_true(parse("show", "--camera", "a", NULL));
        unsetenv("CUSTOS_STATE");
        assert_string_equal(args.state, "/from/environment");
}

static void test_names(void **state)
{
        (void)state;
        assert_true(parse("cut", "f", "--name", "gate-1", "--dns", "a", "--ip", "::1", "--dns=b",
                "--days", "3650", NULL));
        assert_int_equal(args.dns_n, 2);
        assert_string_equal(args.dns[0], "a");
        assert_string_equal(args.dns[1], "b");
        assert_int_equal(args.ip_n, 1);
        assert_string_equal(args.ip[0], "::1");
        assert_int_equal(args.numbers[CLI_ARGS_DAYS], 3650);
        assert_int_equal(command_run(film_command, "cut", "f", "--name", "Gate", NULL), 64);
        assert_int_equal(command_run(film_command, "cut", "f", "--days", "3651", NULL), 64);
        assert_int_equal(command_run(film_command, "cut", "f", "--days", "0", NULL), 64);
        assert_int_equal(
                command_run(film_command, "cut", "f", "--name", "a", "--name", "b", NULL), 64);
        /* As many as a certificate takes. */
        static char word[] = "film", cut[] = "cut", file[] = "f", option[] = "--dns=x";
        char *argv[3 + CLI_ARGS_NAMES_MAX + 1] = { word, cut, file };
        for (unsigned i = 0; i <= CLI_ARGS_NAMES_MAX; i++)
                argv[3 + i] = option;
        assert_true(cli_args_parse(&args, &film, 3 + CLI_ARGS_NAMES_MAX, argv));
        assert_int_equal(args.dns_n, CLI_ARGS_NAMES_MAX);
        assert_false(cli_args_parse(&args, &film, 4 + CLI_ARGS_NAMES_MAX, argv));
}

static void test_durations(void **state)
{
        static const struct {
                const char *text;
                uint64_t s; /* 0: refused */
        } cases[] = { { "60", 60 }, { "60s", 60 }, { "5m", 300 }, { "2h", 7200 },
                { "31d", 2678400 }, { "32d", 0 }, { "0", 0 }, { "0m", 0 }, { "", 0 }, { "m", 0 },
                { "-1", 0 }, { "1.5h", 0 }, { "1h1", 0 }, { "5mm", 0 }, { "2678401", 0 },
                { "99999999999999999999d", 0 } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int code = command_run(
                        film_command, "show", "--camera", "a", "--last", cases[i].text, NULL);
                assert_int_equal(code, cases[i].s ? 0 : 64);
                if (cases[i].s)
                        assert_true(parse("show", "--camera", "a", "--last", cases[i].text, NULL) &&
                                    args.last_s == cases[i].s);
                else
                        SAYS("5m, 2h");
        }
}

static void test_fingerprints(void **state)
{
        char hex[65], colons[64 + 31 + 1];

        (void)state;
        memset(hex, 'A', 64);
        hex[64] = '\0';
        assert_true(parse("show", "--camera", "a", "--trust", hex, NULL));
        assert_int_equal(args.trust[31], 0xaa);
        for (unsigned i = 0; i < 32; i++)
                memcpy(colons + 3 * i, "0f:", 3);
        colons[95] = '\0';
        assert_true(parse("show", "--camera", "a", "--trust", colons, NULL));
        assert_int_equal(args.trust[0], 0x0f);
        hex[63] = '\0';
        assert_int_equal(
                command_run(film_command, "show", "--camera", "a", "--trust", hex, NULL), 64);
        hex[63] = 'g';
        assert_int_equal(
                command_run(film_command, "show", "--camera", "a", "--trust", hex, NULL), 64);
        SAYS("64 hex digits");
}

/* Options whose bit lies behind the 32nd are themselves, and no other. */
static void test_many_options(void **state)
{
        (void)state;
        assert_true(CLI_ARGS_N > 32 && CLI_ARGS_N <= 64);
        for (unsigned i = 0; i < CLI_ARGS_N; i++) {
                const struct cli_args a = { .given = UINT64_C(1) << i };
                for (unsigned j = 0; j < CLI_ARGS_N; j++)
                        assert_true(cli_args_has(&a, (enum cli_args_option)j) == (i == j));
        }
        assert_int_equal(command_run(film_command, "cut", "f", "--reason", "x", NULL), 64);
        SAYS("there is no option --reason");
}

#define REFUSED(text, ...)                                                                         \
        do {                                                                                       \
                assert_int_equal(command_run(film_command, __VA_ARGS__, NULL), 64);                \
                SAYS("custos film: " text "\nTry: custos film --help\n");                          \
        } while (0)

static void test_misuse(void **state)
{
        char longer[CLI_PATH_MAX + 1];

        (void)state;
        assert_int_equal(command_run(film_command, NULL), 64);
        SAYS("custos film: say show or cut\nTry: custos film --help\n");
        REFUSED("say show or cut, not \"shows\"", "shows");
        REFUSED("there is no option --colour", "show", "--colour");
        REFUSED("there is no option --cam", "show", "--cam", "a"); /* no abbreviations */
        REFUSED("there is no option --url", "show", "--url=x");    /* of another command */
        REFUSED("there is no option -c", "show", "-c");
        REFUSED("there is no option --", "show", "--=x");
        assert_null(strstr(command_run_output, "=x"));
        REFUSED("there is no option --\\x1b[31m", "show", "--\033[31m");
        REFUSED("--camera lacks its NAME", "show", "--camera");
        REFUSED("--json takes no value", "show", "--json=yes");
        REFUSED("--camera is given twice", "show", "--camera", "a", "--camera", "b");
        REFUSED("show needs --camera NAME", "show");
        REFUSED("cut takes no --camera", "cut", "f", "--camera", "a");
        REFUSED("cut needs FILE", "cut");
        REFUSED("\"g\" is a word too many", "cut", "f", "g");
        REFUSED("\"f\" is a word too many", "show", "f", "--camera", "a");
        assert_int_equal(command_run(cli_vault, "ls", "--stream", "sub", NULL), 64);
        SAYS("custos vault: --stream goes with --camera\nTry: custos vault --help\n");
        assert_int_equal(command_run(cli_verify, NULL), 64);
        SAYS("custos verify: needs PATH or --camera\n");
        assert_int_equal(command_run(cli_export, "--camera", "a", NULL), 64);
        SAYS("custos export: needs --output FILE\n");
        REFUSED("give --key or --recovery-kit, not both", "show", "--camera", "a", "--key", "k",
                "--recovery-kit", "-");
        REFUSED("--to has to lie behind --from", "show", "--camera", "a", "--from",
                "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z");
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        assert_int_equal(
                command_run(film_command, "show", "--camera", "a", "--vault", longer, NULL), 64);
        assert_int_equal(
                command_run(film_command, "show", "--camera", "a", "--vault", "", NULL), 64);
}

static void test_stream_names(void **state)
{
        static const char *const cameras[] = { "../x", "lobby/sub", "Lobby", "", "-a", "a-", "a b",
                "a\n" };
        static const char *const streams[] = { "../x", "Main", "", "a-b", "abcdefghijklmnopq" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cameras); i++) {
                assert_int_equal(
                        command_run(film_command, "show", "--camera", cameras[i], NULL), 64);
                SAYS("--camera takes a camera's name, as custos camera list shows it, not \"");
        }
        for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
                assert_int_equal(command_run(film_command, "show", "--camera", "a", "--stream",
                                         streams[i], NULL),
                        64);
                SAYS("--stream takes a stream's name, as in main or sub, not \"");
        }
        /* The longest names fit. */
        assert_true(parse("show", "--camera",
                "a23456789012345678901234567890123456789012345678901234567890123", "--stream",
                "abcdefghijklmnop", NULL));
        assert_true(head_is_stream_path(args.stream_path));
}

/* Every option that a command takes stands in its help, and no line is wider than a terminal. */
static void test_help(void **state)
{
        static const struct {
                int (*command)(int, char **);
                const char *options;
        } all[] = {
                { cli_camera,
                        "--url --user --password-file --stream --recorder --pin --without-audio --record --schedule "
                        "--pre --post --between --min-days --max-days --quota --state --json" },
                { cli_certificate, "--name --dns --ip --names-from-request --days --state --json" },
                { cli_event, "--camera --stream --source --seconds --state --json" },
                { cli_export,
                        "--camera --stream --from --to --last --output --without-audio --skip-damaged --key --recovery-kit "
                        "--vault --state --json" },
                { cli_keys,
                        "--camera --stream --at --key --recovery-kit --check --vault --state --json" },
                { cli_lock,
                        "--camera --stream --from --to --reason --recorder --yes --state --json" },
                { cli_node, "--again --default --new-root --reason --yes --state --json" },
                { cli_person,
                        "--role --disable --enable --new-password --password-file --remote --yes --state --json" },
                { cli_person_session, "--person --state --json" },
                { cli_storage, "--weight --stale --yes --recorder --state --json" },
                { cli_backup, "--config --state --json" },
                { cli_restore, "--recovery-kit --state --json" },
                { cli_trust, "--class --state --json" },
                { cli_security, "--camera --stream --state --json" },
                { cli_settings, "--example --markdown --check" }, { cli_status, "--state --json" },
                { cli_vault,
                        "--camera --stream --from --to --trust --key --recovery-kit --vault --state --json" },
                { cli_verify, "--camera --stream --trust --vault --state --json" },
                { cli_version, "--json" }
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                char options[256], *rest = options, *option;
                assert_int_equal(command_run(all[i].command, "--help", NULL), 0);
                SAYS("Exit: 0 ");
                SAYS(", 64 ");
                snprintf(options, sizeof options, "%s", all[i].options);
                while ((option = strsep(&rest, " "))) {
                        char line[40];
                        snprintf(line, sizeof line,
                                strcmp(option, "--to") == 0 ? ", %s " : "\n  %s", option);
                        SAYS(line);
                }
                for (char *text = command_run_output, *line; (line = strsep(&text, "\n"));)
                        assert_true(strlen(line) <= 79);
                assert_int_equal(command_run(all[i].command, "--no-such-option", NULL), 64);
                SAYS("there is no option --no-such-option\nTry: custos ");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_places),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_durations),
                cmocka_unit_test(test_fingerprints),
                cmocka_unit_test(test_many_options),
                cmocka_unit_test(test_misuse),
                cmocka_unit_test(test_stream_names),
                cmocka_unit_test(test_help),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
