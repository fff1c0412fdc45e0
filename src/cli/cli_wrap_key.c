/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_wrap_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "os/file.h"
#include "vault/recovery_kit.h"

#define KEY_FILE_MAX 256

static void wiped_buf_done(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        buf_done(b);
}

static void trim(struct buf *b)
{
        while (b->n && (b->p[b->n - 1] == '\n' || b->p[b->n - 1] == '\r' || b->p[b->n - 1] == ' '))
                b->n--;
}

/* A file of n bytes in hex. */
static int parse_hex_file(struct buf *text, const char *path, uint8_t *to, size_t n, struct err *e)
{
        char hex[KEY_FILE_MAX + 1] = "";

        trim(text);
        if (text->n)
                memcpy(hex, text->p, text->n);
        int r = str_unhex(to, n, hex, e);
        explicit_bzero(hex, sizeof hex);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

static int read_key(const char *path, uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e)
{
        CLEANUP(wiped_buf_done) struct buf text;

        buf_init(&text, KEY_FILE_MAX);
        int r = file_read_secret(path, KEY_FILE_MAX, &text, e);
        return r < 0 ? r : parse_hex_file(&text, path, ret, HPKE_PRIVATE_BYTES, e);
}

static int read_stdin(struct buf *to, struct err *e)
{
        for (;;) {
                uint8_t *p = buf_reserve(to, 512);
                if (!p)
                        return err_set(e, ERR_EXHAUSTED, "more than %d bytes on standard input",
                                RECOVERY_KIT_FILE_MAX);
                ssize_t n = read(STDIN_FILENO, p, 512);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_os(e, ERR_IO, errno, "read standard input");
                if (n == 0)
                        return 0;
                to->n += (size_t)n;
        }
}

static int read_kit(const char *path, uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e)
{
        CLEANUP(recovery_kit_freep) struct recovery_kit *kit = NULL;
        CLEANUP(wiped_buf_done) struct buf text;

        buf_init(&text, RECOVERY_KIT_FILE_MAX);
        int r = strcmp(path, "-") == 0 ? read_stdin(&text, e)
                                       : file_read_secret(path, RECOVERY_KIT_FILE_MAX, &text, e);
        if (r == 0)
                r = recovery_kit_parse(buf_bytes(&text), &kit, e);
        if (r < 0)
                return r;
        memcpy(ret, kit->private_key, HPKE_PRIVATE_BYTES);
        return 0;
}

int cli_wrap_key(const char *state, const char *key, const char *kit,
        uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e)
{
        char path[CLI_PATH_MAX + 32];

        if (kit)
                return read_kit(kit, ret, e);
        snprintf(path, sizeof path, "%s/recorder/wrap.key", state);
        if (!key && !file_exists(path))
                return err_set(e, ERR_NOT_FOUND,
                        "there is no recorder's key at %.200s: --state says where the state directory is, --key or "
                        "--recovery-kit names another key",
                        path);
        return read_key(key ? key : path, ret, e);
}

int cli_wrap_public(
        const char *state, const char *name, uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e)
{
        char path[CLI_PATH_MAX + 64];
        CLEANUP(buf_done) struct buf text;

        snprintf(path, sizeof path, "%s/recorder/%s.pub", state, name);
        buf_init(&text, KEY_FILE_MAX);
        int r = file_read(path, KEY_FILE_MAX, &text, e);
        return r < 0 ? r : parse_hex_file(&text, path, ret, HPKE_PUBLIC_BYTES, e);
}
