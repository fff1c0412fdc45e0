/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/transcode_message.h"

#include <stdio.h>

#include "base/pack.h"
#include "base/str.h"

int transcode_begin_pack(const struct transcode_begin *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, m->kind);
        pack_u16(&p, m->width);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "transcode: no room for the beginning") : 0;
}

int transcode_begin_parse(struct bytes body, struct transcode_begin *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct transcode_begin m = { .kind = unpack_u8(&u) };

        m.width = unpack_u16(&u);
        if (!unpack_complete(&u) || (m.kind != TRANSCODE_STREAM && m.kind != TRANSCODE_STILL) ||
                (m.width && (m.kind == TRANSCODE_STREAM || m.width < TRANSCODE_WIDTH_MIN ||
                                    m.width > TRANSCODE_WIDTH_MAX)))
                return err_set(e, ERR_PROTOCOL, "transcode: malformed beginning");
        *ret = m;
        return 0;
}

int transcode_failure_pack(const struct err *why, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, (uint8_t)-why->code);
        pack_string(&p, why->text);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "transcode: no room for the failure") : 0;
}

int transcode_failure_parse(struct bytes body, struct err *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        char text[ERR_TEXT_BYTES], shown[ERR_TEXT_BYTES];
        int code = -(int)unpack_u8(&u);

        unpack_string(&u, text, sizeof text);
        if (!unpack_complete(&u) || code > ERR_INVALID || code < ERR_INTERNAL)
                return err_set(e, ERR_PROTOCOL, "transcode: malformed failure");
        err_set(ret, code, "%s", str_escape(shown, sizeof shown, bytes_str(text)));
        return 0;
}
