/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_settings.h"

#include <stdio.h>

#include "base/settings.h"
#include "cli/cli_args.h"
#include "os/config.h"

#define CLI_SETTINGS_TEXT_MAX (64u << 10)

static const struct cli_args_command cli_settings_command = {
        .name = "settings",
        .help = "custos settings [--example | --markdown | --check FILE]\n"
                "\n"
                "Without an option: every setting with its unit, default and range.\n"
                "\n"
                "  --example            a commented configuration file, for custos run --config\n"
                "  --markdown           docs/settings.md\n"
                "  --check FILE         says what is wrong in a configuration file\n"
                "\n"
                "Exit: 0 done, 1 the file cannot be read, 64 a mistake in it or wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(EXAMPLE) | CLI_ARGS_BIT(MARKDOWN) |
                              CLI_ARGS_BIT(CHECK) } },
};

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
        int (*print)(struct buf *, struct err *) = settings_print_help;
        struct cli_args a;
        struct buf text;
        struct err e;

        if (!cli_args_parse(&a, &cli_settings_command, argc, argv))
                return a.exit;
        if (a.given & (a.given - 1))
                return cli_args_misused(&a, "give one of --example, --markdown and --check");
        if (cli_args_has(&a, CLI_ARGS_CHECK))
                return cli_settings_check(a.values[CLI_ARGS_CHECK]);
        if (cli_args_has(&a, CLI_ARGS_EXAMPLE))
                print = settings_print_example;
        else if (cli_args_has(&a, CLI_ARGS_MARKDOWN))
                print = settings_print_markdown;
        buf_init(&text, CLI_SETTINGS_TEXT_MAX);
        int r = print(&text, &e);
        if (r == 0)
                fwrite(text.p, 1, text.n, stdout);
        buf_done(&text);
        return r < 0 ? cli_fail("settings", &e, NULL, false) : CLI_OK;
}
