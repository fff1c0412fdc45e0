/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of custos doctor: each control of the threat model that can be seen from outside of
 * the processes that it confines, as one row. A check looks and says; it mends nothing. What cannot
 * be seen (nobody answers, no right to look) is unknown, never passed.
 *
 * Files and processes are looked at by paths given here, so that tests have trees of their own; the
 * running system's answers are given too, NULL where it did not answer. Nothing of it is printed
 * here.
 */
#ifndef CUSTOS_CLI_DOCTOR_H
#define CUSTOS_CLI_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "base/own.h"

#define DOCTOR_TEXT_ROOM 600
#define DOCTOR_REMEDY_ROOM 300

/* By weight: the heaviest that a check found is its row's. */
enum doctor_verdict {
        DOCTOR_PASS,
        DOCTOR_NOTE, /* as it is meant to be; somebody should know it */
        DOCTOR_UNKNOWN,
        DOCTOR_FAIL
};

struct doctor {
        const char *state; /* directory */
        const char *proc;  /* "/proc" */
        /* Answers of the running system, borrowed; NULL: none. status: as cli_status_fetch;
         * storage: an object of cli_storage_fetch's answers by recorder. */
        const json_t *status, *storage;
        const json_t *certificates; /* a list, as cli_certificate_fetch_watch */
};

struct doctor_finding {
        const char *name;
        enum doctor_verdict verdict;
        char text[DOCTOR_TEXT_ROOM];     /* the first of those that weigh most; never empty */
        char remedy[DOCTOR_REMEDY_ROOM]; /* "" where nothing is to be done */
        unsigned more;                   /* others of the same weight */
};

/* The rows of the table. */
unsigned doctor_checks(void);
/* Runs one of them, 0 to doctor_checks() - 1, in this order: the last one gives up the
 * capabilities of this process, so that it sees what others of its user would. */
void doctor_check(const struct doctor *d, unsigned n, struct doctor_finding *ret);
/* "pass", "note", "unknown", "fail". */
const char *doctor_verdict_name(enum doctor_verdict v);

/* For the checks. What a pass says; replaced by whatever weighs more. */
void doctor_pass(struct doctor_finding *f, const char *fmt, ...) PRINTF(2, 3);
void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *remedy,
        const char *fmt, ...) PRINTF(4, 5);

#endif
