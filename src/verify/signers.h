/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys that signed what is verified, and what is known of their certificates: parsed once,
 * chains checked once for each span of time. Says who signed; whether that is believed is decided
 * from signers_standing.
 */
#ifndef CUSTOS_VERIFY_SIGNERS_H
#define CUSTOS_VERIFY_SIGNERS_H

#include "seal/verdict.h"

struct signers; /* owned */
struct signer;  /* one seal certificate with its chain; owned by signers */

/* trust: the root's fingerprint, 32 bytes, or NULL. */
struct signers *signers_new(const uint8_t *trust);
struct signers *signers_free(struct signers *s);

/* The signer whose certificates stand in a head. Fails where they cannot be read. */
int signers_of_head(
        struct signers *s, const struct head *h, struct signer **ret, struct err *e) MUST_USE;
/* Was this seal signed by it? */
bool signers_signed(const struct signer *signer, const struct seal *seal, struct bytes payload);
/* Any signer seen so far that signed this seal, or NULL. */
struct signer *signers_find(struct signers *s, const struct seal *seal, struct bytes payload);

/* What an unchanged fragment is that this signer sealed at that time: AUTHENTIC, KEY_NOT_TRUSTED
 * (another root than the given one), CANNOT_TELL (none was given), FOREIGN (a chain that does not
 * hold, or another root than before). text says why. */
enum verdict_kind signers_standing(
        struct signers *s, struct signer *signer, int64_t sealed_us, char *text, size_t room);
/* Fingerprint of the first root that stood, for the verdict; false when there was none. */
bool signers_fingerprint(const struct signers *s, uint8_t ret[static 32]);

#endif
