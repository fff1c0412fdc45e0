/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/library.h"

#include <openssl/crypto.h>

const char *library_version(void)
{
        return OpenSSL_version(OPENSSL_VERSION);
}
