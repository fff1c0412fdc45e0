/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_settings.h"

#include <getopt.h>
#include <stdio.h>

#include "base/settings.h"
#include "cli/cli.h"
#include "os/config.h"

#define CLI_SETTINGS_TEXT_MAX (64u << 10)

static const char cli_settings_help[] =
        "custos settings [--example | --markdown | --check FILE]\n"
        "\n"
        "  (nothing)       every setting with its unit, default and range\n"
        "  --example       a commented configuration file, for custos run --config FILE\n"
        "  --markdown      docs/settings.md\n"
        "  --check FILE    says what is wrong in a configuration file\n"
        "\n"
        "Exit: 0 done, 1 the file cannot be read, 64 a mistake in it or wrong use.\n";

static int cli_settings_check(const char *path)
{
        struct settings s;
        struct err e;

        settings_defaults(&s);
        if (config_read(path, &s, &e) < 0)
                return cli_fail("settings", &e, NULL, false);
        printf("%s: no mistake\n", path);
        return CLI_OK;
}

int cli_settings(int argc, char **argv)
{
        enum { EXAMPLE = 256, MARKDOWN, CHECK, HELP };
        static const struct option names[] = {{"example", no_argument, NULL, EXAMPLE},
                {"markdown", no_argument, NULL, MARKDOWN},
                {"check", required_argument, NULL, CHECK}, {"help", no_argument, NULL, HELP}, {0}};
        int (*print)(struct buf *, struct err *) = settings_print_help;
        struct buf text;
        struct err e;
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (c == CHECK)
                        return cli_settings_check(optarg);
                if (c == HELP) {
                        fputs(cli_settings_help, stdout);
                        return CLI_OK;
                }
                if (c != EXAMPLE && c != MARKDOWN)
                        return cli_misused(
                                "settings", "that option is not known or lacks its value");
                print = c == EXAMPLE ? settings_print_example : settings_print_markdown;
        }
        buf_init(&text, CLI_SETTINGS_TEXT_MAX);
        int r = print(&text, &e);
        if (r == 0)
                fwrite(text.p, 1, text.n, stdout);
        buf_done(&text);
        return r < 0 ? cli_fail("settings", &e, NULL, false) : CLI_OK;
}
