/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection's bytes, through the splitter, to the server's side of the dialog. The first byte:
 * with authentication or not, secure media, datagrams, and which things are done wrong. */
#include <stdlib.h>

#include "net/rtsp_dialog.h"
#include "proto/rtsp_splitter.h"

#define ID "00112233445566778899aabbccddeeff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int describe(
        void *owner, const char *path, struct buf *sdp, unsigned *ret_tracks, struct err *e)
{
        (void)owner;
        if (strcmp(path, "cam") != 0)
                return err_set(e, ERR_NOT_FOUND, "no camera is called %s", path);
        *ret_tracks = 2;
        return sdp ? buf_append(sdp, bytes_str("v=0\r\n"), e) : 0;
}

static int play(void *owner, const char *path,
        struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e)
{
        (void)owner;
        (void)path;
        (void)e;
        ret[0].sequence = 1;
        return 0;
}

static int set_up(
        void *owner, const char *path, unsigned track, struct bytes key_mgmt, struct err *e)
{
        (void)owner;
        (void)path;
        (void)e;
        if (track > 1 || key_mgmt.n > RTSP_DIALOG_KEYS_MAX)
                abort();
        return 0;
}

static const struct rtsp_tweak *tweak(void *owner, const char *path)
{
        static const struct rtsp_tweak tweaks[] = {
                { .no_session = true, .other_channels = true, .wrong_cseq = true },
                { .plain_datagrams = true,
                        .content_base = "/",
                        .refused = "TEARDOWN",
                        .refused_status = 404 },
        };
        const uint8_t *first = owner;

        (void)path;
        return &tweaks[*first >> 7];
}

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct rtsp_dialog *d = owner;
        struct buf out;
        int next;

        if (!item->message)
                return 0;
        buf_init(&out, RTSP_DIALOG_RESPONSE_MAX);
        next = rtsp_dialog_answer(d, item->message, ID, &out, e);
        if (next >= 0 && out.n == 0)
                abort(); /* every request that is taken is answered */
        for (unsigned i = 0; i < RTSP_DIALOG_TRACKS_MAX; i++)
                if (d->tracks[i].set_up && d->tracks[i].datagrams && !d->server_port[0] &&
                        !d->tweak)
                        abort();
        if (next == RTSP_DIALOG_PLAY && (d->user || !d->session[0]))
                abort(); /* nobody plays without the password, or without a session */
        buf_done(&out);
        return next == RTSP_DIALOG_CLOSE ? ERR_CANCELLED : next < 0 ? next : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct secret password = { 0 };
        struct rtsp_dialog d = {
                .describe = describe, .play = play, .password = &password, .timeout_s = 60
        };
        struct rtsp_splitter s;
        struct err e;

        if (n < 1 || secret_set(&password, bytes_str("not to be guessed, 7f1c"), &e) < 0)
                return 0;
        d.user = data[0] & 1 ? "user" : NULL;
        d.secure = data[0] & 2;
        d.server_port[0] = data[0] & 4 ? 5000 : 0;
        d.server_port[1] = data[0] & 4 ? 5001 : 0;
        d.set_up = data[0] & 8 ? set_up : NULL;
        d.tweak = data[0] & 64 ? tweak : NULL;
        d.owner = (void *)(uintptr_t)data;
        if (rtsp_dialog_init(&d, ID, &e) < 0)
                abort();
        rtsp_splitter_init(&s);
        s.garbage_max = 0;
        (void)!rtsp_splitter_feed(&s, BYTES(data + 1, n - 1), on_item, &d, &e);
        rtsp_splitter_done(&s);
        return 0;
}
