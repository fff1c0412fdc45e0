/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a transcoder is fed with: things, each a byte of kind and flags, a length of three bytes and
 * its bytes; the first byte of all says whether a picture or a stream is wanted. What comes out is
 * read again, as the next one would.
 */
#include <stdlib.h>

#include "base/pack.h"
#include "transcoder/av.h"
#include "transcoder/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int fuzz_transcode_on_out(void *owner, const struct media_message *m, struct bytes front,
        struct bytes data, struct err *e)
{
        const struct transcode_begin *begin = owner;
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        struct fmp4_fragment f = { 0 };
        struct bytes samples;
        struct buf whole;

        buf_init(&whole, MEDIA_MESSAGE_THING_MAX);
        if (buf_append(&whole, front, e) < 0 || buf_append(&whole, data, e) < 0)
                abort();
        if (m->kind == MEDIA_MESSAGE_HEADER &&
                fmp4_read_clear_header(buf_bytes(&whole), tracks, NULL) < 1)
                abort();
        if (m->kind == MEDIA_MESSAGE_FRAGMENT && begin->kind == TRANSCODE_STREAM) {
                if (fmp4_read_clear_fragment(buf_bytes(&whole), &f, &samples, NULL) < 0)
                        abort();
                fmp4_fragment_done(&f);
        }
        free(tracks);
        buf_done(&whole);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct unpack u = unpack_of(BYTES(data, n));
        uint8_t wanted = unpack_u8(&u);
        struct transcode_begin begin = { .kind = wanted & 1 ? TRANSCODE_STILL : TRANSCODE_STREAM,
                .width = wanted & 1 && wanted & 2 ? 64 : 0 };
        int r = 0;

        av_quiet();
        struct transcode *t = transcode_new(&begin, fuzz_transcode_on_out, &begin);
        while (r == 0 && !u.bad && unpack_left(&u)) {
                uint8_t kind = unpack_u8(&u);
                struct media_message m = { .kind = (uint8_t)(1 + (kind & 15) % 3),
                        .flags = kind & 0x10 ? MEDIA_MESSAGE_KEY : 0 };
                if (kind & 0x20)
                        m.flags |= MEDIA_MESSAGE_SKIPPED;
                struct bytes thing = unpack_bytes(&u, unpack_u24(&u));
                if (!u.bad)
                        r = transcode_push(t, &m, thing, NULL);
        }
        if (r == 0 && transcode_drain(t, NULL) > 0)
                abort();
        transcode_free(t);
        return 0;
}
