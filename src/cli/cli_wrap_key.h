/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private key that opens hour keys, as the options of subcommands name it: the recorder's own, or
 * a recovery kit. */
#ifndef CUSTOS_CLI_CLI_WRAP_KEY_H
#define CUSTOS_CLI_CLI_WRAP_KEY_H

#include "crypto/hpke.h"

/* kit: a recovery kit's file ("-": standard input); else key: a file of 64 hex digits; else
 * <state>/recorder/wrap.key. The caller wipes *ret. */
int cli_wrap_key(const char *state, const char *key, const char *kit,
        uint8_t ret[static HPKE_PRIVATE_BYTES], struct err *e) MUST_USE;
/* The public half in <state>/recorder/NAME.pub. */
int cli_wrap_public(const char *state, const char *name, uint8_t ret[static HPKE_PUBLIC_BYTES],
        struct err *e) MUST_USE;

#endif
