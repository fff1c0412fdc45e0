/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recovery kit: the private half of a recipient of all hour keys (docs/spec/vault.md section
 * 5), on paper or in a file that is kept away from the site. Whoever holds it can read all footage;
 * nothing on the machine can make it again.
 *
 * The text is for people to type in: groups of four, base32 (RFC 4648), 24 bits of checksum. Read
 * tolerantly (case, spaces, digits that look like letters), refused clearly.
 */
#ifndef CUSTOS_VAULT_RECOVERY_KIT_H
#define CUSTOS_VAULT_RECOVERY_KIT_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hpke.h"

#define RECOVERY_KIT_SITE_ROOM 128
#define RECOVERY_KIT_TEXT_ROOM 2048
#define RECOVERY_KIT_FILE_MAX 8192

struct recovery_kit {
        char site[RECOVERY_KIT_SITE_ROOM]; /* printable ASCII; empty where the text had none */
        char date[11];                     /* 2026-11-22; empty where the text had none */
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        uint8_t public_key[HPKE_PUBLIC_BYTES];
};

/* A new pair. */
struct recovery_kit *recovery_kit_new(const char *site, int64_t wall_us);
struct recovery_kit *recovery_kit_free(struct recovery_kit *k); /* wipes */
void recovery_kit_freep(struct recovery_kit **k);
/* The text for paper; the caller wipes it. */
void recovery_kit_format(const struct recovery_kit *k, char to[static RECOVERY_KIT_TEXT_ROOM]);
/* The whole text, or the line with the key alone. */
int recovery_kit_parse(struct bytes text, struct recovery_kit **ret, struct err *e) MUST_USE;
/* SHA-256 of the public key: what names this recipient in key store files. */
void recovery_kit_recipient(const struct recovery_kit *k, uint8_t ret[static 32]);

#endif
