/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frame rate that an H.265 SPS tells in its VUI (ITU-T H.265 sections 7.3.2.2.1 and E.2.1),
 * which lies behind everything else. For h265.c only.
 */
#ifndef CUSTOS_MEDIA_H265_VUI_H
#define CUSTOS_MEDIA_H265_VUI_H

#include "media/nal.h"

/* b stands behind bit_depth_chroma_minus8. Frames in 1000 s; 0 when it is not told, cannot be read,
 * or is above 1000 a second. */
uint32_t h265_vui_framerate(struct nal_bits *b, unsigned sub_layers);

#endif
