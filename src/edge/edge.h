/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The secure camera role: serves media files, round and round in real time, as cameras over RTSPS,
 * also tunnelled in HTTPS at the same port. One process, one loop, one timer for the pace. Many
 * cameras can share one file: its packets are then made once for all of them. Faults on demand make
 * it a bad camera, for trying a recorder.
 *
 * A client that does not read is cut off when 8 MB wait for it. Without TLS only loopback addresses
 * are served, on explicit request, for tests. Holds nothing of a site but its own key, which it
 * reads before it shuts itself in.
 *
 * Blocking until SIGTERM or SIGINT. Logs.
 */
#ifndef CUSTOS_EDGE_EDGE_H
#define CUSTOS_EDGE_EDGE_H

#include <stdbool.h>

#include "base/err.h"
#include "crypto/srtp_suite.h"
#include "edge/fault_plan.h"

#define EDGE_STREAMS_MAX 64
#define EDGE_CAMERAS_MAX 4096
#define EDGE_NAME_ROOM 64

struct edge_stream {
        char name[EDGE_NAME_ROOM]; /* as str_is_camera says; with count > 1 its cameras are NAME0,
                                      NAME1, ... */
        const char *file;
};

struct edge_options {                     /* all borrowed */
        const char *listen;               /* ADDRESS:PORT, port 0: any */
        const char *cert_file, *key_file; /* PEM; NULL with plain_loopback_test */
        const char *user, *password_file; /* both or neither */
        const char *metadata_file; /* a document of ONVIF metadata, served beside each stream, or
                                      NULL */
        const char *port_file;     /* gets the port's number once connections are taken; or NULL */
        struct edge_stream streams[EDGE_STREAMS_MAX];
        unsigned streams_n;
        unsigned count; /* cameras of each stream; 0: one, without a number behind its name */
        bool stamp, burst, record_per_packet, plain_loopback_test;
        enum srtp_suite srtp;     /* NONE: RTP/AVP; else RTP/SAVP, also as datagrams */
        struct fault_plan faults; /* to be done wrong on purpose */
};

int edge_run(const struct edge_options *o, struct err *e) MUST_USE;

#endif
