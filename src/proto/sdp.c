/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/sdp.h"

#include <ctype.h>
#include <strings.h>

#include "base/str.h"

/* The whole of s, decimal. */
static bool number(struct bytes s, uint32_t max, uint32_t *ret)
{
        uint64_t v = 0;

        if (s.n == 0 || s.n > 10)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                if (!isdigit(s.p[i]))
                        return false;
                v = v * 10 + (uint64_t)(s.p[i] - '0');
        }
        if (v > max)
                return false;
        *ret = (uint32_t)v;
        return true;
}

bool sdp_encoding_is(struct bytes encoding, const char *name)
{
        return encoding.n == strlen(name) && encoding.n > 0 &&
               strncasecmp((const char *)encoding.p, name, encoding.n) == 0;
}

bool sdp_is_secure(const struct sdp_media *m)
{
        return bytes_equal(bytes_sub(m->protocol, 0, 8), bytes_str("RTP/SAVP"));
}

bool sdp_is_feedback(const struct sdp_media *m)
{
        return bytes_equal(bytes_sub(m->protocol, sdp_is_secure(m) ? 5 : 4, 4), bytes_str("AVPF"));
}

/* RFC 3551 section 6, what cameras use of it without an rtpmap. */
static void apply_static_type(struct sdp_media *m)
{
        static const struct {
                int type;
                const char *encoding;
                uint32_t clock_rate;
        } types[] = {
                { 0, "PCMU", 8000 },
                { 3, "GSM", 8000 },
                { 4, "G723", 8000 },
                { 8, "PCMA", 8000 },
                { 9, "G722", 8000 },
                { 10, "L16", 44100 },
                { 11, "L16", 44100 },
                { 14, "MPA", 90000 },
                { 18, "G729", 8000 },
                { 26, "JPEG", 90000 },
                { 32, "MPV", 90000 },
                { 33, "MP2T", 90000 },
        };

        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (types[i].type == m->payload_type) {
                        m->encoding = bytes_str(types[i].encoding);
                        m->clock_rate = types[i].clock_rate;
                        m->channels = m->payload_type == 10 ? 2 : 1;
                }
}

static enum sdp_kind kind_of(struct bytes name)
{
        if (sdp_encoding_is(name, "video"))
                return SDP_VIDEO;
        if (sdp_encoding_is(name, "audio"))
                return SDP_AUDIO;
        return sdp_encoding_is(name, "application") ? SDP_APPLICATION : SDP_OTHER;
}

/* "video 0 RTP/AVP 96 97" */
static void parse_media(struct bytes value, struct sdp_media *m)
{
        uint32_t port = 0, type = 0;

        *m = (struct sdp_media){ .payload_type = -1, .channels = 1 };
        m->kind_name = str_cut(&value, ' ');
        m->kind = kind_of(m->kind_name);
        struct bytes ports = str_cut(&value, ' ');
        if (number(str_cut(&ports, '/'), UINT16_MAX, &port))
                m->port = (uint16_t)port;
        m->protocol = str_cut(&value, ' ');
        if (number(str_cut(&value, ' '), 127, &type))
                m->payload_type = (int)type;
        apply_static_type(m);
}

/* "96 H264/90000/1", of the first format only. */
static void parse_rtpmap(struct bytes value, struct sdp_media *m)
{
        uint32_t type, rate = 0, channels;

        if (!number(str_cut(&value, ' '), 127, &type) || (int)type != m->payload_type)
                return;
        m->encoding = str_cut(&value, '/');
        m->clock_rate = number(str_cut(&value, '/'), 10000000, &rate) ? rate : 0;
        m->channels = number(str_cut(&value, '/'), 255, &channels) && channels ? channels : 1;
}

static void parse_fmtp(struct bytes value, struct sdp_media *m)
{
        uint32_t type;

        if (number(str_cut(&value, ' '), 127, &type) && (int)type == m->payload_type)
                m->fmtp = value;
}

/* "29.97" */
static uint32_t parse_framerate(struct bytes value)
{
        uint32_t whole = 0, milli = 0, scale = 100;

        if (!number(str_cut(&value, '.'), 1000, &whole))
                return 0;
        for (size_t i = 0; i < value.n && i < 3 && isdigit(value.p[i]); i++, scale /= 10)
                milli += (uint32_t)(value.p[i] - '0') * scale;
        return whole * 1000 + milli;
}

/* "mikey AQAF...", which may be one of several protocols; the first MIKEY counts. */
static void parse_key_mgmt(struct bytes value, struct bytes *to)
{
        if (sdp_encoding_is(str_cut(&value, ' '), "mikey") && !to->n)
                *to = value;
}

static bool parse_direction(struct bytes name, enum sdp_direction *ret)
{
        static const char *const names[] = {
                [SDP_SENDRECV] = "sendrecv",
                [SDP_SENDONLY] = "sendonly",
                [SDP_RECVONLY] = "recvonly",
                [SDP_INACTIVE] = "inactive",
        };

        for (unsigned i = SDP_SENDRECV; i < ARRAY_LEN(names); i++)
                if (sdp_encoding_is(name, names[i])) {
                        *ret = (enum sdp_direction)i;
                        return true;
                }
        return false;
}

/* m: the media section, or NULL before the first. */
static void parse_attribute(struct bytes value, struct sdp *s, struct sdp_media *m)
{
        struct bytes name = str_cut(&value, ':');

        if (parse_direction(name, m ? &m->direction : &s->direction))
                return;
        if (sdp_encoding_is(name, "control")) {
                /* The first one counts: a second is a repetition where it was seen. */
                struct bytes *control = m ? &m->control : &s->control;
                if (!control->n)
                        *control = value;
        } else if (sdp_encoding_is(name, "key-mgmt")) {
                parse_key_mgmt(value, m ? &m->key_mgmt : &s->key_mgmt);
        } else if (m && sdp_encoding_is(name, "crypto")) {
                if (m->crypto_n < SDP_CRYPTO_MAX)
                        m->crypto[m->crypto_n++] = value;
        } else if (m && sdp_encoding_is(name, "rtpmap")) {
                parse_rtpmap(value, m);
        } else if (m && sdp_encoding_is(name, "fmtp")) {
                parse_fmtp(value, m);
        } else if (m &&
                   (sdp_encoding_is(name, "framerate") || sdp_encoding_is(name, "x-framerate"))) {
                m->framerate_milli = parse_framerate(value);
        }
}

static void parse_line(char type, struct bytes value, struct sdp *s, bool *in_left_out)
{
        struct sdp_media *m = s->media_n ? &s->media[s->media_n - 1] : NULL;

        switch (type) {
        case 'm':
                *in_left_out = s->media_n == SDP_MEDIA_MAX;
                if (*in_left_out)
                        s->media_left_out++;
                else
                        parse_media(value, &s->media[s->media_n++]);
                break;
        case 'a':
                if (!*in_left_out)
                        parse_attribute(value, s, m);
                break;
        case 's':
                if (!m && !s->name.n)
                        s->name = value;
                break;
        default:
                break;
        }
}

int sdp_parse(struct bytes text, struct sdp *ret, struct err *e)
{
        struct sdp s = { 0 };
        unsigned lines = 0, taken = 0;
        bool in_left_out = false;

        if (text.n > SDP_TEXT_MAX)
                return err_set(
                        e, ERR_PROTOCOL, "SDP of %zu bytes, at most %d", text.n, SDP_TEXT_MAX);
        if (text.n && memchr(text.p, '\0', text.n))
                return err_set(e, ERR_PROTOCOL, "SDP holds a NUL");
        while (text.n > 0) {
                const uint8_t *end = memchr(text.p, '\n', text.n);
                size_t n = end ? (size_t)(end - text.p) : text.n;
                struct bytes line = str_trim(bytes_sub(text, 0, n));
                text = bytes_sub(text, n + 1, text.n);
                if (++lines > SDP_LINES_MAX)
                        return err_set(e, ERR_PROTOCOL, "SDP of more than %d lines", SDP_LINES_MAX);
                if (line.n < 2 || line.p[1] != '=' || !islower(line.p[0]))
                        continue;
                taken++;
                parse_line((char)line.p[0], str_trim(bytes_sub(line, 2, line.n)), &s, &in_left_out);
        }
        if (!taken)
                return err_set(e, ERR_PROTOCOL, "not an SDP: no line of it");
        for (unsigned i = 0; i < s.media_n; i++)
                if (s.media[i].direction == SDP_NOT_SAID)
                        s.media[i].direction = s.direction;
        *ret = s;
        return 0;
}
