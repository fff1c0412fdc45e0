/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/bit_rate.h"

void bit_rate_begin(struct bit_rate *r, uint64_t bytes, int64_t now_us)
{
        r->looked_us = now_us;
        r->bytes = bytes;
        r->over = 0;
}

int bit_rate_look(struct bit_rate *r, uint64_t bytes, int64_t now_us, struct err *e)
{
        uint64_t us = (uint64_t)(now_us - r->looked_us);
        uint64_t mbit = us ? (bytes - r->bytes) * 8 / us : 0;

        r->looked_us = now_us;
        r->bytes = bytes;
        r->over = r->mbit_max && mbit > r->mbit_max ? r->over + 1 : 0;
        if (r->over < 2)
                return 0;
        return err_fault(e, ERR_DENIED, FAULT_TOO_MUCH_DATA,
                "the camera sent %llu Mbit/s, and camera_mbit_max is %u: cut off. Fix: %s",
                (unsigned long long)mbit, (unsigned)r->mbit_max, fault_remedy(FAULT_TOO_MUCH_DATA));
}
