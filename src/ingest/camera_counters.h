/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a camera session has counted. Pure. */
#ifndef CUSTOS_INGEST_CAMERA_COUNTERS_H
#define CUSTOS_INGEST_CAMERA_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

struct camera_counters {
        uint64_t bytes, packets, lost_packets, units, connects;
        uint64_t clear_bytes;   /* of bytes: what everybody on the way could read */
        uint64_t bad_packets;   /* damaged, or of payloads that could not be put together */
        uint64_t skipped_bytes; /* in the stream, neither RTSP nor interleaved */
        uint64_t gated_units;   /* before the first key frame of a connection; not delivered */
};
struct camera_counters camera_counters_sum(struct camera_counters a, struct camera_counters b);
/* now; in_clear: its bytes since before came without encryption. */
struct camera_counters camera_counters_mark(
        struct camera_counters now, struct camera_counters before, bool in_clear);

#endif
