/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's part of the state directory: where its keys and certificates lie.
 *
 *     <state>/recorder/seal.key      private, 0600, PEM; born here, never leaves
 *     <state>/recorder/seal.pem      seal certificate, its issuer, the site's root
 *     <state>/recorder/wrap.key      private half of the recorder's recipient, 0600, 64 hex digits
 *     <state>/recorder/wrap.pub      public halves, 130 hex digits each
 *     <state>/recorder/recovery.pub
 *     <state>/vault/                 the vault
 */
#ifndef CUSTOS_RECORDER_STATE_DIR_H
#define CUSTOS_RECORDER_STATE_DIR_H

#include "base/buf.h"
#include "crypto/sign.h"
#include "vault/key_store.h"

struct state_dir_certs {
        struct buf seal, issuer, root; /* DER */
};

int state_dir_read_seal_key(const char *state, struct sign_key **ret, struct err *e) MUST_USE;
/* Fills *ret, which the caller ends with state_dir_certs_done also on failure. */
int state_dir_read_certs(const char *state, struct state_dir_certs *ret, struct err *e) MUST_USE;
void state_dir_certs_done(struct state_dir_certs *c);
/* The caller wipes *ret. */
int state_dir_read_wrap_key(
        const char *state, uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e) MUST_USE;
int state_dir_read_recipients(const char *state,
        struct key_store_recipient ret[static KEY_STORE_RECIPIENTS_MAX], unsigned *ret_n,
        struct err *e) MUST_USE;

/* custos://SITE/recorder/NAME by <state>/node/recorder/peers.json; where there is none, "main" of
 * this site. */
int state_dir_read_name(
        const char *state, const char *site, char to[static HEAD_TEXT_MAX], struct err *e) MUST_USE;

#endif
