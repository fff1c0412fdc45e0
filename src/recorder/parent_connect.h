/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent's side of the connector (connector.h): which worker waits for which socket. The host
 * and the port are those of the stream's URL, as the manager gave it: a worker says which kind it
 * wants and nothing else, and may want only what the stream's transport and carrier need.
 *
 * At most one attempt of a kind is under way for a stream, and PARENT_CONNECT_MAX in all. When the
 * connector dies, those who wait for what it was doing are told, and their cameras try again; what
 * is asked while there is none waits for the next.
 */
#ifndef CUSTOS_RECORDER_PARENT_CONNECT_H
#define CUSTOS_RECORDER_PARENT_CONNECT_H

#include "ingest/camera.h"

#define PARENT_CONNECT_MAX 1024
#define PARENT_CONNECT_KINDS (CAMERA_SOCKET_DATAGRAMS + 1)

struct parent;
struct parent_stream;
struct message_assign;
struct parent_connect; /* owned */

/* Who asks besides the streams: for one look at a camera that is none of the recorder's. */
struct parent_connect_client {
        void *owner;
        const char *host;
        uint16_t port, fallback_port;
        /* fds: one, or the pair and its port; borrowed. */
        void (*made)(struct parent_connect_client *client, enum camera_socket kind, const int *fds,
                unsigned fds_n, uint16_t port);
        void (*failed)(struct parent_connect_client *client, enum camera_socket kind,
                const struct err *why);
};

/* timeout_ms: how long the connector itself tries. */
struct parent_connect *parent_connect_new(struct parent *p, unsigned timeout_ms);
struct parent_connect *parent_connect_free(struct parent_connect *c);
/* Takes fd: the channel to a new connector. */
void parent_connect_attach(struct parent_connect *c, int fd);
/* The kinds (1 << enum camera_socket) that a camera of this transport and carrier needs. */
unsigned parent_connect_kinds(enum camera_transport transport, enum camera_carrier carrier);
/* The stream's worker gets MESSAGE_SOCKET, MESSAGE_DATAGRAMS or MESSAGE_NO_SOCKET later. An attempt
 * of this kind that is under way serves this one too. */
void parent_connect_ask(struct parent_connect *c, struct parent_stream *t, enum camera_socket kind);
/* The same, under the same policy; made or failed is called later, or at once where too many
 * connections are being made. */
void parent_connect_ask_for(
        struct parent_connect *c, struct parent_connect_client *client, enum camera_socket kind);
/* Nothing more is said to it. */
void parent_connect_forget(struct parent_connect *c, const struct parent_connect_client *client);
/* Of all kinds: nothing more is said about this stream. */
void parent_connect_cancel(struct parent_connect *c, const struct parent_stream *t);

#endif
