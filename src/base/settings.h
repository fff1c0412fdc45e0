/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings: one table of names, units, defaults, ranges and texts, from which the INI reader
 * (os/config), --help, the commented example file and the documentation come. A setting is added by
 * one line of the enum and one of the table.
 *
 * Pure: text in, values out. Reading files is os/config's. No secrets are settings, a secret is a
 * file; and no paths but those of files that somebody else writes: a path is an argument.
 */
#ifndef CUSTOS_BASE_SETTINGS_H
#define CUSTOS_BASE_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"

enum settings_key {
        SETTINGS_SITE_NAME,
        SETTINGS_KEY_STORE, /* "file", "tpm2": by number 0, 1 */
        SETTINGS_WORKERS, /* 0: one per core */
        SETTINGS_FRAGMENT_MS,
        SETTINGS_SEGMENT_S,
        SETTINGS_PACE_MS,
        SETTINGS_CHUNK_MEMORY_MB,
        SETTINGS_CONNECT_TIMEOUT_MS,
        SETTINGS_IDLE_TIMEOUT_MS,
        SETTINGS_BACKOFF_MAX_MS,
        SETTINGS_CAMERA_NETWORKS, /* a network_list of base/network.h; empty: all */
        SETTINGS_UDP_PORT_FIRST,  /* 0: any */
        SETTINGS_UDP_PORT_LAST,
        SETTINGS_CAMERA_MBIT_MAX,
        SETTINGS_SYNC_MS,
        SETTINGS_QUEUE_MEMORY_MB,
        SETTINGS_VOLUME_PATIENCE_MS,
        SETTINGS_RESERVE_MB,
        SETTINGS_SCRUB_MB_S,   /* 0: none */
        SETTINGS_LINK_ADDRESS, /* an address of base/network.h; empty: all */
        SETTINGS_MANAGER_PORT, /* 0: any */
        SETTINGS_RECORDER_PORT,
        SETTINGS_REKEY_SECONDS,
        SETTINGS_NODE_DAYS,
        SETTINGS_HTTPS_PORT,    /* 0: any */
        SETTINGS_HTTPS_ADDRESS, /* an address of base/network.h; empty: all */
        SETTINGS_SESSION_HOURS,
        SETTINGS_SESSION_IDLE_MINUTES,
        SETTINGS_WEB_DAYS,
        SETTINGS_WEB_CERTIFICATE, /* a file's path, or empty; with SETTINGS_WEB_KEY */
        SETTINGS_WEB_KEY,
        SETTINGS_TRANSCODERS, /* 0: none */
        SETTINGS_LOG_LEVEL,   /* an enum log_level */
        SETTINGS_COUNT
};

#define SETTINGS_TEXT_ROOM 192
#define SETTINGS_NAME_MAX 40 /* a site's name, as in its certificates */

struct settings {
        struct {
                uint64_t number;
                char text[SETTINGS_TEXT_ROOM];
        } values[SETTINGS_COUNT];
};

void settings_defaults(struct settings *s);
/* The value of a number or of a choice (its place among the choices). */
uint64_t settings_get(const struct settings *s, enum settings_key key);
/* The value of a text, or the word of a choice. Borrowed from s, or static. */
const char *settings_text(const struct settings *s, enum settings_key key);

/* The key of `name` in [section]; unknown ones are ERR_INVALID, naming the nearest known one. */
int settings_find(
        const char *section, const char *name, enum settings_key *ret, struct err *e) MUST_USE;
/* Sets it from text: "fragment_ms = 5000 is outside 200..2000 (milliseconds)". */
int settings_set(
        struct settings *s, enum settings_key key, const char *text, struct err *e) MUST_USE;

/* An INI file with every setting, explained and commented out. */
int settings_print_example(struct buf *to, struct err *e) MUST_USE;
/* A Markdown table per section. */
int settings_print_markdown(struct buf *to, struct err *e) MUST_USE;
/* For --help, in 100 columns. */
int settings_print_help(struct buf *to, struct err *e) MUST_USE;

#endif
