/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/recorder_keys.h"

#include "base/buf.h"
#include "base/str.h"
#include "crypto/hpke.h"
#include "os/file.h"

static int write_file(
        const char *dir, const char *name, struct bytes content, unsigned mode, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", dir, name);

        return file_write_atomic(path, content, mode, e);
}

static int write_hex(
        const char *dir, const char *name, struct bytes value, unsigned mode, struct err *e)
{
        char text[2 * HPKE_PUBLIC_BYTES + 2];

        if (value.n > HPKE_PUBLIC_BYTES)
                return err_set(e, ERR_INVALID, "%s: a key of %zu bytes", name, value.n);
        str_hex(text, value);
        text[2 * value.n] = '\n';
        int r = write_file(dir, name, BYTES(text, 2 * value.n + 1), mode, e);
        explicit_bzero(text, sizeof text);
        return r;
}

int recorder_keys_write_public(const char *dir, const char *name, struct bytes key, struct err *e)
{
        return write_hex(dir, name, key, 0644, e);
}

int recorder_keys_make_wrap(const char *dir, struct err *e)
{
        uint8_t private_key[HPKE_PRIVATE_BYTES], public_key[HPKE_PUBLIC_BYTES];
        CLEANUP(own_freep) char *path = xasprintf("%s/wrap.key", dir);

        if (file_exists(path))
                return 0;
        hpke_generate(private_key, public_key);
        int r = write_hex(dir, "wrap.pub", BYTES(public_key, sizeof public_key), 0644, e);
        if (r == 0)
                r = write_hex(dir, "wrap.key", BYTES(private_key, sizeof private_key), 0600, e);
        explicit_bzero(private_key, sizeof private_key);
        return r;
}

int recorder_keys_write_seal(
        const char *dir, const struct sign_key *key, struct bytes chain_pem, struct err *e)
{
        struct buf pem;
        int r = write_file(dir, "seal.pem", chain_pem, 0644, e);

        buf_init_full(&pem, SIGN_PEM_MAX);
        if (r == 0)
                r = sign_key_format(key, &pem, e);
        if (r == 0)
                r = write_file(dir, "seal.key", buf_bytes(&pem), 0600, e);
        explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r;
}

int recorder_keys_read_public(
        const char *path, uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e)
{
        char text[2 * HPKE_PUBLIC_BYTES + 1] = "";
        CLEANUP(buf_done) struct buf file;

        buf_init(&file, 256);
        int r = file_read(path, 256, &file, e);
        while (file.n && (file.p[file.n - 1] == '\n' || file.p[file.n - 1] == ' '))
                file.n--;
        if (r >= 0 && file.n < sizeof text)
                memcpy(text, file.p, file.n);
        if (r >= 0)
                r = str_unhex(ret, HPKE_PUBLIC_BYTES, text, e);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}
