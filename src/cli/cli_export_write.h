/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan to clear exports: keys, decryption, files. A file appears under its name only
 * when it is whole, on the disk, and was verified again; none is ever overwritten. Where segments
 * cannot be one film, another file begins.
 */
#ifndef CUSTOS_CLI_CLI_EXPORT_WRITE_H
#define CUSTOS_CLI_CLI_EXPORT_WRITE_H

#include "cli/cli_export_find.h"
#include "crypto/hpke.h"
#include "seal/verdict.h"

#define CLI_EXPORT_FILES_MAX 64

struct cli_export_file {
        char *path; /* owned */
        uint64_t bytes;
        struct verdict verdict;
};

struct cli_export_files {
        unsigned n;
        struct cli_export_file files[CLI_EXPORT_FILES_MAX];
};

struct cli_export_order {
        const struct vault_set *set;
        const char *output;
        bool skip_damaged; /* holes and faults in the finished file are told by its verdict and do
                              not stop it */
        const uint8_t *private_key; /* HPKE_PRIVATE_BYTES */
        void (*on_progress)(void *owner, uint64_t done, uint64_t total);
        void *owner;
};

/* plan: settled; its segments get their keys. */
int cli_export_write(const struct cli_export_order *o, struct export_plan *plan,
        struct cli_export_files *ret, struct err *e) MUST_USE;
void cli_export_files_done(struct cli_export_files *f);

#endif
