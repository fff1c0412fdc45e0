/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first start: the site's certification authority, the recorder's keys, born where they are
 * used, this host's nodes (manager and recorder), and the recovery kit. Each piece is made once and
 * never again; a start that was interrupted goes on where it stopped. A node's certificate that ran
 * out while the host was off is the one thing that is made anew: with both expired, neither porter
 * could ask the other for a new one. Not where the site has taken the node back, or given its name
 * to another host.
 */
#ifndef CUSTOS_RUN_SETUP_H
#define CUSTOS_RUN_SETUP_H

#include "base/err.h"
#include "trust/site_ca.h"

struct setup_options {
        const char *state;
        const char *site;         /* name */
        bool in_tpm;              /* the issuers' keys of a site that is made */
        const char *recovery_kit; /* file for the kit; NULL: the terminal, or where there is none
                                     <state>/recovery-kit.txt */
        unsigned node_days;       /* life of this host's nodes' certificates */
        unsigned web_days;        /* of its page's */
};

/* *ret_ca is the caller's. Prints the kit, or where it lies, when it was made. */
int setup_site(const struct setup_options *o, struct site_ca **ret_ca, struct err *e) MUST_USE;
/* This host's nodes alone, of a site that there is: o->state and node_days count. */
int setup_nodes(const struct setup_options *o, struct err *e) MUST_USE;

#endif
