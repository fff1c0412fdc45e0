/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtsp_transport.h"

#include <ctype.h>
#include <stdio.h>

#include "base/str.h"

/* The digits at the front of *s, passed over. */
static bool take_number(struct bytes *s, uint32_t max, uint32_t *ret)
{
        uint32_t v = 0;
        size_t i = 0;

        for (; i < s->n && isdigit(s->p[i]); i++) {
                v = v * 10 + (uint32_t)(s->p[i] - '0');
                if (v > max)
                        return false;
        }
        *s = bytes_sub(*s, i, s->n);
        *ret = v;
        return i > 0;
}

/* "4" or "4-5". */
static bool parse_pair(struct bytes s, uint32_t max, uint32_t ret[static 2])
{
        uint32_t a, b;

        if (!take_number(&s, max, &a))
                return false;
        b = a + 1;
        if (s.n > 0) {
                if (s.p[0] != '-')
                        return false;
                s = bytes_sub(s, 1, s.n);
                if (!take_number(&s, max, &b) || s.n > 0)
                        return false;
        }
        if (b > max)
                return false;
        ret[0] = a;
        ret[1] = b;
        return true;
}

/* Up to 8 hex digits; Hikvision pads them with a space in front, which is trimmed by now. */
static bool parse_ssrc(struct bytes s, uint32_t *ret)
{
        uint32_t v = 0;

        if (s.n == 0 || s.n > 8)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                if (!isxdigit(s.p[i]))
                        return false;
                uint32_t c = s.p[i];
                v = v << 4 | (isdigit(s.p[i]) ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        *ret = v;
        return true;
}

/* "RTP/AVP/TCP" */
static void parse_protocol(struct bytes s, struct rtsp_transport *t)
{
        struct bytes rest = bytes_sub(s, 4, s.n);
        struct bytes profile = str_cut(&rest, '/');

        t->secure_profile = str_is(profile, "SAVP") || str_is(profile, "SAVPF");
        t->feedback = str_is(profile, "AVPF") || str_is(profile, "SAVPF");
        if (!t->secure_profile && !t->feedback && !str_is(profile, "AVP"))
                t->lower = RTSP_TRANSPORT_OTHER;
        else if (str_is(rest, "TCP"))
                t->lower = RTSP_TRANSPORT_TCP;
        else
                t->lower = rest.n == 0 || str_is(rest, "UDP") ? RTSP_TRANSPORT_UDP
                                                              : RTSP_TRANSPORT_OTHER;
}

static int parse_parameter(struct bytes part, struct rtsp_transport *t, struct err *e)
{
        struct bytes value = part;
        struct bytes name = str_cut(&value, '=');
        uint32_t pair[2];

        value = str_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
                value = bytes_sub(value, 1, value.n - 2);
        if (str_is(name, "unicast")) {
                t->unicast = true;
        } else if (str_is(name, "multicast")) {
                t->multicast = true;
        } else if (str_is(name, "interleaved")) {
                if (!parse_pair(value, UINT8_MAX, pair))
                        return err_set(
                                e, ERR_PROTOCOL, "Transport: interleaved is no pair of channels");
                t->has_interleaved = true;
                t->interleaved[0] = (uint8_t)pair[0];
                t->interleaved[1] = (uint8_t)pair[1];
        } else if (str_is(name, "client_port")) {
                if (!parse_pair(value, UINT16_MAX, pair))
                        return err_set(
                                e, ERR_PROTOCOL, "Transport: client_port is no pair of ports");
                t->has_client_port = true;
                t->client_port[0] = (uint16_t)pair[0];
                t->client_port[1] = (uint16_t)pair[1];
        } else if (str_is(name, "server_port")) {
                if (!parse_pair(value, UINT16_MAX, pair))
                        return err_set(
                                e, ERR_PROTOCOL, "Transport: server_port is no pair of ports");
                t->has_server_port = true;
                t->server_port[0] = (uint16_t)pair[0];
                t->server_port[1] = (uint16_t)pair[1];
        } else if (str_is(name, "ssrc")) {
                /* A hint only; cameras write all sorts of things. */
                t->has_ssrc = parse_ssrc(str_trim(value), &t->ssrc);
        } else if (str_is(name, "source") && value.n > 0) {
                t->source = value;
        } else if (str_is(name, "mode")) {
                t->record = str_is(value, "record");
        }
        return 0;
}

int rtsp_transport_parse(
        struct bytes value, unsigned index, struct rtsp_transport *ret, struct err *e)
{
        struct rtsp_transport t = { 0 };
        struct bytes choice = { 0 };

        for (unsigned i = 0; i <= index; i++) {
                value = str_trim(value);
                if (value.n == 0)
                        return err_set(e, ERR_NOT_FOUND, "Transport has no choice %u", index + 1);
                choice = str_cut(&value, ',');
        }
        bool has_protocol = false;
        int r = 0;
        while (r == 0 && choice.n > 0) {
                struct bytes part = str_cut(&choice, ';');
                /* It comes first, but not from everybody. */
                if (!has_protocol && str_is(bytes_sub(part, 0, 4), "RTP/")) {
                        has_protocol = true;
                        parse_protocol(part, &t);
                } else {
                        r = parse_parameter(part, &t, e);
                }
        }
        if (r == 0 && !has_protocol)
                r = err_set(e, ERR_PROTOCOL, "Transport is not RTP");
        if (r < 0)
                return r;
        *ret = t;
        return 0;
}

char *rtsp_transport_format(const struct rtsp_transport *t, char to[static RTSP_TRANSPORT_ROOM])
{
        char interleaved[32] = "", ports[40] = "", server[40] = "", ssrc[24] = "";

        if (t->has_interleaved)
                snprintf(interleaved, sizeof interleaved, ";interleaved=%u-%u", t->interleaved[0],
                        t->interleaved[1]);
        if (t->has_client_port)
                snprintf(ports, sizeof ports, ";client_port=%u-%u", t->client_port[0],
                        t->client_port[1]);
        if (t->has_server_port)
                snprintf(server, sizeof server, ";server_port=%u-%u", t->server_port[0],
                        t->server_port[1]);
        if (t->has_ssrc)
                snprintf(ssrc, sizeof ssrc, ";ssrc=%08X", t->ssrc);
        snprintf(to, RTSP_TRANSPORT_ROOM, "RTP/%sAVP%s%s%s%s%s%s%s%s", t->secure_profile ? "S" : "",
                t->feedback ? "F" : "", t->lower == RTSP_TRANSPORT_TCP ? "/TCP" : "",
                t->multicast ? ";multicast"
                : t->unicast ? ";unicast"
                             : "",
                interleaved, ports, server, ssrc, t->record ? ";mode=RECORD" : "");
        return to;
}
