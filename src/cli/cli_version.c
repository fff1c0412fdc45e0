/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_version.h"

#include <stdio.h>
#include <uv.h>

#include "cli/cli_args.h"
#include "crypto/library.h"
#include "db/db.h"

static const struct cli_args_command cli_version_command = {
        .name = "version",
        .help = "custos version [--json]\n"
                "\n"
                "This program's version, the formats that it writes, and the libraries that it\n"
                "runs with.\n"
                "\n"
                "  --json               {custos, vault_format, seal_format, evidence_format,\n"
                "                       openssl, libuv, sqlite, jansson}\n"
                "\n"
                "Exit: 0 done, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(JSON) } },
};

int cli_version(int argc, char **argv)
{
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_version_command, argc, argv))
                return a.exit;
        if (a.json) {
                json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s}", "custos",
                        CUSTOS_VERSION, "vault_format", 1, "seal_format", 1, "evidence_format", 1,
                        "openssl", library_version(), "libuv", uv_version_string(), "sqlite",
                        db_library_version(), "jansson", jansson_version_str());
                cli_print_json(o);
                json_decref(o);
                return CLI_OK;
        }
        printf("custos %s\nformats: vault 1, seal 1, evidence 1\n%s, libuv %s, SQLite %s, jansson "
               "%s\n",
                CUSTOS_VERSION, library_version(), uv_version_string(), db_library_version(),
                jansson_version_str());
        return CLI_OK;
}
