/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of enum camera_transport (ingest/camera.h): which URL fits, where a connection goes,
 * and when one without TLS may follow on one that could not be made. Values only: no socket, no
 * session.
 */
#ifndef CUSTOS_INGEST_CAMERA_POLICY_H
#define CUSTOS_INGEST_CAMERA_POLICY_H

#include "ingest/camera.h"
#include "proto/url.h"

struct camera_policy {
        enum camera_transport transport;
        enum camera_carrier carrier;
        bool fell_back; /* the connection that is made now, or was, goes without TLS all the same */
        bool was_on_tls; /* once: there is no way back without it */
};

bool camera_policy_is_plain(const struct camera_policy *p);
/* Parses the camera's URL. ERR_INVALID, FAULT_WRONG_SCHEME: transport and carrier need another
 * scheme. */
int camera_policy_parse_url(
        const struct camera_policy *p, const char *text, struct url *ret, struct err *e) MUST_USE;
/* The URL of the connection that is made now. */
struct url camera_policy_url(const struct camera_policy *p, const struct url *camera);
/* Only where there is no TLS to be had at all, and never was: a bad certificate is somebody's
 * answer, and no reason to talk to him in the clear. */
bool camera_policy_may_fall_back(const struct camera_policy *p, const struct err *why);

#endif
