/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the codecs and kinds of tracks differ in within moov: handler, media header and sample entry
 * (docs/spec/vault.md section 3). For fmp4_moov.c, and for seal/evidence_moov.c, which makes stored
 * entries clear again.
 */
#ifndef CUSTOS_MEDIA_FMP4_ENTRY_H
#define CUSTOS_MEDIA_FMP4_ENTRY_H

#include "media/fmp4.h"

/* 'vide', 'soun' or 'meta' (ISO/IEC 14496-12 section 8.4.3). */
uint32_t fmp4_entry_handler(enum media_codec codec);
/* vmhd, smhd or nmhd. */
void fmp4_entry_put_media_header(struct pack *p, enum media_codec codec);
/* Bytes of an entry's payload in front of its child boxes, stored or clear. */
size_t fmp4_entry_fixed_bytes(enum media_codec codec);

/* ERR_INVALID for a track that cannot be stored. */
int fmp4_entry_check(const struct fmp4_track *t, struct err *e) MUST_USE;
/* Of an encrypted track, or of a clear one (kid NULL); t was checked. */
void fmp4_entry_put(struct pack *p, const struct fmp4_track *t, const uint8_t *kid);
/* entries: behind the count in stsd, encrypted or clear. t->timescale is known; fills t->config. */
int fmp4_entry_read(struct bytes entries, struct fmp4_track *t, struct err *e) MUST_USE;

#endif
