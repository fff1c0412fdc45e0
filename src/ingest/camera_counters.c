/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera_counters.h"

struct camera_counters camera_counters_sum(struct camera_counters a, struct camera_counters b)
{
        a.bytes += b.bytes;
        a.clear_bytes += b.clear_bytes;
        a.packets += b.packets;
        a.lost_packets += b.lost_packets;
        a.units += b.units;
        a.connects += b.connects;
        a.bad_packets += b.bad_packets;
        a.skipped_bytes += b.skipped_bytes;
        a.gated_units += b.gated_units;
        return a;
}

struct camera_counters camera_counters_mark(
        struct camera_counters now, struct camera_counters before, bool in_clear)
{
        if (in_clear)
                now.clear_bytes += now.bytes - before.bytes;
        return now;
}
