/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_target.h"

#include <strings.h>

#include "base/str.h"

static int check_same_place(const struct url *home, const struct url *u, struct err *e)
{
        char host[URL_HOST_ROOM];

        str_escape(host, sizeof host, bytes_str(u->host));
        if (u->scheme != URL_RTSP && u->scheme != URL_RTSPS)
                return err_fault(e, ERR_DENIED, FAULT_OTHER_PLACE,
                        "the camera names a %s:// address on %s for its media: refused",
                        url_scheme_name(u->scheme), host);
        if (strcasecmp(u->host, home->host) != 0)
                return err_fault(e, ERR_DENIED, FAULT_OTHER_PLACE,
                        "the camera names another host (%s) for its media: refused. If that is the "
                        "camera's right "
                        "address, set it as the camera's URL",
                        host);
        if (u->port != home->port && u->port != url_default_port(u->scheme))
                return err_fault(e, ERR_DENIED, FAULT_OTHER_PLACE,
                        "the camera names another port (%u) for its media: refused", u->port);
        return 0;
}

int rtsp_target_resolve(const struct url *home, struct bytes content_base, struct bytes control,
        char to[static URL_MAX], struct err *e)
{
        char request[URL_MAX], resolved[URL_MAX];
        struct url u;
        int r = url_format(home, request, sizeof request, e);

        if (r < 0)
                return r;
        r = url_resolve(request, content_base, control, resolved, sizeof resolved, e);
        if (r < 0)
                return r;
        r = url_parse(resolved, &u, e);
        if (r < 0)
                return r;
        r = check_same_place(home, &u, e);
        if (r < 0)
                return r;
        u.scheme = home->scheme;
        u.port = home->port;
        memcpy(u.host, home->host, sizeof u.host);
        return url_format(&u, to, URL_MAX, e);
}
