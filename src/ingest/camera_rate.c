/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera_rate.h"

#include <inttypes.h>

struct camera_rate camera_rate_begin(int64_t now_us, uint64_t bytes)
{
        return (struct camera_rate){ .at_us = now_us, .bytes = bytes };
}

int camera_rate_look(
        struct camera_rate *r, int64_t now_us, uint64_t bytes, uint32_t mbit_max, struct err *e)
{
        uint64_t us = (uint64_t)(now_us - r->at_us), came = bytes - r->bytes;

        r->at_us = now_us;
        r->bytes = bytes;
        if (!mbit_max || us == 0 || came * 8 / us <= mbit_max) {
                r->too_much = 0;
                return 0;
        }
        if (++r->too_much < 2)
                return 0;
        return err_fault(e, ERR_DENIED, FAULT_TOO_MUCH_DATA,
                "the camera sent %" PRIu64 " Mbit/s, and camera_mbit_max is %" PRIu32
                ": cut off. Fix: %s",
                came * 8 / us, mbit_max, fault_remedy(FAULT_TOO_MUCH_DATA));
}
