/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every RTSP answer, header value, capture and RTP packet of the fixtures: what a reader of the
 * file finds in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "fixtures.c"
#include "proto/digest.h"
#include "proto/rtp.h"
#include "proto/rtsp.h"
#include "proto/rtsp_splitter.h"
#include "proto/rtsp_transport.h"

struct expected_info {
        const char *url;
        int64_t sequence, time; /* -1: not said */
};

/* NULL and 0: the header is not there. */
struct row {
        const char *file;
        unsigned status;
        const char *reason;
        uint32_t cseq;
        unsigned headers_n;
        size_t content_length;
        const char *server, *content_type, *content_base;
        const char *session;
        unsigned timeout_s;
        const char *public_methods;
        const char *transport;
        struct expected_info info[3];
        const char *realm, *nonce; /* of Digest MD5, without qop and opaque, never stale */
};

#define WOWZA "Wowza Streaming Engine 4.8.10 build20210217143515"
#define BUNNY "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/"
#define HIKVISION "rtsp://192.168.5.106:554/Streaming/Channels/101/"
#define AXIS_METHODS                                                                               \
        "OPTIONS, DESCRIBE, ANNOUNCE, GET_PARAMETER, PAUSE, PLAY, RECORD, SETUP, SET_PARAMETER, "  \
        "TEARDOWN"

static const struct row rows[] = {
        /* A header line that begins with a space: the Date is folded into the Server value. */
        { "rtsp/axis/answer_02.txt", 401, "Unauthorized", 1, 3,
                .server = "GStreamer RTSP server\r\n Date: Sat, 12 Dec 2020 10:44:25 GMT",
                .realm = "AXIS_ACCC8E012345",
                .nonce = "0000eb57Y1462133062b37999f0cd530f02755fa37b8df1" },
        { "rtsp/axis/answer_04.txt", 200, "OK", 3, 6, .server = "GStreamer RTSP server",
                .session = "ghLlkf_I9pCBP24t", .timeout_s = 60,
                .info = { { "rtsp://127.0.0.1/axis-media/media.amp/"
                            "stream=0?video=0&audio=0&event=on",
                        13114, 3803548519 } } },
        { "rtsp/axis/answer_06.txt", 200, "OK", 4, 5, .server = "GStreamer RTSP server",
                .session = "ghLlkf_I9pCBP24t", .timeout_s = 30, .public_methods = AXIS_METHODS },

        { "rtsp/retina/anjvision_describe.txt", 200, "OK", 1, 4, 888,
                .content_type = "application/sdp", .content_base = "192.168.1.10:554/stream0/" },
        { "rtsp/retina/bunny_describe.txt", 200, "OK", 1, 9, 589, .server = WOWZA,
                .content_type = "application/sdp", .content_base = BUNNY, .session = "1642021126",
                .timeout_s = 60 },
        { "rtsp/retina/bunny_play.txt", 200, "OK", 3, 6, .server = WOWZA, .session = "551045787",
                .timeout_s = 60, .info = { { "trackID=1", 1, 0 }, { BUNNY "trackID=2", 1, 0 } } },
        { "rtsp/retina/bunny_setup.txt", 200, "OK", 2, 7, .server = WOWZA, .session = "1642021126",
                .timeout_s = 60, .transport = "RTP/AVP/TCP;unicast;interleaved=0-1" },
        { "rtsp/retina/response.txt", 200, "OK", 1, 9, 589, .server = WOWZA,
                .content_type = "application/sdp", .content_base = BUNNY, .session = "1642021126",
                .timeout_s = 60 },
        { "rtsp/retina/dahua_describe_h264_aac_onvif.txt", 200, "OK", 3, 6, 705,
                .content_type = "application/sdp",
                .content_base = "rtsp://192.168.5.111:554/cam/"
                                "realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/" },
        { "rtsp/retina/dahua_describe_h265_pcma.txt", 200, "OK", 3, 6, 531,
                .content_type = "application/sdp",
                .content_base = "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/" },
        { "rtsp/retina/dahua_options.txt", 200, "OK", 5, 4, .server = "Rtsp Server/3.0",
                .session = "136527041864", .timeout_s = 60,
                .public_methods = "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, "
                                  "TEARDOWN, SET_PARAMETER, GET_PARAMETER" },
        { "rtsp/retina/dahua_play.txt", 200, "OK", 7, 4, .session = "634214684047", .timeout_s = 60,
                .info = { { "trackID=0", 47121, 3475222385 }, { "trackID=1", 45186, 2234446919 },
                        { "trackID=4", 36583, 816418535 } } },
        { "rtsp/retina/dahua_setup.txt", 200, "OK", 4, 4, .session = "634214675641",
                .timeout_s = 60, .transport = "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7" },
        { "rtsp/retina/foscam_describe.txt", 200, "OK", 2, 5, 518,
                .content_type = "application/sdp",
                .content_base = "rtsp://192.168.5.107:65534/videoMain/" },
        { "rtsp/retina/hikvision_describe.txt", 200, "OK", 1, 4, 902,
                .content_type = "application/sdp", .content_base = HIKVISION },
        { "rtsp/retina/hikvision_play.txt", 200, "OK", 3, 4, .session = "708345999",
                .timeout_s = 60,
                .info = { { HIKVISION "trackID=1?transportmode=unicast&profile=Profile_1", 24104,
                        1270711678 } } },
        { "rtsp/retina/hikvision_setup.txt", 200, "OK", 2, 4, .session = "708345999",
                .timeout_s = 60, .transport = "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4CACC3D1" },
        { "rtsp/retina/hikvision_setup_ssrc_space.txt", 200, "OK", 3, 3, .session = "708886412",
                .timeout_s = 60, .transport = "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0D6D6627" },
        /* A space behind the CSeq. */
        { "rtsp/retina/longse_unauthorized.txt", 401, "Unauthorized", 1, 3,
                .server = "Rtsp Server 1920*1080*20*2048", .realm = "Surveillance Server",
                .nonce = "98481030" },
        { "rtsp/retina/reolink_describe.txt", 200, "OK", 3, 5, 734,
                .content_type = "application/sdp",
                .content_base = "rtsp://192.168.5.206/h264Preview_01_main/" },
        { "rtsp/retina/reolink_describe_control_first.txt", 200, "OK", 3, 6, 734,
                .content_type = "application/sdp",
                .content_base = "rtsp://192.168.5.206/h264Preview_01_main/" },
        { "rtsp/retina/reolink_play.txt", 200, "OK", 6, 6, .server = "Rtsp Server/2.0",
                .session = "F8F8E425", .timeout_s = 60,
                .info = { { "trackID=1", 16852, 1070938629 },
                        { "trackID=2", 39409, 3075976528 } } },
        { "rtsp/retina/reolink_setup.txt", 200, "OK", 4, 4, .session = "F8F8E425", .timeout_s = 60,
                .transport = "RTP/AVP/TCP;unicast;interleaved=0-1" },
        { "rtsp/retina/reolink_teardown.txt", 200, "OK", 7, 2 },
        /* "Cseq" */
        { "rtsp/retina/vstarcam_describe.txt", 200, "OK", 2, 4, 403,
                .content_type = "application/sdp" },

        { "traces-from-issues/axis_describe_2017.txt", 200, "OK", 2, 5, 416,
                .content_type = "application/sdp",
                .content_base = "rtsp://198.51.100.110/axis-media/media.amp/" },
        { "traces-from-issues/axis_options_2024.txt", 200, "OK", 4, 5,
                .server = "GStreamer RTSP server", .session = "kt6D2PGchRHkcd1b", .timeout_s = 60,
                .public_methods = AXIS_METHODS },
        { "traces-from-issues/dahua_401_2022.txt", 401, "Unauthorized", 1, 2,
                .realm = "Login to 4K01FD2PAJ6E3FF", .nonce = "203c8d27b595204504dfa65fd22586bd" },
        { "traces-from-issues/hikvision_401_2020.txt", 401, "Unauthorized", 2, 3,
                .realm = "IP Camera(C2875)", .nonce = "938032d91ffc30ca80b5da94c18887ac" },
        { "traces-from-issues/samsung_ipolis_401_2019.txt", 401, "Unauthorized", 1, 5,
                .realm = "iPOLiS", .nonce = "BA2BBD4E602A4CD5E08ACC0896D1234E" },
};

static void is(const char *file, const char *what, struct bytes b, const char *text)
{
        if (!text)
                text = "";
        if (b.n != strlen(text) || (b.n && memcmp(b.p, text, b.n) != 0))
                fail_msg("%s: %s is \"%.*s\", expected \"%s\"", file, what, (int)b.n,
                        (const char *)b.p, text);
}

static void equals(const char *file, const char *what, long long found, long long expected)
{
        if (found != expected)
                fail_msg("%s: %s is %lld, expected %lld", file, what, found, expected);
}

static void check_session(const char *file, struct bytes value, const char *id, unsigned timeout_s)
{
        struct rtsp_session s = { 0 };
        struct err e = { 0 };

        if (value.p && rtsp_session_parse(value, &s, &e) < 0)
                fail_msg("%s: %s", file, e.text);
        is(file, "session", bytes_str(s.id), id);
        equals(file, "session timeout", s.timeout_s, timeout_s);
}

/* expected: as we would write what it says. */
static void check_transport(const char *file, struct bytes value, const char *expected)
{
        struct rtsp_transport t;
        char text[RTSP_TRANSPORT_ROOM] = "";
        struct err e = { 0 };

        if (value.p && rtsp_transport_parse(value, 0, &t, &e) < 0)
                fail_msg("%s: %s", file, e.text);
        if (value.p)
                rtsp_transport_format(&t, text);
        is(file, "Transport", bytes_str(text), expected);
}

static void check_info(
        const char *file, struct bytes value, const struct expected_info *expected, unsigned room)
{
        struct rtsp_info info[RTSP_INFO_MAX];
        struct err e = { 0 };
        unsigned wanted = 0;
        int n = value.p ? rtsp_info_parse(value, info, &e) : 0;

        if (n < 0)
                fail_msg("%s: %s", file, e.text);
        while (wanted < room && expected[wanted].url)
                wanted++;
        equals(file, "RTP-Info entries", n, wanted);
        for (unsigned i = 0; i < wanted; i++) {
                is(file, "RTP-Info url", info[i].url, expected[i].url);
                equals(file, "seq", info[i].has_sequence ? info[i].sequence : -1,
                        expected[i].sequence);
                equals(file, "rtptime", info[i].has_time ? (long long)info[i].rtp_time : -1,
                        expected[i].time);
        }
}

static void check_challenge(const char *file, struct bytes value, const struct row *row)
{
        struct digest_challenge c[DIGEST_CHALLENGES_MAX];
        struct digest_client client;
        struct err e = { 0 };
        int n = value.p ? digest_challenges_parse(value, c, DIGEST_CHALLENGES_MAX, &e) : 0;

        if (n < 0)
                fail_msg("%s: %s", file, e.text);
        equals(file, "challenges", n, row->realm != NULL);
        if (n == 0)
                return;
        equals(file, "scheme", c->scheme, DIGEST_MD5);
        is(file, "realm", bytes_str(c->realm), row->realm);
        is(file, "nonce", bytes_str(c->nonce), row->nonce);
        assert_false(c->stale || c->qop_auth || c->has_opaque || c->says_algorithm);
        digest_client_init(&client, false);
        assert_int_equal(digest_client_challenge(&client, &value, 1, &e), 0);
        assert_int_equal(client.strongest_seen, DIGEST_MD5);
}

static int on_message(void *owner, const struct rtsp_item *item, struct err *e)
{
        const struct row *row = owner;
        const struct rtsp_message *m = item->message;

        (void)e;
        assert_non_null(m);
        assert_false(m->is_request);
        equals(row->file, "status", m->status, row->status);
        is(row->file, "reason", m->reason, row->reason);
        assert_true(m->has_cseq);
        equals(row->file, "CSeq", m->cseq, row->cseq);
        equals(row->file, "headers", m->headers_n, row->headers_n);
        equals(row->file, "Content-Length", (long long)m->content_length,
                (long long)row->content_length);
        equals(row->file, "body", (long long)m->body.n, (long long)row->content_length);
        is(row->file, "Server", rtsp_header(m, "Server", 0), row->server);
        is(row->file, "Content-Type", rtsp_header(m, "Content-Type", 0), row->content_type);
        is(row->file, "Content-Base", rtsp_header(m, "Content-Base", 0), row->content_base);
        is(row->file, "Public", rtsp_header(m, "Public", 0), row->public_methods);
        if (row->public_methods)
                assert_true(rtsp_list_has(rtsp_header(m, "Public", 0), "GET_PARAMETER"));
        check_session(row->file, rtsp_header(m, "Session", 0), row->session, row->timeout_s);
        check_transport(row->file, rtsp_header(m, "Transport", 0), row->transport);
        check_info(row->file, rtsp_header(m, "RTP-Info", 0), row->info, ARRAY_LEN(row->info));
        check_challenge(row->file, rtsp_header(m, "WWW-Authenticate", 0), row);
        return 1;
}

/* Each answer as one record, and byte for byte. */
static void answers(void **state)
{
        static uint8_t text[65536];
        const size_t steps[] = { 65536, 1 };

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(steps); i++) {
                const struct row *row = &rows[i % ARRAY_LEN(rows)];
                size_t step = steps[i / ARRAY_LEN(rows)];
                struct bytes file = fixtures_load(row->file, text, sizeof text);
                struct rtsp_splitter s;
                struct err e = { 0 };

                rtsp_splitter_init(&s);
                for (size_t at = 0; at < file.n; at += step)
                        if (rtsp_splitter_feed(
                                    &s, bytes_sub(file, at, step), on_message, (void *)row, &e) < 0)
                                fail_msg("%s: %s", row->file, e.text);
                equals(row->file, "bytes left", (long long)s.rest.n, 0);
                equals(row->file, "garbage", (long long)s.skipped_bytes, 0);
                rtsp_splitter_done(&s);
        }
}

static void request(void **state)
{
        static uint8_t text[65536];
        struct rtsp_message m;

        (void)state;
        fixtures_or_skip();
        struct bytes file = fixtures_load("rtsp/retina/request.txt", text, sizeof text);
        assert_int_equal(rtsp_parse_head(file, &m, NULL), 0);
        assert_true(rtsp_method_is(&m, "DESCRIBE"));
        is("request", "URL", m.uri, "rtsp://192.168.5.225/h264Preview_01_main");
        assert_int_equal(m.cseq, 1);
        is("request", "Accept", rtsp_header(&m, "Accept", 0), "application/sdp");
        is("request", "User-Agent", rtsp_header(&m, "User-Agent", 0), "Retina mp4 example");
}

static void transport_variants(void **state)
{
        static uint8_t text[65536];

        (void)state;
        fixtures_or_skip();
        struct bytes file =
                fixtures_load("traces-from-issues/transport_variants.txt", text, sizeof text);
        const uint8_t *end = memchr(file.p, '\n', file.n);
        assert_non_null(end);
        size_t n = (size_t)(end - file.p);
        check_transport(
                "first", bytes_sub(file, 0, n), "RTP/AVP/TCP;interleaved=0-1;ssrc=22345684");
        check_transport("second", bytes_sub(file, n + 1, file.n),
                "RTP/AVP;unicast;client_port=54060-54061;server_port=49152-49153;ssrc=22345685");
}

/* ---- gortsplib-headers.json ---- */

static const struct {
        const char *list, *name, *expected;
} header_rows[] = {
        /* realm|nonce|stale|says algorithm */
        { "authenticate", "basic", "Basic|4419b63f5e51||0|0" },
        { "authenticate", "digest 1",
                "Digest MD5|4419b63f5e51|8b84a3b789283a8bea8da7fa7d41f08b|0|0" },
        { "authenticate", "digest 2",
                "Digest MD5|4419b63f5e51|8b84a3b789283a8bea8da7fa7d41f08b|0|0" },
        { "authenticate", "digest 3",
                "Digest MD5|4419b63f5e51|133767111917411116111311118211673010032|0|0" },
        { "authenticate", "digest md5 explicit",
                "Digest MD5|4419b63f5e51|8b84a3b789283a8bea8da7fa7d41f08b|0|1" },
        { "transport", "udp unicast play request", "RTP/AVP;unicast;client_port=3456-3457" },
        { "transport", "udp unicast play response",
                "RTP/AVP;unicast;client_port=3056-3057;server_port=5000-5001" },
        { "transport", "udp multicast play request / response", "RTP/AVP;multicast" },
        { "transport", "tcp play request / response", "RTP/AVP/TCP;interleaved=0-1" },
        { "transport", "udp unicast play response with a single port and ssrc",
                "RTP/AVP;unicast;client_port=14186-14187;server_port=8052-8053;ssrc=0B6020AD" },
        { "transport", "unsorted udp unicast play request headers",
                "RTP/AVP;unicast;client_port=3456-3457" },
        { "transport", "hikvision ssrc with initial spaces",
                "RTP/AVP;unicast;client_port=14186-14187;server_port=8052-8053;ssrc=0004317F" },
        { "transport", "dahua rtsp server ssrc with initial spaces",
                "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000D93FF" },
        { "transport", "secure udp unicast play request",
                "RTP/SAVP;unicast;client_port=3456-3457" },
        { "transports", "a",
                "RTP/AVP;unicast;client_port=3456-3457 + RTP/AVP/TCP;unicast;interleaved=0-1" },
        { "rtp_info", "missing sequence number", "rtsp://127.0.0.1/test.mkv/track1|-1|717574556" },
        { "rtp_info", "path instead of url", "trackID=0|12447|12447" },
        { "rtp_info", "with space",
                "rtsp://10.13.146.53/axis-media/media.amp/trackID=1|58477|1020884293 "
                "rtsp://10.13.146.53/axis-media/media.amp/trackID=2|15727|1171661503" },
        { "session", "base", "A3eqwsafq3rFASqew|60" },
        { "session", "with timeout", "A3eqwsafq3rFASqew|47" },
        { "session", "with timeout and space", "A3eqwsafq3rFASqew|47" },
        /* What a client sends, and a camera may: read, and never proves anything to a server. */
        { "authorization", "digest with empty field", "refused" },
        { "authorization", "digest explicit md5", "refused" },
        { "authorization", "digest sha256", "refused" },
        /* We ask for "now" and take whatever is answered. */
        { "range", "clock", "not read" },
};

static void write_authenticate(const char *name, struct bytes value, char *to, size_t room)
{
        struct digest_challenge c[2];
        int n = digest_challenges_parse(value, c, 2, NULL);

        equals(name, "challenges", n, 1);
        assert_true(room > sizeof c->realm + sizeof c->nonce + 64);
        snprintf(to, room, "%s|%.255s|%.255s|%d|%d", digest_scheme_name(c->scheme), c->realm,
                c->nonce, c->stale, c->says_algorithm);
}

static void write_transports(const char *name, struct bytes value, char *to, size_t room)
{
        struct rtsp_transport t;
        char text[RTSP_TRANSPORT_ROOM];
        struct err e = { 0 };
        size_t n = 0;
        int r = 0;

        to[0] = '\0';
        for (unsigned i = 0; (r = rtsp_transport_parse(value, i, &t, &e)) == 0; i++)
                n += (size_t)snprintf(
                        to + n, room - n, "%s%s", i ? " + " : "", rtsp_transport_format(&t, text));
        if (r != ERR_NOT_FOUND)
                fail_msg("%s: %s", name, e.text);
}

static void write_infos(const char *name, struct bytes value, char *to, size_t room)
{
        struct rtsp_info info[RTSP_INFO_MAX];
        size_t n = 0;
        int count = rtsp_info_parse(value, info, NULL);

        assert_true(count > 0);
        for (int i = 0; i < count; i++)
                n += (size_t)snprintf(to + n, room - n, "%s%.*s|%d|%lld", i ? " " : "",
                        (int)info[i].url.n, (const char *)info[i].url.p,
                        info[i].has_sequence ? info[i].sequence : -1,
                        info[i].has_time ? (long long)info[i].rtp_time : -1);
        (void)name;
}

static void write_authorization(const char *name, struct bytes value, char *to, size_t room)
{
        struct digest_server s;
        struct secret password;
        bool stale;

        (void)name;
        assert_int_equal(digest_server_init(&s, "realm", "nonce", true, NULL), 0);
        assert_int_equal(secret_set(&password, bytes_str("x"), NULL), 0);
        int r = digest_server_check(&s, value, bytes_str("DESCRIBE"),
                bytes_str("rtsp://localhost:8554/mystream"), "admin", &password, &stale, NULL);
        snprintf(to, room, "%s", r == ERR_AUTH ? "refused" : "accepted");
}

static void write_header(
        const char *list, const char *name, struct bytes value, char *to, size_t room)
{
        struct rtsp_session s;

        if (strcmp(list, "authenticate") == 0) {
                write_authenticate(name, value, to, room);
        } else if (strncmp(list, "transport", 9) == 0) {
                write_transports(name, value, to, room);
        } else if (strcmp(list, "rtp_info") == 0) {
                write_infos(name, value, to, room);
        } else if (strcmp(list, "authorization") == 0) {
                write_authorization(name, value, to, room);
        } else if (strcmp(list, "session") == 0) {
                assert_int_equal(rtsp_session_parse(value, &s, NULL), 0);
                snprintf(to, room, "%s|%u", s.id, s.timeout_s);
        } else {
                snprintf(to, room, "not read");
        }
}

static const char *header_expected(const char *list, const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(header_rows); i++)
                if (strcmp(header_rows[i].list, list) == 0 &&
                        strcmp(header_rows[i].name, name) == 0)
                        return header_rows[i].expected;
        fail_msg("gortsplib-headers.json: no row for %s \"%s\"", list, name);
        return NULL;
}

static void headers(void **state)
{
        static uint8_t text[65536];
        const char *list;
        json_t *cases, *one;
        size_t i, n = 0;

        (void)state;
        fixtures_or_skip();
        struct bytes file = fixtures_load("rtsp/gortsplib-headers.json", text, sizeof text);
        json_t *all = json_loadb((const char *)file.p, file.n, 0, NULL);
        assert_non_null(all);
        json_object_foreach(all, list, cases)
        {
                json_array_foreach(cases, i, one)
                {
                        const char *name = json_string_value(json_object_get(one, "case"));
                        const char *value = json_string_value(json_object_get(one, "value"));
                        char found[1024];

                        write_header(list, name, bytes_str(value), found, sizeof found);
                        is(name, list, bytes_str(found), header_expected(list, name));
                        n++;
                }
        }
        assert_int_equal(n, ARRAY_LEN(header_rows));
        json_decref(all);
}

/* ---- captures (pcapng: what these two files use of it) ---- */

struct capture {
        struct bytes file;
        size_t at, link_bytes;
};

static uint32_t le32(const uint8_t *p)
{
        return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static unsigned be16(const uint8_t *p)
{
        return (unsigned)p[0] << 8 | p[1];
}

/* The IPv4 payload of the next packet of `protocol` (TCP or UDP) between these ports; with the
 * transport's head. */
static bool capture_next(
        struct capture *c, uint8_t protocol, unsigned from, unsigned to, struct bytes *ret)
{
        while (c->at + 12 <= c->file.n) {
                const uint8_t *block = c->file.p + c->at;

                c->at += le32(block + 4);
                if (le32(block) != 6)
                        continue;
                const uint8_t *frame = block + 28, *ip = frame + c->link_bytes;
                if (c->link_bytes == 14 && be16(frame + 12) == 0x8100)
                        ip += 4;
                const uint8_t *transport = ip + (ip[0] & 15) * 4;
                if (ip[9] != protocol || be16(transport) != from || be16(transport + 2) != to)
                        continue;
                *ret = BYTES(transport, (size_t)(ip + be16(ip + 2) - transport));
                return true;
        }
        return false;
}

/* The bytes of one direction of a TCP connection. Each segment was seen on several interfaces. */
static struct bytes capture_tcp(
        struct bytes file, unsigned from, unsigned to, uint8_t *out, size_t room)
{
        struct capture c = { file, 0, 16 };
        struct bytes segment;
        uint32_t seen[64];
        size_t n = 0, seen_n = 0;

        while (capture_next(&c, 6, from, to, &segment)) {
                size_t head = (size_t)(segment.p[12] >> 4) * 4;
                uint32_t sequence = (uint32_t)be16(segment.p + 4) << 16 | be16(segment.p + 6);
                bool again = segment.n <= head;

                for (size_t i = 0; i < seen_n; i++)
                        again |= seen[i] == sequence;
                if (again)
                        continue;
                assert_true(seen_n < ARRAY_LEN(seen) && n + segment.n - head <= room);
                seen[seen_n++] = sequence;
                memcpy(out + n, segment.p + head, segment.n - head);
                n += segment.n - head;
        }
        return BYTES(out, n);
}

/* VLC's server, asked by LIVE555: header names as "Cseq", bodies announced as 0 bytes, media by
 * UDP. */
static const struct row vlc_rows[] = {
        { "OPTIONS", 200, "OK", 2, 4, .server = "VLC/3.0.12",
                .public_methods = "DESCRIBE,SETUP,TEARDOWN,PLAY,PAUSE,GET_PARAMETER" },
        { "DESCRIBE", 200, "OK", 3, 7, 695, .server = "VLC/3.0.12",
                .content_type = "application/sdp", .content_base = "rtsp://10.2.2.2:8554/" },
        { "SETUP 0", 200, "OK", 4, 7, .server = "VLC/3.0.12", .session = "8c30e102191f49d1",
                .timeout_s = 60,
                .transport =
                        "RTP/AVP;unicast;client_port=55664-55665;server_port=58547-58548;ssrc=B1964B48" },
        { "SETUP 1", 200, "OK", 5, 7, .server = "VLC/3.0.12", .session = "8c30e102191f49d1",
                .timeout_s = 60,
                .transport =
                        "RTP/AVP;unicast;client_port=55666-55667;server_port=57431-57432;ssrc=935E47F4" },
        { "PLAY", 200, "OK", 6, 8, .server = "VLC/3.0.12", .session = "8c30e102191f49d1",
                .timeout_s = 60,
                .info = { { "rtsp://10.2.2.2:8554/trackID=0", 33751, 2898571121 },
                        { "rtsp://10.2.2.2:8554/trackID=1", 59155, 3438934478 } } },
};

static int on_vlc_answer(void *owner, const struct rtsp_item *item, struct err *e)
{
        unsigned *n = owner;

        assert_true(*n < ARRAY_LEN(vlc_rows));
        return on_message((void *)&vlc_rows[(*n)++], item, e);
}

static int on_vlc_request(void *owner, const struct rtsp_item *item, struct err *e)
{
        static const char *const methods[] = { "OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY",
                "GET_PARAMETER" };
        unsigned *n = owner;

        (void)e;
        assert_true(*n < ARRAY_LEN(methods));
        assert_true(rtsp_method_is(item->message, methods[*n]));
        assert_int_equal(item->message->cseq, *n + 2);
        (*n)++;
        return 0;
}

static void captured_session(void **state)
{
        static uint8_t text[1 << 18], stream[65536];
        struct rtsp_splitter s;
        unsigned n = 0;

        (void)state;
        fixtures_or_skip();
        struct bytes file = fixtures_load("pcap/ndpi/rtsp.pcap", text, sizeof text);
        struct bytes camera = capture_tcp(file, 8554, 52472, stream, sizeof stream);
        assert_int_equal(camera.n, 125 + 199 + 695 + 271 + 271 + 331);
        rtsp_splitter_init(&s);
        assert_int_equal(rtsp_splitter_feed(&s, camera, on_vlc_answer, &n, NULL), 0);
        assert_int_equal(n, 5);
        rtsp_splitter_done(&s);
        struct bytes client = capture_tcp(file, 52472, 8554, stream, sizeof stream);
        assert_int_equal(client.n, 116 + 142 + 175 + 202 + 159 + 149);
        rtsp_splitter_init(&s);
        s.garbage_max = 0;
        n = 0;
        assert_int_equal(rtsp_splitter_feed(&s, client, on_vlc_request, &n, NULL), 0);
        assert_int_equal(n, 6);
        rtsp_splitter_done(&s);
}

static void captured_packets(void **state)
{
        static const struct {
                unsigned from, to;
                uint8_t payload_type;
                uint32_t ssrc;
                unsigned packets, markers;
                uint16_t first, last;
                uint32_t first_time, last_time;
                bool extension;
                unsigned others; /* of other senders, or no RTP */
        } flows[] = {
                /* H.263; one packet is padded */
                { 6000, 6000, 34, 5702, 15, 5, 272, 286, 649350, 679680, false, 0 },
                /* Opus, with reports and a probe between */
                { 54234, 50003, 120, 1736307, 7, 0, 18614, 18620, 3514776949, 3514782709, true, 4 },
                /* two senders by turns */
                { 50003, 54234, 101, 1734047, 12, 2, 44814, 44825, 662489067, 662491947, true, 7 },
                /* one contributing source each */
                { 55402, 6008, 111, 3087627480, 29, 0, 52690, 52718, 508637695, 508664575, false,
                        1 },
        };
        static uint8_t text[1 << 18];

        (void)state;
        fixtures_or_skip();
        struct bytes file = fixtures_load("pcap/ndpi/rtp.pcapng", text, sizeof text), datagram;
        for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
                struct capture c = { file, 0, 14 };
                struct rtp_source source;
                struct rtp_arrival a = { 0 };
                struct rtp_packet p;
                unsigned n = 0, markers = 0, others = 0;

                rtp_source_init(&source, 90000);
                while (capture_next(&c, 17, flows[i].from, flows[i].to, &datagram)) {
                        if (rtp_parse(bytes_sub(datagram, 8, datagram.n), &p, NULL) < 0 ||
                                p.ssrc != flows[i].ssrc ||
                                p.payload_type != flows[i].payload_type) {
                                others++;
                                continue;
                        }
                        if (n++ == 0) {
                                assert_int_equal(p.sequence, flows[i].first);
                                assert_int_equal(p.timestamp, flows[i].first_time);
                        }
                        markers += p.marker;
                        assert_int_equal(p.has_extension, flows[i].extension);
                        rtp_source_push(&source, &p, 0, &a);
                        assert_false(a.discard || a.restarted || a.ssrc_changed);
                }
                assert_int_equal(n, flows[i].packets);
                assert_int_equal(others, flows[i].others);
                assert_int_equal(markers, flows[i].markers);
                assert_int_equal(source.sequence, flows[i].last);
                assert_int_equal(source.timestamp, flows[i].last_time);
                assert_int_equal(source.lost, 0);
        }
}

static void axis_metadata_packet(void **state)
{
        static uint8_t text[65536];
        struct rtp_packet p;

        (void)state;
        fixtures_or_skip();
        struct bytes file = fixtures_load("rtp/axis/RTP_PACKET1_FULL.rtp", text, sizeof text);
        assert_int_equal(file.n, 888);
        assert_int_equal(rtp_parse(file, &p, NULL), 0);
        assert_true(p.marker);
        assert_int_equal(p.payload_type, 98);
        assert_int_equal(p.sequence, 0x0ed9);
        assert_int_equal(p.timestamp, 0x8cfce83a);
        assert_int_equal(p.ssrc, 0x1f93c2ba);
        assert_false(p.has_extension);
        assert_int_equal(p.payload.n, 876);
        assert_memory_equal(p.payload.p, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", 39);
        assert_memory_equal(p.payload.p + 876 - 21, "</tt:MetadataStream>\n", 21);
}

/* ---- none is forgotten ---- */

static bool is_no_description(const char *name)
{
        return !strstr(name, "sdp");
}

static void none_without_a_row(void **state)
{
        /* Read by a test of their own above, or by media's and ingest's tests of fixtures. */
        static const char *const others[] = { "rtsp/retina/request.txt", "rtsp/retina/bunny.rtsp",
                "traces-from-issues/transport_variants.txt",
                "traces-from-issues/unknown_vendor_onvif_metadata.xml",
                "rtsp/gortsplib-headers.json", "pcap/ndpi/rtsp.pcap", "pcap/ndpi/rtp.pcapng",
                /* SOAP over HTTP, for the ONVIF client */
                "pcap/ndpi/soap.pcap", "rtp/axis/RTP_PACKET1_FULL.rtp" };
        const char *names[ARRAY_LEN(rows) + ARRAY_LEN(others)];

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                names[i] = rows[i].file;
        memcpy(names + ARRAY_LEN(rows), others, sizeof others);
        fixtures_all_named("rtsp", NULL, names, ARRAY_LEN(names), 1);
        fixtures_all_named("rtsp/axis", NULL, names, ARRAY_LEN(names), 3);
        fixtures_all_named("rtsp/retina", is_no_description, names, ARRAY_LEN(names), 24);
        fixtures_all_named("traces-from-issues", NULL, names, ARRAY_LEN(names), 7);
        fixtures_all_named("rtp/axis", NULL, names, ARRAY_LEN(names), 1);
        fixtures_all_named("pcap/ndpi", NULL, names, ARRAY_LEN(names), 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers),
                cmocka_unit_test(request),
                cmocka_unit_test(transport_variants),
                cmocka_unit_test(headers),
                cmocka_unit_test(captured_session),
                cmocka_unit_test(captured_packets),
                cmocka_unit_test(axis_metadata_packet),
                cmocka_unit_test(none_without_a_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
