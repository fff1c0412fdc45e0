/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Binary messages of a link, one after the other (u16 length each), put together to things. */
#include <stdlib.h>
#include <string.h>

#include "base/pack.h"
#include "proto/media_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define THING_MAX 3000

static void same_again(struct bytes in, const struct media_message *m, struct bytes sealed)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES], aad[MEDIA_MESSAGE_HEADER_BYTES];

        media_message_format(m, head);
        if (memcmp(head, in.p, sizeof head) != 0 || sealed.p != in.p + sizeof head ||
                sealed.n != in.n - sizeof head)
                abort();
        media_message_aad(m, aad);
        if (memcmp(aad, head, 3) != 0 ||
                (aad[3] | MEDIA_MESSAGE_SKIPPED) != (head[3] | MEDIA_MESSAGE_SKIPPED) ||
                memcmp(aad + 8, head + 8, 16) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct unpack u = unpack_of(BYTES(data, n));
        struct media_message_join join;
        int r = 0;

        media_message_join_init(&join, THING_MAX);
        while (unpack_left(&u) > 0 && r >= 0) {
                struct bytes in = unpack_field16(&u, UINT16_MAX), sealed;
                struct media_message m, thing;

                if (u.bad || media_message_parse(in, &m, &sealed, NULL) < 0)
                        break;
                same_again(in, &m, sealed);
                r = media_message_join_push(&join, &m,
                        bytes_sub(sealed, 0, sealed.n - MEDIA_MESSAGE_TAG_BYTES), &thing, NULL);
                if (join.thing.n > THING_MAX ||
                        (r == 1) != (r >= 0 && !(m.flags & MEDIA_MESSAGE_MORE)) ||
                        (r == 1 && thing.flags & MEDIA_MESSAGE_MORE))
                        abort();
        }
        media_message_join_done(&join);
        return 0;
}
