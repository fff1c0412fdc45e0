/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the people's port answers: the API (docs/spec/openapi.json), the page's files, health and
 * figures. A request goes through here in this order: method and path (one table), session, origin,
 * query and body, the manager's message, the answer. No secret and no text of our own bugs gets
 * out.
 */
#ifndef CUSTOS_GATEWAY_API_H
#define CUSTOS_GATEWAY_API_H

#include "gateway/gateway_links.h"
#include "net/http_server.h"

struct api;         /* owned */
struct exports;     /* gateway/exports.h */
struct live;        /* gateway/live.h */
struct stills;      /* gateway/still.h */
struct transcoders; /* gateway/transcoders.h */

struct api_options {
        struct loop *loop;
        struct gateway_links *links;
        struct live *live;
        struct exports *exports;
        struct stills *stills;
        struct transcoders *transcoders;
        const struct buf *root_der; /* what people install, borrowed; may be empty, and change */
        const char *metrics_token;  /* borrowed; NULL: there are no figures to be had */
};

struct api *api_new(const struct api_options *o);
struct api *api_free(struct api *a);
/* A session ended: it is no longer believed. */
void api_session_ended(struct api *a, const char *session);

/* For http_server_events; owner is the api. */
extern const char *const api_headers[]; /* that every answer has; pairs, NULL-terminated */
void api_on_request(void *owner, struct http_exchange *x);
void api_on_gone(void *owner, struct http_exchange *x);
void api_on_writable(void *owner, struct http_exchange *x);
size_t api_body_max(void *owner, const struct http_exchange *x);

#endif
