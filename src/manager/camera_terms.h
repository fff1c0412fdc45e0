/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words of what a camera is asked for: transport (how it is protected) and carrier (how media
 * travel), and which of them go with which URL. The same words in the database, in messages and on
 * the command line; ingest/camera.h says what they do.
 */
#ifndef CUSTOS_MANAGER_CAMERA_TERMS_H
#define CUSTOS_MANAGER_CAMERA_TERMS_H

#include <stdbool.h>

#include "base/err.h"

#define CAMERA_TERMS_ROOM 20

/* "interleaved" for rtsps and rtsp, "tunnel" for https and http; "" for what is no URL. */
const char *camera_terms_carrier_of(const char *url);
/* The texts name what does not fit and what would. ERR_DENIED where it is not encrypted though
 * nobody asked for that. */
int camera_terms_check(const char *url, const char *transport, const char *carrier, bool has_pin,
        struct err *e) MUST_USE;
/* tls-if-available, plain: chosen by somebody, audited, shown. */
bool camera_terms_is_exception(const char *transport);

#endif
