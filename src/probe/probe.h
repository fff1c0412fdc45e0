/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One look at one camera: connects as the recorder would, tells each step of it, receives for some
 * seconds, and leaves. In two halves, because what a camera sends must not be read with the powers
 * of whoever asks:
 *
 *     whoever asks  has names resolved and connections made, hears the steps: the command line
 *                   (probe_run), or a recorder's parent by its connector (recorder/parent_probe)
 *     a prober      under the worker's sandbox (no file, no new socket, no signal): TLS, RTSP and
 *                   media, by ingest/camera. It may be a hostile camera's by the second packet, so
 *                   its words are bounded and escaped before they go on.
 *
 * The two talk by probe_message.h. Not here: options, printing, exit codes (cli/cli_camera_test);
 * storing anything.
 */
#ifndef CUSTOS_PROBE_PROBE_H
#define CUSTOS_PROBE_PROBE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/tls.h"

#define PROBE_STEPS_MAX 400 /* more are not told */
#define PROBE_NAME_ROOM 24
#define PROBE_TEXT_ROOM 640
#define PROBE_SECONDS_MAX 600
#define PROBE_BRIEF_MS 1500

struct probe_options {
        const char *url; /* without user and password */
        const char *user;
        const struct secret *password;
        /* As custos camera add takes them. NULL: "tls", or "tls-pinned" where there is a pin;
         * "interleaved", or "tunnel" for https and http. */
        const char *transport, *carrier;
        const uint8_t *pin;      /* 32 bytes, or NULL */
        struct bytes roots_pem;  /* may be empty */
        struct bytes issuer_pem; /* the one issuer that cameras' certificates have; empty: any */
        struct bytes crls_pem;   /* what of it is revoked; may be empty */
        bool without_audio;
        bool brief;       /* ends PROBE_BRIEF_MS behind the first key frame */
        unsigned seconds; /* of receiving, behind PLAY; 1..PROBE_SECONDS_MAX */
};

/* What came of it. */
struct probe_result {
        bool plays;         /* PLAY was accepted */
        bool key_frame;     /* and a recording could have begun */
        struct err why;     /* why it ended, where not because the time was over; code 0: it was */
        uint8_t protection; /* enum protection of docs/spec/vault.md, tag 9 */
        bool has_key;
        uint8_t key[32];                         /* the camera's, once verified or pinned */
        bool has_certificate;                    /* one was shown, taken or not: */
        struct tls_seen certificate;             /* its texts are printable ASCII */
        uint32_t width, height, framerate_milli; /* as received; 0: not known */
        uint64_t bytes, packets, lost_packets, bad_packets, units;
        uint64_t received_us; /* for so long */
        bool has_clock;
        int64_t clock_offset_us; /* the camera's clock less ours, by its newest report */
};

/* Names of steps, in the order of their first coming: "name", "connect", "tls", "certificate",
 * "fingerprint", ">" (a request), "<" (an answer), "sdp" (a line of the description, keys
 * withheld), "login" (the challenge taken), "track", "left out", "play", "packet", "key frame".
 * Text is printable ASCII. */
typedef void (*probe_on_step)(void *owner, const char *name, const char *text);

/* Blocks. Negative when the look could not begin (ERR_INVALID: an option is wrong) or the child
 * ended by itself; what the camera did is in *ret. Forks: no thread may have been started. */
int probe_run(const struct probe_options *o, probe_on_step on_step, void *owner,
        struct probe_result *ret, struct err *e) MUST_USE;

#endif
