/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera_policy.h"

static const char *const transports[] = { [CAMERA_TLS] = "tls",
        [CAMERA_TLS_PINNED] = "tls-pinned",
        [CAMERA_TLS_IF_AVAILABLE] = "tls-if-available",
        [CAMERA_PLAIN] = "plain" };
static const char *const carriers[] = { [CAMERA_INTERLEAVED] = "interleaved",
        [CAMERA_TUNNEL] = "tunnel",
        [CAMERA_UDP] = "udp",
        [CAMERA_MJPEG] = "mjpeg",
        [CAMERA_SNAPSHOT] = "snapshot" };

static int find(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return (int)i;
        return -1;
}

const char *camera_transport_name(enum camera_transport t)
{
        return transports[t];
}

const char *camera_carrier_name(enum camera_carrier c)
{
        return carriers[c];
}

int camera_transport_find(const char *name)
{
        return find(transports, ARRAY_LEN(transports), name);
}

int camera_carrier_find(const char *name)
{
        return find(carriers, ARRAY_LEN(carriers), name);
}

bool camera_policy_is_plain(const struct camera_policy *p)
{
        return p->transport == CAMERA_PLAIN || p->fell_back;
}

static enum url_scheme scheme_of(const struct camera_policy *p)
{
        bool http = p->carrier == CAMERA_TUNNEL || p->carrier == CAMERA_MJPEG ||
                    p->carrier == CAMERA_SNAPSHOT;

        if (http)
                return camera_policy_is_plain(p) ? URL_HTTP : URL_HTTPS;
        return camera_policy_is_plain(p) ? URL_RTSP : URL_RTSPS;
}

int camera_policy_parse_url(
        const struct camera_policy *p, const char *text, struct url *ret, struct err *e)
{
        enum url_scheme wanted = scheme_of(p);
        const char *name = url_scheme_name(wanted);
        struct url u;
        int r = url_parse(text, &u, e);

        if (r < 0)
                return r;
        if (u.scheme == wanted) {
                *ret = u;
                return 0;
        }
        if (!camera_policy_is_plain(p) && (u.scheme == URL_RTSP || u.scheme == URL_HTTP))
                return err_fault(e, ERR_INVALID, FAULT_WRONG_SCHEME,
                        "the camera's URL says %s://, which is not encrypted: refused. Not "
                        "recording. Fix: set an %s:// URL; the camera's own pages tell its port "
                        "for it (often %u)",
                        url_scheme_name(u.scheme), name, url_default_port(wanted));
        return err_fault(e, ERR_INVALID, FAULT_WRONG_SCHEME,
                "the camera's URL says %s://, and its transport and carrier need %s://. Not "
                "recording. Fix: set an %s:// URL, or another transport or carrier",
                url_scheme_name(u.scheme), name, name);
}

struct url camera_policy_url(const struct camera_policy *p, const struct url *camera)
{
        struct url u = *camera;

        if (p->fell_back) {
                u.scheme = scheme_of(p);
                u.port = url_fallback_port(camera);
        }
        return u;
}

bool camera_policy_may_fall_back(const struct camera_policy *p, const struct err *why)
{
        return p->transport == CAMERA_TLS_IF_AVAILABLE && !p->fell_back && !p->was_on_tls &&
               (why->fault == FAULT_CONNECTION_REFUSED || why->fault == FAULT_CONNECTION_TIMEOUT ||
                       why->fault == FAULT_NOT_TLS);
}

const char *camera_state_name(enum camera_state s)
{
        static const char *const names[] = { "idle", "connecting", "negotiating", "streaming",
                "waiting", "stopped" };

        return s < ARRAY_LEN(names) ? names[s] : "unknown";
}
