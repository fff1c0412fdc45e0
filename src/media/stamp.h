/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stamp: camera, frame counter and wall clock inside the frame itself, as one SEI NAL unit of
 * type "user data unregistered" (H.264 and H.265, ITU-T H.264 D.1.7, H.265 D.2.7) under a UUID of
 * its own. The demo camera writes it, the checker reads it back: so lost, doubled and swapped
 * frames of a recording can be counted one by one, whatever lies between.
 *
 * A stamp's NAL unit has the same length for every camera and every value, so that one prepared
 * packet can be written over for each receiver. All of it is text or non-zero bytes: no emulation
 * prevention is needed. A stamp proves nothing against forgery; that is the seal's work.
 */
#ifndef CUSTOS_MEDIA_STAMP_H
#define CUSTOS_MEDIA_STAMP_H

#include "base/bytes.h"
#include "media/access_unit.h"

#define STAMP_CAMERA_ROOM 64 /* with the NUL; names are as str_is_camera says */
#define STAMP_UUID_BYTES 16
#define STAMP_TEXT_BYTES                                                                           \
        97 /* counter, space, wall clock (16 hex digits each), space, name padded to 63 */
#define STAMP_NAL_ROOM (2 + 2 + STAMP_UUID_BYTES + STAMP_TEXT_BYTES + 1)

struct stamp {
        char camera[STAMP_CAMERA_ROOM];
        uint64_t counter;
        int64_t wall_us;
};

/* Bytes of a stamp's NAL unit, without start code or length: one less for H.264. */
size_t stamp_nal_bytes(enum media_codec codec);
/*
 * Writes the NAL unit; returns stamp_nal_bytes. temporal_id_plus1: of the frame's slices (H.265; 1
 * where there are no layers), unused for H.264. camera must be 1..63 printable ASCII characters
 * without space.
 */
size_t stamp_format(enum media_codec codec, unsigned temporal_id_plus1, const struct stamp *s,
        uint8_t ret[static STAMP_NAL_ROOM]);
/* True when nal (any NAL unit, hostile or not) is an SEI that carries a stamp; then *ret is filled.
 */
bool stamp_parse(enum media_codec codec, struct bytes nal, struct stamp *ret);

#endif
