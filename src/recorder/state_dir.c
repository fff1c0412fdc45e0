/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/state_dir.h"

#include <stdio.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/file.h"
#include "trust/node_peers.h"
#include "trust/recorder_keys.h"

#define STATE_DIR_FILE_MAX (64u << 10)
#define STATE_DIR_KEY_MAX 256

static void state_dir_path(char *to, size_t room, const char *state, const char *name)
{
        snprintf(to, room, "%s/recorder/%s", state, name);
}

int state_dir_read_seal_key(const char *state, struct sign_key **ret, struct err *e)
{
        char path[4200];
        struct buf pem;

        state_dir_path(path, sizeof path, state, "seal.key");
        buf_init(&pem, STATE_DIR_FILE_MAX);
        int r = file_read_secret(path, STATE_DIR_FILE_MAX, &pem, e);
        if (r >= 0)
                r = sign_key_parse(buf_bytes(&pem), ret, e);
        if (pem.p)
                explicit_bzero(pem.p, pem.n);
        buf_done(&pem);
        return r < 0 ? r : 0;
}

int state_dir_read_certs(const char *state, struct state_dir_certs *ret, struct err *e)
{
        struct buf *const each[] = { &ret->seal, &ret->issuer, &ret->root };
        char path[4200];
        struct buf pem;

        for (unsigned i = 0; i < ARRAY_LEN(each); i++)
                buf_init(each[i], X509_CERT_MAX);
        state_dir_path(path, sizeof path, state, "seal.pem");
        buf_init(&pem, STATE_DIR_FILE_MAX);
        int r = file_read(path, STATE_DIR_FILE_MAX, &pem, e);
        for (unsigned i = 0; r >= 0 && i < ARRAY_LEN(each); i++)
                r = x509_pem_parse(buf_bytes(&pem), i, each[i], e);
        buf_done(&pem);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

void state_dir_certs_done(struct state_dir_certs *c)
{
        buf_done(&c->seal);
        buf_done(&c->issuer);
        buf_done(&c->root);
}

int state_dir_read_wrap_key(
        const char *state, uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e)
{
        char path[4200], hex[2 * HPKE_PRIVATE_BYTES + 1] = "";
        struct buf file;

        state_dir_path(path, sizeof path, state, "wrap.key");
        buf_init(&file, STATE_DIR_KEY_MAX);
        int r = file_read_secret(path, STATE_DIR_KEY_MAX, &file, e);
        while (file.n && (file.p[file.n - 1] == '\n' || file.p[file.n - 1] == ' '))
                file.n--;
        if (r >= 0 && file.n < sizeof hex)
                memcpy(hex, file.p, file.n);
        if (r >= 0)
                r = str_unhex(ret, HPKE_PRIVATE_BYTES, hex, e);
        if (file.p)
                explicit_bzero(file.p, file.room);
        buf_done(&file);
        explicit_bzero(hex, sizeof hex);
        return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

static int state_dir_read_recipient(const char *state, const char *name, const char *kind,
        struct key_store_recipient *ret, struct err *e)
{
        struct key_store_recipient recipient = { 0 };
        char path[4200];

        state_dir_path(path, sizeof path, state, name);
        int r = recorder_keys_read_public(path, recipient.public_key, e);
        if (r < 0)
                return r;
        snprintf(recipient.kind, sizeof recipient.kind, "%s", kind);
        *ret = recipient;
        return 0;
}

int state_dir_read_recipients(const char *state,
        struct key_store_recipient ret[static KEY_STORE_RECIPIENTS_MAX], unsigned *ret_n,
        struct err *e)
{
        int r = state_dir_read_recipient(state, "wrap.pub", "recorder", &ret[0], e);
        if (r == 0)
                r = state_dir_read_recipient(state, "recovery.pub", "recovery", &ret[1], e);
        if (r == 0)
                *ret_n = 2;
        return r;
}

int state_dir_read_name(
        const char *state, const char *site, char to[static HEAD_TEXT_MAX], struct err *e)
{
        CLEANUP(buf_done) struct buf text;
        char dir[NODE_IDENTITY_DIR_ROOM], path[NODE_IDENTITY_DIR_ROOM + 16];
        struct node_identity n = { 0 };

        buf_init(&text, NODE_PEERS_FILE_MAX);
        snprintf(path, sizeof path, "%s/peers.json", node_identity_dir(dir, state, "recorder"));
        int r = file_read(path, NODE_PEERS_FILE_MAX, &text, NULL);
        if (r == ERR_NOT_FOUND) { /* made before there were nodes */
                snprintf(to, HEAD_TEXT_MAX, "custos://%s/recorder/main", site);
                return 0;
        }
        if (r < 0)
                return err_set(e, r, "cannot read %s", path);
        r = node_peers_parse(buf_bytes(&text), &n, e);
        if (r < 0)
                return err_wrap(e, r, "%s", path);
        snprintf(to, HEAD_TEXT_MAX, "custos://%s/recorder/%s", n.site, n.name);
        return 0;
}
