/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdio.h>

#include "net/link.h"
#include "os/file.h"
#include "os/role.h"

#define CLI_TIMEOUT_MS 10000
#define CLI_DISK_TIMEOUT_MS 90000 /* beyond the longest patience with a disk (settings) */

void cli_state(const char *option, char to[static CLI_PATH_MAX])
{
        snprintf(to, CLI_PATH_MAX, "%s", option ? option : role_default_state());
}

int cli_fail(const char *name, const struct err *why, const char *remedy, bool json)
{
        if (json) {
                json_t *o = json_pack("{s:{s:s, s:s, s:s}}", "error", "code", err_name(why->code),
                        "text", why->text, "remedy", remedy ? remedy : "");
                cli_print_json(o);
                json_decref(o);
        } else {
                fprintf(stderr, "custos %s: %s\n", name, why->text);
                if (remedy && remedy[0])
                        fprintf(stderr, "  %s\n", remedy);
        }
        return why->code == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
}

int cli_misused(const char *name, const char *text)
{
        fprintf(stderr, "custos %s: %s\nTry: custos %s --help\n", name, text, name);
        return CLI_USAGE;
}

int cli_read_password(const char *path, struct secret *ret, struct err *e)
{
        struct buf text;

        buf_init(&text, SECRET_MAX);
        int r = file_read_secret(path, SECRET_MAX, &text, e);
        while (r >= 0 && text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
                text.n--;
        if (r >= 0)
                r = text.n ? secret_set(ret, buf_bytes(&text), e)
                           : err_set(e, ERR_INVALID, "%s is empty", path);
        if (text.p)
                explicit_bzero(text.p, text.room);
        buf_done(&text);
        return r < 0 ? r : 0;
}

static int cli_call_within(const char *state, const char *type, json_t *body, int timeout_ms,
        json_t **ret, char *remedy, struct err *e)
{
        char path[CLI_PATH_MAX + 16];

        snprintf(path, sizeof path, "%s/control.sock", state);
        return link_call(path, type, body, timeout_ms, ret, remedy, e);
}

int cli_call(const char *state, const char *type, json_t *body, json_t **ret, char *remedy,
        struct err *e)
{
        return cli_call_within(state, type, body, CLI_TIMEOUT_MS, ret, remedy, e);
}

int cli_call_disk(const char *state, const char *type, json_t *body, json_t **ret, char *remedy,
        struct err *e)
{
        return cli_call_within(state, type, body, CLI_DISK_TIMEOUT_MS, ret, remedy, e);
}

const char *cli_text(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

void cli_put(json_t *object, const char *key, const char *text)
{
        if (text)
                json_object_set_new(object, key, json_string_nocheck(text));
}

void cli_print_json(const json_t *value)
{
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
}
