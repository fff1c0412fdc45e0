/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The input as a challenge, whose answer must not break out of its header line, and as an answer,
 * which must not be taken. */
#include <stdlib.h>

#include "proto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct digest_client c;
        struct digest_server s;
        struct secret password = { 0 };
        struct bytes value = BYTES(data, n);
        char to[DIGEST_ANSWER_ROOM];
        bool stale;

        if (secret_set(&password, bytes_str("a long password that nobody guesses"), NULL) < 0)
                abort();
        digest_client_init(&c, true);
        if (digest_client_challenge(&c, &value, 1, NULL) == 0 &&
                digest_client_answer(
                        &c, "PLAY", "rtsps://h/", "admin", &password, "00ff", to, NULL) == 0)
                for (const char *p = to; *p; p++)
                        if ((unsigned char)*p < ' ' && *p != '\t')
                                abort();
        if (digest_server_init(&s, "custos", "n0nce", true, NULL) < 0)
                abort();
        if (digest_server_check(&s, value, bytes_str("PLAY"), bytes_str("rtsps://h/"), "admin",
                    &password, &stale, NULL) == 0)
                abort();
        secret_done(&password);
        return 0;
}
