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
#ifndef CUSTOS_DOCTOR_DOCTOR_H
#define CUSTOS_DOCTOR_DOCTOR_H

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
        /* What the manager knows or was answered, borrowed; NULL: not known. For checks of the site
         * alone. */
        const json_t *recorders;    /* [{ name, state, since, status: { streams } or null }] */
        const json_t *storage;      /* by recorder: { volumes } */
        const json_t *certificates; /* as of the certificate watch */
        const json_t *keys;   /* { store: "file" or "tpm2", error: "" or why nothing is signed } */
        const json_t *people; /* { administrators, people, code: null or { until, remote } } */
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
/* It is about the site, and the manager's to say (message doctor.run); the others are about this
 * host. */
bool doctor_is_of_site(unsigned n);
/* Runs one of them, 0 to doctor_checks() - 1, in this order: the last one gives up the
 * capabilities of this process, so that it sees what others of its user would. */
void doctor_check(const struct doctor *d, unsigned n, struct doctor_finding *ret);
/* "pass", "note", "unknown", "fail". */
const char *doctor_verdict_name(enum doctor_verdict v);

/* { check, verdict, text, remedy, more }; the caller's. */
json_t *doctor_json(const struct doctor_finding *f);
/* The verdict of a list of these: "pass", "unknown", "fail". */
const char *doctor_sum(const json_t *checks);
/* The row of check n as the manager said it; unknown where that is not in the list (may be NULL).
 */
void doctor_take(const json_t *checks, unsigned n, struct doctor_finding *ret);

/* For the checks. What a pass says; replaced by whatever weighs more. */
void doctor_pass(struct doctor_finding *f, const char *fmt, ...) PRINTF(2, 3);
void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *remedy,
        const char *fmt, ...) PRINTF(4, 5);

#endif
