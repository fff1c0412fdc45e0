/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which OpenSSL this program runs with, for people. */
#ifndef CUSTOS_CRYPTO_LIBRARY_H
#define CUSTOS_CRYPTO_LIBRARY_H

const char *library_version(void); /* "OpenSSL 3.0.22 ..." */

#endif
