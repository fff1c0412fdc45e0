/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gateway asks for with media.open (docs/spec/link.md section 8). */
#ifndef CUSTOS_RECORDER_MEDIA_OPEN_H
#define CUSTOS_RECORDER_MEDIA_OPEN_H

#include <jansson.h>

#include "recorder/message_play.h"

/* Of one whole message, and some more. */
#define MEDIA_OPEN_PLAY_CREDIT_MIN (128u << 10)

struct media_open {
        json_int_t subscription, credit;
        const char *use, *stream, *grant; /* borrowed from the body */
        struct message_play play;         /* of playback and export */
        bool recorded;                    /* one of those two, else live */
};

/* ERR_INVALID. ret->play: what is wished of footage. */
int media_open_parse(json_t *body, struct media_open *ret, struct err *e) MUST_USE;
int media_open_subscription(json_int_t number, struct err *e) MUST_USE;
/* ERR_DENIED where the grant names another gateway than this URI. As it stands there: whether it is
 * so, sealer, worker and player check. */
int media_open_gateway(const char *uri, struct bytes token, struct err *e) MUST_USE;

#endif
