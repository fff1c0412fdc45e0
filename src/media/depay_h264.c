/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6184, packetization modes 0 and 1. */
#include "base/pack.h"
#include "media/depay_nals.h"
#include "media/h264.h"

enum { STAP_A = 24, STAP_B = 25, MTAP16 = 26, MTAP24 = 27, FU_A = 28, FU_B = 29 };

static bool is_single(unsigned type)
{
        return type >= 1 && type < STAP_A;
}

static int aggregate(struct depay_nals *d, struct bytes payload, struct err *e)
{
        struct unpack u = unpack_of(bytes_sub(payload, 1, payload.n));
        int r = 0;

        while (r == 0 && unpack_left(&u) > 0) {
                struct bytes nal = unpack_bytes(&u, unpack_u16(&u));
                if (u.bad)
                        return err_set(e, ERR_PROTOCOL, "H.264 STAP-A is cut");
                if (nal.n && !is_single(h264_nal_type(nal)))
                        return err_set(
                                e, ERR_PROTOCOL, "H.264 STAP-A holds type %u", h264_nal_type(nal));
                r = depay_nals_add(d, nal, e);
        }
        return r;
}

static int fragment(struct depay_nals *d, struct bytes payload, struct err *e)
{
        if (payload.n < 2)
                return err_set(e, ERR_PROTOCOL, "H.264 FU-A of %zu bytes", payload.n);
        bool first = payload.p[1] & 0x80, last = payload.p[1] & 0x40;
        uint8_t head = (uint8_t)((payload.p[0] & 0xe0) | (payload.p[1] & 0x1f));
        struct bytes body = bytes_sub(payload, 2, payload.n);
        int r;

        if (first) {
                bool cut = depay_nals_drop(d);
                d->skipping = true;
                if (!is_single(head & 0x1f))
                        return err_set(e, ERR_PROTOCOL, "H.264 FU-A of type %u", head & 0x1f);
                r = depay_nals_open(d, BYTES(&head, 1), body, e);
                if (r == 0 && last)
                        r = depay_nals_close(d, e);
                return r == 0 && cut ? err_set(e, ERR_PROTOCOL, "H.264 FU-A without its end") : r;
        }
        if (!d->open) {
                if (d->skipping)
                        return 0;
                return err_set(e, ERR_PROTOCOL, "H.264 FU-A without its beginning");
        }
        r = depay_nals_append(d, body, e);
        return r == 0 && last ? depay_nals_close(d, e) : r;
}

int depay_h264_packet(struct depay_nals *d, struct bytes payload, struct err *e)
{
        unsigned type = h264_nal_type(payload);

        if (payload.n == 0)
                return 0;
        if (type == FU_A)
                return fragment(d, payload, e);
        /* Between the fragments of one unit there is no other (section 5.8). */
        bool cut = depay_nals_drop(d);
        d->skipping = false;
        int r;
        if (type == STAP_A)
                r = aggregate(d, payload, e);
        else if (is_single(type) || nal_find_start_code(payload, 0) == 0 ||
                 (type == 0 && nal_find_start_code(payload, 0) == 1))
                r = depay_nals_add(d, payload, e);
        else
                r = err_set(e, ERR_PROTOCOL, "H.264 payload of type %u is not supported", type);
        return r == 0 && cut ? err_set(e, ERR_PROTOCOL, "H.264 FU-A without its end") : r;
}
