/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/grant_key.h"

#include <jansson.h>
#include <stdio.h>

#include "base/pack.h"
#include "base/str.h"

#define GRANT_KEY_PAYLOAD_MAX 12288
#define GRANT_KEY_CONTEXT_MAX 512

/* The grant's id, from the middle of the token (RFC 7515 section 3.1): what the key is bound to. */
static int grant_key_id(const char *token, char to[static 33], struct err *e)
{
        const char *from = strchr(token, '.');
        const char *end = from ? strchr(from + 1, '.') : NULL;
        CLEANUP(own_freep) uint8_t *room = xcalloc(1, GRANT_KEY_PAYLOAD_MAX);
        const char *id = NULL;

        int n = end ? str_unbase64url(room, GRANT_KEY_PAYLOAD_MAX,
                              BYTES(from + 1, (size_t)(end - from - 1)), e)
                    : ERR_INVALID;
        json_t *payload = n > 0 ? json_loadb((const char *)room, (size_t)n, 0, NULL) : NULL;
        if (json_unpack(payload, "{s:s}", "id", &id) == 0 && strlen(id) == 32)
                snprintf(to, 33, "%s", id);
        else
                id = NULL;
        json_decref(payload);
        return id ? 0 : err_set(e, ERR_PROTOCOL, "the manager's grant has no id");
}

int grant_key_open(const uint8_t private_key[static HPKE_PRIVATE_BYTES], const char *stream,
        const char *token, const char *wrap_hex, struct media_box **ret, struct err *e)
{
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        struct buf context;
        char id[33];

        if (!wrap_hex)
                return err_set(e, ERR_PROTOCOL, "the recorder gave no key");
        buf_init(&context, GRANT_KEY_CONTEXT_MAX);
        struct pack p = pack_to(&context);
        int r = grant_key_id(token, id, e);
        if (r == 0)
                r = str_unhex(wrap, sizeof wrap, wrap_hex, e);
        if (r == 0) {
                pack_string(&p, "custos-media-1");
                pack_string(&p, stream);
                pack_string(&p, id);
                r = media_box_open_new(private_key, buf_bytes(&context), wrap, ret, e);
        }
        buf_done(&context);
        return r;
}
