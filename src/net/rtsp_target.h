/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which URL a request may name. A description comes from the camera and may say anything; what
 * comes out here has the scheme, host and port of the given URL, or is refused. So a camera can
 * send nobody elsewhere, and no answer to a challenge is ever made for another host.
 */
#ifndef CUSTOS_NET_RTSP_TARGET_H
#define CUSTOS_NET_RTSP_TARGET_H

#include "proto/url.h"

/*
 * The URL of a control value (proto/url.h, url_resolve), for requests in the session with `home`.
 * ERR_DENIED: another host, or a port that is neither home's nor the default of the URL's scheme
 * (cameras behind TLS often say rtsp:// without a port; that is put right, not refused).
 */
int rtsp_target_resolve(const struct url *home, struct bytes content_base, struct bytes control,
        char to[static URL_MAX], struct err *e) MUST_USE;

#endif
