/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each camera was seen with. A camera once on verified or confirmed (pinned) TLS is never
 * again accepted without it, until an administrator clears that; and a key that one camera has is
 * not taken from another. Decisions only: no file (tls_memory_store.h), no clock, no connection.
 * The caller notes a success after the handshake, asks before every connection that would be less,
 * and saves when tls_memory_note says so.
 *
 * Kept as JSON, version 1:
 *     { "version": 1, "cameras": [ { "camera": "lobby-3", "host": "10.1.2.3", "key": "<64 hex>",
 *       "how": "verified" | "pinned", "since": "<time>", "last": "<time>" }, ... ] }
 */
#ifndef CUSTOS_TRUST_TLS_MEMORY_H
#define CUSTOS_TRUST_TLS_MEMORY_H

#include "base/buf.h"
#include "base/err.h"

#define TLS_MEMORY_CAMERAS_MAX 4096
#define TLS_MEMORY_FILE_MAX (4u << 20)
#define TLS_MEMORY_HOST_MAX 253

/* How a camera's identity was established. */
enum tls_memory_how { TLS_MEMORY_VERIFIED, TLS_MEMORY_PINNED };

/* What a camera, or somebody in its place, offers instead. */
enum tls_memory_offer { TLS_MEMORY_PLAIN, TLS_MEMORY_UNVERIFIED };

struct tls_memory; /* owned */

struct tls_memory *tls_memory_new(void);
struct tls_memory *tls_memory_free(struct tls_memory *m);
void tls_memory_freep(struct tls_memory **m);
int tls_memory_parse(struct bytes json, struct tls_memory **ret, struct err *e) MUST_USE;
/* Appends. */
int tls_memory_format(const struct tls_memory *m, struct buf *out, struct err *e) MUST_USE;

/*
 * A handshake succeeded. Returns 1 when that is news worth saving (a new camera, host, key or
 * manner, or another day), else 0. ERR_DENIED when the key is another camera's (nothing is noted).
 */
int tls_memory_note(struct tls_memory *m, const char *camera, const char *host,
        const uint8_t key[static 32], enum tls_memory_how how, int64_t now_us,
        struct err *e) MUST_USE;
/*
 * May this camera at this host be taken with what is offered? ERR_DENIED when the camera, or
 * whatever camera is remembered at that host, was on TLS before; e is the text for people.
 */
int tls_memory_allows(const struct tls_memory *m, const char *camera, const char *host,
        enum tls_memory_offer offer, struct err *e) MUST_USE;
/* ERR_DENIED when another camera has this key: asked before a pin is confirmed and before
 * credentials are sent. */
int tls_memory_allows_key(const struct tls_memory *m, const char *camera,
        const uint8_t key[static 32], struct err *e) MUST_USE;
/* Another camera that has this key, and its host, both borrowed; NULL when there is none. */
const char *tls_memory_key_owner(const struct tls_memory *m, const char *camera,
        const uint8_t key[static 32], const char **ret_host);
/* What the camera showed at this host when it was last verified or pinned there, 32 bytes,
 * borrowed; NULL where nothing is remembered. */
const uint8_t *tls_memory_key(const struct tls_memory *m, const char *camera, const char *host);
/* Forgets a camera. The caller has made sure that an administrator asked, and writes the audit
 * entry. */
int tls_memory_clear(struct tls_memory *m, const char *camera, struct err *e) MUST_USE;

#endif
