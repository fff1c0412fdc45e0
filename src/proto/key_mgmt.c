/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/key_mgmt.h"

#include "base/str.h"

int key_mgmt_decode(struct bytes base64, struct mikey *ret, struct err *e)
{
        uint8_t message[MIKEY_MESSAGE_MAX];
        int r = base64.n >= STR_BASE64_ROOM(sizeof message)
                        ? ERR_PROTOCOL
                        : str_unbase64(message, sizeof message, base64, NULL);

        /* The text is not repeated: it holds a key. */
        if (r < 0)
                return err_set(e, ERR_PROTOCOL, "MIKEY: not base64, or more than %d bytes of it",
                        MIKEY_MESSAGE_MAX);
        r = mikey_parse(BYTES(message, (size_t)r), ret, e);
        explicit_bzero(message, sizeof message);
        return r;
}

int key_mgmt_encode(const struct mikey *m, uint64_t ntp,
        const uint8_t random[static MIKEY_RAND_BYTES], struct buf *out, struct err *e)
{
        char text[STR_BASE64_ROOM(MIKEY_MESSAGE_MAX)];
        struct buf message;
        int r;

        buf_init(&message, MIKEY_MESSAGE_MAX);
        /* All its room at once, so that no copy of a key stays behind where it grew. */
        r = buf_reserve(&message, MIKEY_MESSAGE_MAX) ? 0 : ERR_EXHAUSTED;
        if (r == 0)
                r = mikey_format(m, ntp, random, &message, e);
        if (r == 0)
                r = buf_append(out, bytes_str(str_base64(text, buf_bytes(&message))), e);
        if (message.p)
                explicit_bzero(message.p, message.room);
        explicit_bzero(text, sizeof text);
        buf_done(&message);
        return r;
}

/* ---- the header ---- */

/* What stands before the separator, which counts outside of quotes only. */
static struct bytes cut(struct bytes *rest, char separator)
{
        bool quoted = false;
        size_t n = 0;

        for (; n < rest->n && (quoted || rest->p[n] != (uint8_t)separator); n++)
                if (rest->p[n] == '"')
                        quoted = !quoted;
        struct bytes part = str_trim(bytes_sub(*rest, 0, n));
        *rest = bytes_sub(*rest, n + 1, rest->n);
        return part;
}

static struct bytes unquoted(struct bytes s)
{
        return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? bytes_sub(s, 1, s.n - 2) : s;
}

int key_mgmt_parse(struct bytes value, struct bytes *ret_uri, struct mikey *ret, struct err *e)
{
        while (value.n > 0) {
                struct bytes part = cut(&value, ','), protocol = { 0 }, uri = { 0 }, data = { 0 };

                while (part.n > 0) {
                        struct bytes text = cut(&part, ';'), name = cut(&text, '=');

                        text = unquoted(str_trim(text));
                        if (str_is(name, "prot"))
                                protocol = text;
                        else if (str_is(name, "uri"))
                                uri = text;
                        else if (str_is(name, "data"))
                                data = text;
                }
                if (!str_is(protocol, "mikey"))
                        continue;
                int r = key_mgmt_decode(data, ret, e);
                if (r < 0)
                        return err_wrap(e, r, "KeyMgmt");
                if (ret_uri)
                        *ret_uri = uri;
                return 0;
        }
        return err_set(e, ERR_NOT_FOUND, "KeyMgmt: no MIKEY in it");
}

int key_mgmt_format(const struct mikey *m, uint64_t ntp,
        const uint8_t random[static MIKEY_RAND_BYTES], const char *uri, struct buf *out,
        struct err *e)
{
        size_t before = out->n;

        if (strlen(uri) > KEY_MGMT_URI_MAX || strpbrk(uri, "\"\\\r\n"))
                return err_set(e, ERR_INVALID, "KeyMgmt: a URI that cannot stand in quotes");
        int r = buf_printf(out, e, "prot=mikey;uri=\"%s\";data=\"", uri);
        if (r == 0)
                r = key_mgmt_encode(m, ntp, random, out, e);
        if (r == 0)
                r = buf_append(out, bytes_str("\""), e);
        if (r < 0)
                out->n = before;
        return r;
}
