/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a configuration file: INI by library inih, names and values by base/settings. Strict: an
 * unknown or repeated setting, a broken line or one that is too long fails, naming file and line,
 * so that a misspelt setting is never silently the default. What a setting means is not known here.
 */
#ifndef CUSTOS_OS_CONFIG_H
#define CUSTOS_OS_CONFIG_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/settings.h"

#define CONFIG_FILE_MAX (64u << 10)

/* Lays the file's settings over those in s, which stays as it was on failure. */
int config_read(const char *path, struct settings *s, struct err *e) MUST_USE;
/* The same from text; `name` stands for it in errors: "config line 12: fragment_ms = 5000 is
 * outside ...". */
int config_parse(struct bytes text, const char *name, struct settings *s, struct err *e) MUST_USE;

#endif
