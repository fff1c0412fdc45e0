/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writing half of sdp.h. */
#include <inttypes.h>

#include "proto/sdp.h"

static bool is_clean(struct bytes s)
{
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] < ' ' || s.p[i] == 0x7f)
                        return false;
        return true;
}

static const char *direction_name(enum sdp_direction d)
{
        switch (d) {
        case SDP_SENDRECV:
                return "sendrecv";
        case SDP_SENDONLY:
                return "sendonly";
        case SDP_RECVONLY:
                return "recvonly";
        case SDP_INACTIVE:
                return "inactive";
        default:
                return NULL;
        }
}

#define TEXT(b) (int)(b).n, (const char *)((b).n ? (b).p : (const uint8_t *)"")

static int format_attribute(struct buf *out, const char *name, struct bytes value, struct err *e)
{
        return value.n ? buf_printf(out, e, "a=%s:%.*s\r\n", name, TEXT(value)) : 0;
}

static int format_direction(struct buf *out, enum sdp_direction d, struct err *e)
{
        const char *name = direction_name(d);

        return name ? buf_printf(out, e, "a=%s\r\n", name) : 0;
}

static int format_keys(const struct sdp_media *m, struct buf *out, struct err *e)
{
        int r = 0;

        if (m->crypto_n > SDP_CRYPTO_MAX || !is_clean(m->key_mgmt))
                return err_set(e, ERR_INVALID, "SDP: keys of a media section are bad");
        for (unsigned i = 0; r == 0 && i < m->crypto_n; i++)
                r = is_clean(m->crypto[i])
                            ? format_attribute(out, "crypto", m->crypto[i], e)
                            : err_set(e, ERR_INVALID, "SDP: keys of a media section are bad");
        if (r == 0 && m->key_mgmt.n)
                r = buf_printf(out, e, "a=key-mgmt:mikey %.*s\r\n", TEXT(m->key_mgmt));
        return r;
}

static int format_media(
        const struct sdp_media *m, enum sdp_direction session, struct buf *out, struct err *e)
{
        if (m->payload_type < 0 || m->payload_type > 127 || !is_clean(m->kind_name) ||
                !is_clean(m->protocol) || !is_clean(m->encoding) || !is_clean(m->fmtp) ||
                !is_clean(m->control) || !m->kind_name.n || !m->protocol.n)
                return err_set(e, ERR_INVALID, "SDP: a part of a media section is bad or missing");
        int r = buf_printf(out, e, "m=%.*s 0 %.*s %d\r\n", TEXT(m->kind_name), TEXT(m->protocol),
                m->payload_type);
        if (r == 0 && m->encoding.n)
                r = buf_printf(out, e, "a=rtpmap:%d %.*s/%" PRIu32, m->payload_type,
                        TEXT(m->encoding), m->clock_rate);
        if (r == 0 && m->encoding.n && m->kind == SDP_AUDIO)
                r = buf_printf(out, e, "/%" PRIu32, m->channels);
        if (r == 0 && m->encoding.n)
                r = buf_append(out, bytes_str("\r\n"), e);
        if (r == 0 && m->fmtp.n)
                r = buf_printf(out, e, "a=fmtp:%d %.*s\r\n", m->payload_type, TEXT(m->fmtp));
        if (r == 0 && m->framerate_milli)
                r = buf_printf(out, e, "a=framerate:%" PRIu32 ".%03" PRIu32 "\r\n",
                        m->framerate_milli / 1000, m->framerate_milli % 1000);
        if (r == 0)
                r = format_keys(m, out, e);
        if (r == 0)
                r = format_attribute(out, "control", m->control, e);
        if (r == 0 && m->direction != session)
                r = format_direction(out, m->direction, e);
        return r;
}

int sdp_format(const struct sdp *s, uint64_t origin_id, const char *address, struct buf *out,
        struct err *e)
{
        size_t before = out->n;

        if (!*address || !is_clean(bytes_str(address)) || strchr(address, ' ') ||
                !is_clean(s->name) || !is_clean(s->control) || !is_clean(s->key_mgmt) ||
                s->media_n > SDP_MEDIA_MAX)
                return err_set(e, ERR_INVALID, "SDP: bad address, name or control");
        const char *family = strchr(address, ':') ? "IP6" : "IP4";
        struct bytes name = s->name.n ? s->name : bytes_str("-");
        int r = buf_printf(out, e,
                "v=0\r\no=- %" PRIu64 " 1 IN %s %s\r\ns=%.*s\r\nc=IN %s %s\r\nt=0 0\r\n", origin_id,
                family, address, TEXT(name), family, address);
        if (r == 0)
                r = format_attribute(out, "control", s->control, e);
        if (r == 0 && s->key_mgmt.n)
                r = buf_printf(out, e, "a=key-mgmt:mikey %.*s\r\n", TEXT(s->key_mgmt));
        if (r == 0)
                r = format_direction(out, s->direction, e);
        for (unsigned i = 0; r == 0 && i < s->media_n; i++)
                r = format_media(&s->media[i], s->direction, out, e);
        if (r < 0)
                out->n = before;
        return r;
}
