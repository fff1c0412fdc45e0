/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_version.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "crypto/library.h"
#include "db/db.h"

static const char cli_version_help[] =
        "custos version [--json]\n"
        "\n"
        "This program's version, the formats that it writes, and the libraries that it runs with.\n"
        "Exit: 0 done, 64 wrong use.\n";

int cli_version(int argc, char **argv)
{
        bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
        bool help = argc > 1 && strcmp(argv[1], "--help") == 0;

        if (argc > 2 || (argc > 1 && !json && !help))
                return cli_misused("version", "takes --json and nothing else");
        if (help) {
                fputs(cli_version_help, stdout);
                return CLI_OK;
        }
        if (json) {
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
