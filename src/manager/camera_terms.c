/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/camera_terms.h"

#include "proto/url.h"

static const struct camera_terms_carrier {
        const char *name;
        bool http; /* else RTSP */
} camera_terms_carriers[] = { { "interleaved", false }, { "tunnel", true }, { "udp", false },
        { "mjpeg", true }, { "snapshot", true } };

static bool camera_terms_is_http(enum url_scheme s)
{
        return s == URL_HTTPS || s == URL_HTTP;
}

static bool camera_terms_is_open(enum url_scheme s)
{
        return s == URL_RTSP || s == URL_HTTP;
}

const char *camera_terms_carrier_of(const char *text)
{
        struct url url;

        if (url_parse(text, &url, NULL) < 0)
                return "";
        return camera_terms_is_http(url.scheme) ? "tunnel" : "interleaved";
}

bool camera_terms_is_exception(const char *transport)
{
        return strcmp(transport, "tls-if-available") == 0 || strcmp(transport, "plain") == 0;
}

static int camera_terms_check_carrier(const struct url *url, const char *name, struct err *e)
{
        bool http = camera_terms_is_http(url->scheme);

        for (size_t i = 0; i < ARRAY_LEN(camera_terms_carriers); i++) {
                const struct camera_terms_carrier *c = &camera_terms_carriers[i];
                if (strcmp(c->name, name) != 0)
                        continue;
                if (c->http == http)
                        return 0;
                return err_set(e, ERR_INVALID,
                        "carrier %s: its url begins with %s, not with %s://. %s", name,
                        c->http ? "https:// (http:// with transport plain)"
                                : "rtsps:// (rtsp:// with transport plain)",
                        url_scheme_name(url->scheme),
                        c->http ? "RTSP without HTTP around it is carrier interleaved or udp"
                                : "RTSP within HTTP is carrier tunnel");
        }
        return err_set(e, ERR_INVALID, "carrier is interleaved, tunnel, udp, mjpeg or snapshot");
}

static int camera_terms_check_scheme(const struct url *url, const char *transport, struct err *e)
{
        bool http = camera_terms_is_http(url->scheme), open = camera_terms_is_open(url->scheme);

        if (strcmp(transport, "plain") == 0)
                return open ? 0
                            : err_set(e, ERR_INVALID,
                                      "transport plain goes with %s://, and this url says %s://. "
                                      "Leave --transport out to have it encrypted",
                                      http ? "http" : "rtsp", url_scheme_name(url->scheme));
        if (open)
                return err_set(e, ERR_DENIED,
                        "url: %s is not encrypted. Refused. Use %s:// (turn it on in the camera: "
                        "HTTPS or RTSP over TLS). Only for a camera that cannot: --transport plain; "
                        "then everybody on the way sees and may change it, and it is shown as open",
                        url_scheme_name(url->scheme), http ? "https" : "rtsps");
        return 0;
}

int camera_terms_check(
        const char *text, const char *transport, const char *carrier, bool has_pin, struct err *e)
{
        static const char *const transports[] = { "tls", "tls-pinned", "tls-if-available",
                "plain" };
        bool pinned = strcmp(transport, "tls-pinned") == 0, known = false;
        struct url url;

        int r = url_parse(text, &url, e);
        if (r < 0)
                return err_wrap(e, r, "url");
        for (size_t i = 0; i < ARRAY_LEN(transports); i++)
                known |= strcmp(transports[i], transport) == 0;
        if (!known)
                return err_set(
                        e, ERR_INVALID, "transport is tls, tls-pinned, tls-if-available or plain");
        if (pinned != has_pin)
                return err_set(e, ERR_INVALID,
                        pinned ? "transport tls-pinned needs the key: --pin SHA256"
                               : "a pin goes with transport tls-pinned alone");
        r = camera_terms_check_scheme(&url, transport, e);
        return r < 0 ? r : camera_terms_check_carrier(&url, carrier, e);
}
