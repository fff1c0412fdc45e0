/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A description, the configuration of each of its media, and the way back. */
#include <stdlib.h>

#include "media/depay.h"
#include "media/media_config.h"
#include "proto/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void use(const struct sdp_media *m)
{
        struct media_config c, again;
        struct depay *d;
        struct buf out;

        if (media_config_of_sdp(m->encoding, m->clock_rate, m->channels, m->fmtp, &c, NULL) < 0)
                return;
        buf_init(&out, 65536);
        if (media_config_fmtp(&c, &out, NULL) < 0)
                abort();
        if (media_config_of_sdp(
                    m->encoding, m->clock_rate, m->channels, buf_bytes(&out), &again, NULL) < 0 ||
                !media_config_equal(&c, &again))
                abort();
        if (depay_new(&c, &d, NULL) == 0)
                depay_free(d);
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct sdp s, again;
        struct buf out;

        if (sdp_parse(BYTES(data, n), &s, NULL) < 0)
                return 0;
        if (s.media_n > SDP_MEDIA_MAX)
                abort();
        for (unsigned i = 0; i < s.media_n; i++)
                use(&s.media[i]);
        buf_init(&out, 4 * SDP_TEXT_MAX);
        if (sdp_format(&s, 1, "192.0.2.1", &out, NULL) == 0 && out.n <= SDP_TEXT_MAX)
                if (sdp_parse(buf_bytes(&out), &again, NULL) < 0 || again.media_n != s.media_n)
                        abort();
        buf_done(&out);
        return 0;
}
