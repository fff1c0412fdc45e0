/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The protocol fixtures beside the checkout (shared/fixtures/protocol), for tests whose rows say
 * what a reader of the file expects of it. Every file has a row: fixtures_all_named fails for one
 * without. Include fixtures.c in the test file, behind cmocka.h's own needs.
 */
#ifndef CUSTOS_TEST_FIXTURES_H
#define CUSTOS_TEST_FIXTURES_H

#include "base/bytes.h"

/* Skips the test, saying so, where the fixtures are not there. */
void fixtures_or_skip(void);
/* The file, below the fixtures; a NUL is put behind it. */
struct bytes fixtures_load(const char *file, uint8_t *to, size_t room);
/* Each file of the folder (not of those below it), or of those in it that belong, is named by a
 * row, and there are so many. */
void fixtures_all_named(const char *folder, bool (*belongs)(const char *name),
        const char *const *rows, size_t n, unsigned expected);

#endif
