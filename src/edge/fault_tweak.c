/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/fault_tweak.h"

#include <stdio.h>

#define CONTROL "a=control:track"
#define LINE_ROOM 512

struct faulty { /* whose faults */
        const struct fault_plan *plan;
        const char *stream, *camera;
};

static const struct fault_plan_fault *find(const struct faulty *f, enum fault_plan_kind kind)
{
        return fault_plan_find(f->plan, f->stream, f->camera, kind);
}

static enum rtsp_tweak_auth find_auth(const struct faulty *f)
{
        static const struct {
                enum fault_plan_kind kind;
                enum rtsp_tweak_auth auth;
        } auths[] = {
                { FAULT_PLAN_BASIC, RTSP_TWEAK_AUTH_BASIC },
                { FAULT_PLAN_BASIC_AFTER_DIGEST, RTSP_TWEAK_AUTH_DOWNGRADE },
                { FAULT_PLAN_SHA256_ONLY, RTSP_TWEAK_AUTH_SHA256 },
                { FAULT_PLAN_MD5_ONLY, RTSP_TWEAK_AUTH_MD5 },
                { FAULT_PLAN_STALE_LOOP, RTSP_TWEAK_AUTH_STALE_LOOP },
        };

        for (size_t i = 0; i < ARRAY_LEN(auths); i++)
                if (find(f, auths[i].kind))
                        return auths[i].auth;
        return RTSP_TWEAK_AUTH_HONEST;
}

bool fault_tweak_make(
        const struct fault_plan *p, const char *stream, const char *camera, struct rtsp_tweak *ret)
{
        const struct faulty f = { p, stream, camera };
        const struct fault_plan_fault *slow = find(&f, FAULT_PLAN_SLOW_ANSWER);
        const struct fault_plan_fault *silent = find(&f, FAULT_PLAN_NO_ANSWER);
        const struct fault_plan_fault *status = find(&f, FAULT_PLAN_STATUS);
        const struct fault_plan_fault *redirect = find(&f, FAULT_PLAN_REDIRECT);
        const struct fault_plan_fault *base = find(&f, FAULT_PLAN_BAD_CONTENT_BASE);
        const struct fault_plan_fault *half_open = find(&f, FAULT_PLAN_HALF_OPEN);

        *ret = (struct rtsp_tweak){
                .auth = find_auth(&f),
                .delay_ms = slow ? (unsigned)slow->number : 0,
                .one_byte_writes = find(&f, FAULT_PLAN_ONE_BYTE_WRITES),
                .wrong_cseq = find(&f, FAULT_PLAN_WRONG_CSEQ),
                .no_session = find(&f, FAULT_PLAN_NO_SESSION),
                .other_channels = find(&f, FAULT_PLAN_OTHER_CHANNELS),
                .only_datagrams = find(&f, FAULT_PLAN_PLAIN_SDP),
                .plain_datagrams = find(&f, FAULT_PLAN_PLAIN_SETUP),
                .frozen = half_open && half_open->unit == FAULT_PLAN_AT_START,
                .silent = silent ? silent->method : NULL,
                .refused = status ? status->method : NULL,
                .refused_status = status ? (unsigned)status->number : 0,
                .redirect = redirect ? redirect->text : NULL,
                .content_base = base ? base->text : NULL,
        };
        for (unsigned i = 0; i < p->n; i++)
                if (fault_plan_find(p, stream, camera, p->faults[i].kind))
                        return true;
        return false;
}

static int replace_each(struct buf *b, const char *from, const char *to, struct err *e)
{
        const size_t from_n = strlen(from);
        struct bytes rest = buf_bytes(b);
        struct buf out;
        int r = 0;

        buf_init(&out, b->max);
        while (r >= 0 && rest.n > 0) {
                const uint8_t *at = memmem(rest.p, rest.n, from, from_n);
                const size_t n = at ? (size_t)(at - rest.p) : rest.n;

                r = buf_append(&out, bytes_sub(rest, 0, n), e);
                if (r >= 0 && at)
                        r = buf_append(&out, bytes_str(to), e);
                rest = bytes_sub(rest, n + (at ? from_n : 0), rest.n);
        }
        if (r < 0) {
                buf_done(&out);
                return r;
        }
        buf_done(b);
        *b = out;
        return 0;
}

static int add_tracks(struct buf *sdp, int64_t n, struct err *e)
{
        int r = 0;

        for (int64_t i = 0; r >= 0 && i < n; i++)
                r = buf_printf(sdp, e,
                        "m=application 0 RTP/AVP 127\r\na=rtpmap:127 vnd.nothing/90000\r\n"
                        "a=control:more%lld\r\n",
                        (long long)i);
        return r;
}

static int fill_up(struct buf *sdp, int64_t bytes, struct err *e)
{
        static const char line[] =
                "a=x-nothing:0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmno\r\n";
        int r = 0;

        while (r >= 0 && sdp->n < (size_t)bytes)
                r = buf_append(sdp, bytes_str(line), e);
        return r;
}

int fault_tweak_sdp(const struct fault_plan *p, const char *stream, const char *camera,
        struct buf *sdp, struct err *e)
{
        const struct faulty f = { p, stream, camera };
        const struct fault_plan_fault *host = find(&f, FAULT_PLAN_OTHER_HOST);
        const struct fault_plan_fault *tracks = find(&f, FAULT_PLAN_THOUSAND_TRACKS);
        const struct fault_plan_fault *huge = find(&f, FAULT_PLAN_HUGE_SDP);
        char control[LINE_ROOM];
        int r = 0;

        if (host) {
                snprintf(control, sizeof control, "a=control:rtsps://%s/%s/track", host->text,
                        camera);
                r = replace_each(sdp, CONTROL, control, e);
        }
        if (r >= 0 && find(&f, FAULT_PLAN_PLAIN_SDP))
                r = replace_each(sdp, " RTP/SAVP ", " RTP/AVP ", e);
        if (r >= 0 && tracks)
                r = add_tracks(sdp, tracks->number, e);
        if (r >= 0 && huge)
                r = fill_up(sdp, huge->number, e);
        return r < 0 ? r : 0;
}
