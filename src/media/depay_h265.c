/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 7798 without DONL fields (sprop-max-don-diff 0). */
#include "base/pack.h"
#include "media/depay_nals.h"
#include "media/h265.h"

enum { AP = 48, FU = 49, PACI = 50 };

static int aggregate(struct depay_nals *d, struct bytes payload, struct err *e)
{
        struct unpack u = unpack_of(bytes_sub(payload, 2, payload.n));
        int r = 0;

        while (r == 0 && unpack_left(&u) > 0) {
                struct bytes nal = unpack_bytes(&u, unpack_u16(&u));
                if (u.bad)
                        return err_set(e, ERR_PROTOCOL, "H.265 aggregation packet is cut");
                if (nal.n && (nal.n < 2 || h265_nal_type(nal) >= AP))
                        return err_set(e, ERR_PROTOCOL, "H.265 aggregation packet holds type %u",
                                h265_nal_type(nal));
                r = depay_nals_add(d, nal, e);
        }
        return r;
}

static int fragment(struct depay_nals *d, struct bytes payload, struct err *e)
{
        if (payload.n < 3)
                return err_set(e, ERR_PROTOCOL, "H.265 fragment of %zu bytes", payload.n);
        bool first = payload.p[2] & 0x80, last = payload.p[2] & 0x40;
        unsigned type = payload.p[2] & 0x3f;
        uint8_t head[2] = { (uint8_t)((payload.p[0] & 0x81) | type << 1), payload.p[1] };
        struct bytes body = bytes_sub(payload, 3, payload.n);
        int r;

        if (first) {
                bool cut = depay_nals_drop(d);
                d->skipping = true;
                if (type >= AP)
                        return err_set(e, ERR_PROTOCOL, "H.265 fragment of type %u", type);
                r = depay_nals_open(d, BYTES(head, 2), body, e);
                if (r == 0 && last)
                        r = depay_nals_close(d, e);
                return r == 0 && cut ? err_set(e, ERR_PROTOCOL, "H.265 fragment without its end")
                                     : r;
        }
        if (!d->open) {
                if (d->skipping)
                        return 0;
                return err_set(e, ERR_PROTOCOL, "H.265 fragment without its beginning");
        }
        r = depay_nals_append(d, body, e);
        return r == 0 && last ? depay_nals_close(d, e) : r;
}

int depay_h265_packet(struct depay_nals *d, struct bytes payload, struct err *e)
{
        unsigned type = h265_nal_type(payload);

        if (payload.n == 0)
                return 0;
        if (payload.n < 3)
                return err_set(e, ERR_PROTOCOL, "H.265 payload of %zu bytes", payload.n);
        if (type == FU)
                return fragment(d, payload, e);
        bool cut = depay_nals_drop(d);
        d->skipping = false;
        int r;
        if (type == AP)
                r = aggregate(d, payload, e);
        else if (type < AP)
                r = depay_nals_add(d, payload, e);
        else
                r = err_set(e, ERR_PROTOCOL, "H.265 payload of type %u is not supported", type);
        return r == 0 && cut ? err_set(e, ERR_PROTOCOL, "H.265 fragment without its end") : r;
}
