/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * media_config to and from the words of a session description (RFC 6184 section 8, RFC 7798 section
 * 7, RFC 3640 section 4, RFC 2435, RFC 3551, RFC 7587, ONVIF streaming specification section 5.2)
 * and the configuration records in files. The SDP text itself is proto/sdp.h.
 */
#ifndef CUSTOS_MEDIA_MEDIA_CONFIG_H
#define CUSTOS_MEDIA_MEDIA_CONFIG_H

#include "base/buf.h"
#include "media/access_unit.h"

/*
 * encoding, clock_rate, channels, fmtp: as struct sdp_media has them. ERR_NOT_FOUND for an encoding
 * that is not recorded (the caller names it and leaves the track out), ERR_INVALID for a mode,
 * rate or config that cannot work. Missing or unreadable parameter sets of video are not a fault:
 * parameters_n is 0 then, and they come in-band; so does the size of JPEG pictures.
 */
int media_config_of_sdp(struct bytes encoding, uint32_t clock_rate, uint32_t channels,
        struct bytes fmtp, struct media_config *ret, struct err *e) MUST_USE;
/* Appends the fmtp parameters (behind the payload type), without the parameter sets where there are
 * none. */
int media_config_fmtp(const struct media_config *c, struct buf *out, struct err *e) MUST_USE;
/* "H264", "MPEG4-GENERIC", "AAL2-G726-32": the encoding's name in an rtpmap. */
const char *media_config_encoding(const struct media_config *c);
/* "h264", "aac", "g726", "onvif-metadata", "none": for JSON and people. */
const char *media_config_codec_name(enum media_codec c);

/* From avcC, hvcC, AudioSpecificConfig or dOps, as files have them, checked; rewritten in our
 * canonical form. */
int media_config_of_record(enum media_codec codec, struct bytes record, struct media_config *ret,
        struct err *e) MUST_USE;

#endif
