/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head box of a segment (docs/spec/vault.md section 3): who, where, which key, which
 * certificates. */
#ifndef CUSTOS_SEAL_HEAD_H
#define CUSTOS_SEAL_HEAD_H

#include "base/buf.h"
#include "base/err.h"
#include "media/fmp4.h"

#define HEAD_PATH_MAX 96 /* stream path with NUL */
#define HEAD_KEY_MAX 160 /* object key with NUL */
#define HEAD_TEXT_MAX 512

extern const uint8_t head_user_type[16];

enum protection {
        PROTECTION_OPEN,
        PROTECTION_CONTROL_ONLY,
        PROTECTION_PINNED,
        PROTECTION_VERIFIED
};
/* "open", "control only", "encrypted, pinned", "encrypted and verified". */
const char *protection_name(enum protection p);

#define HEAD_VERSION 2 /* the newest */

struct head {
        uint8_t version; /* of the vault's format: head_version_of its tracks */
        char stream[HEAD_PATH_MAX];
        char object_key[HEAD_KEY_MAX];
        uint8_t kid[16];
        uint8_t hour_key_id[16];
        char recorder[HEAD_TEXT_MAX];
        struct bytes seal_cert, issuer_cert, root_cert; /* DER, borrowed */
        uint8_t protection;
        uint16_t tls_version;
        uint8_t camera_key[32];
        int64_t connected_us;
        char source[HEAD_TEXT_MAX];
};

/* <camera>-<stream>, and <stream path>/<YYYY-MM-DD>/<HH>/<MM-SS.mmm>Z.<n>.mp4 (docs/spec/vault.md
 * section 1). A head with anything else is neither written nor read, so that an object key can be
 * used as a path. */
bool head_is_stream_path(const char *s);
bool head_is_object_key(const char *s, const char *stream);

/* The least version of docs/spec/vault.md that has these tracks; a segment says no other. */
uint8_t head_version_of(const struct fmp4_header *header);

/* The box's payload behind the user type. */
int head_format(const struct head *h, struct buf *out, struct err *e) MUST_USE;
int head_parse(struct bytes payload, struct head *ret, struct err *e) MUST_USE;

#endif
