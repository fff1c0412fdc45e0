/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two halves of a probe tell each other over a chan. A malformed message ends the look. */
#ifndef CUSTOS_PROBE_PROBE_MESSAGE_H
#define CUSTOS_PROBE_PROBE_MESSAGE_H

#include "base/buf.h"
#include "ingest/camera.h"
#include "probe/probe.h"

enum probe_message {
        /* prober to whoever asks */
        PROBE_STEP = 1,    /* string name, string text */
        PROBE_NEED_SOCKET, /* u8 enum camera_socket */
        PROBE_RESULT,      /* probe_message_pack_result; the last */
        /* whoever asks to prober */
        PROBE_SOCKET,    /* one descriptor */
        PROBE_DATAGRAMS, /* two descriptors; u16 port of the first */
        PROBE_NO_SOCKET, /* probe_message_pack_failure */
        PROBE_LOOK,      /* probe_message_pack_look; the first, once */
};

#define PROBE_PEM_MAX (96u << 10) /* of each text of certificates; all fit CHAN_BODY_MAX */

/* What is to be looked at, judged: options whose words are known and fit together. */
struct probe_look {
        char url[CAMERA_URL_MAX], user[128];
        struct secret password;
        enum camera_transport transport;
        enum camera_carrier carrier;
        bool pinned;
        uint8_t pin[32];
        struct bytes roots_pem, issuer_pem, crls_pem; /* borrowed */
        bool without_audio, brief;
        unsigned seconds;
};

/* ERR_INVALID: what does not fit. The password is the caller's to wipe (secret_done). */
int probe_message_look_of(
        const struct probe_options *o, struct probe_look *ret, struct err *e) MUST_USE;
/* The password stands in out: to be wiped. */
int probe_message_pack_look(const struct probe_look *l, struct buf *out, struct err *e) MUST_USE;
/* ret borrows from body; its password is the caller's to wipe where 0 is returned. */
int probe_message_unpack_look(struct bytes body, struct probe_look *ret, struct err *e) MUST_USE;

/* Both texts are made printable: the prober may be the camera's own by now. */
int probe_message_unpack_step(struct bytes body, char name[static PROBE_NAME_ROOM],
        char text[static PROBE_TEXT_ROOM], struct err *e) MUST_USE;
/* why->code, fault and text alone travel. */
int probe_message_pack_failure(const struct err *why, struct buf *out, struct err *e) MUST_USE;
int probe_message_unpack_failure(struct bytes body, struct err *ret_why, struct err *e) MUST_USE;
int probe_message_pack_result(
        const struct probe_result *r, struct buf *out, struct err *e) MUST_USE;
/* Its texts are made printable. */
int probe_message_unpack_result(
        struct bytes body, struct probe_result *ret, struct err *e) MUST_USE;

#endif
