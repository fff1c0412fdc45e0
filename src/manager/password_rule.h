/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is no password (NIST SP 800-63B section 5.1.1.2: length, and what attackers try first; no
 * rules of composition): fewer than 12 characters or more than 256 bytes; the person's name or the
 * site's in it; and what is made of common words, years, repeats and rows of letters, digits or
 * keys, and of little else. Digits and signs that stand for letters count as those (p4ssw0rd).
 * Pure.
 */
#ifndef CUSTOS_MANAGER_PASSWORD_RULE_H
#define CUSTOS_MANAGER_PASSWORD_RULE_H

#include "base/bytes.h"
#include "base/err.h"

#define PASSWORD_RULE_CHARACTERS 12
#define PASSWORD_RULE_BYTES 256

/* ERR_INVALID, weak-password: says what is wrong with it, and never repeats it. */
int password_rule_check(
        struct bytes password, const char *person, const char *site, struct err *e) MUST_USE;

#endif
