/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/config.h"

#include <ini.h>

#include "base/buf.h"
#include "os/file.h"

/* The library cuts longer lines without a word. */
#define CONFIG_LINE_MAX 190

struct config_reader {
        struct bytes left;
        const char *name;
        unsigned line;
        unsigned seen_at[SETTINGS_COUNT]; /* line, 0 where not yet */
        struct settings settings;
        struct err err;
        unsigned failed_at; /* line, 0 where none */
};

static void config_fail(struct config_reader *c, int code, const char *what)
{
        if (c->failed_at)
                return;
        err_set(&c->err, code, "%s line %u: %s", c->name, c->line, what);
        c->failed_at = c->line;
}

static bool config_line_is_text(struct bytes line)
{
        for (size_t i = 0; i < line.n; i++) {
                if (line.p[i] < 0x20 && line.p[i] != '\t' && line.p[i] != '\r')
                        return false;
        }
        return true;
}

/* One line for the library, as fgets does it. After a failure there is none. */
static char *config_next_line(char *to, int room, void *stream)
{
        struct config_reader *c = stream;

        if (c->failed_at || c->left.n == 0)
                return NULL;
        const uint8_t *end = memchr(c->left.p, '\n', c->left.n);
        struct bytes line = bytes_sub(c->left, 0, end ? (size_t)(end - c->left.p) : c->left.n);
        c->left = bytes_sub(c->left, line.n + (end ? 1 : 0), c->left.n);
        c->line++;
        if (line.n > CONFIG_LINE_MAX || line.n + 2 > (size_t)room)
                config_fail(c, ERR_INVALID, "longer than 190 characters");
        else if (!config_line_is_text(line))
                config_fail(c, ERR_INVALID, "a control character");
        if (c->failed_at)
                return NULL;
        /* The library would take an indented line for more of the value above. */
        while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
                line = bytes_sub(line, 1, line.n);
        if (line.n)
                memcpy(to, line.p, line.n);
        to[line.n] = '\n';
        to[line.n + 1] = '\0';
        return to;
}

/* 1 goes on, 0 is a failure (inih). */
static int config_on_value(void *user, const char *section, const char *name, const char *value)
{
        struct config_reader *c = user;
        enum settings_key key;
        struct err e;

        if (c->failed_at)
                return 0;
        if (settings_find(section, name, &key, &e) < 0 ||
                settings_set(&c->settings, key, value, &e) < 0) {
                config_fail(c, ERR_INVALID, e.text);
                return 0;
        }
        if (c->seen_at[key]) {
                err_set(&e, ERR_INVALID, "%s is set again, after line %u", name, c->seen_at[key]);
                config_fail(c, ERR_INVALID, e.text);
                return 0;
        }
        c->seen_at[key] = c->line;
        return 1;
}

int config_parse(struct bytes text, const char *name, struct settings *s, struct err *e)
{
        struct config_reader c = { .left = text, .name = name, .settings = *s };

        int line = ini_parse_stream(config_next_line, &c, config_on_value, &c);
        /* The library goes on after a broken line, and says so at the end; what followed from it is
         * of no interest. */
        if (c.failed_at && (line <= 0 || (unsigned)line >= c.failed_at))
                return err_set(e, c.err.code, "%s", c.err.text);
        if (line > 0)
                return err_set(e, ERR_INVALID,
                        "%s line %d: neither \"[section]\" nor \"name = value\"", name, line);
        if (line < 0)
                return err_set(e, ERR_INTERNAL, "%s: out of memory", name);
        *s = c.settings;
        return 0;
}

int config_read(const char *path, struct settings *s, struct err *e)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, CONFIG_FILE_MAX);
        int r = file_read(path, CONFIG_FILE_MAX, &text, e);
        if (r < 0)
                return r;
        return config_parse(buf_bytes(&text), path, s, e);
}
