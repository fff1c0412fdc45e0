/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the manager does when it is asked (docs/spec/link.md section 2), and what it tells the
 * recorder: the inventory, the memory of what cameras were seen with, the site's roots.
 */
#ifndef CUSTOS_MANAGER_REQUESTS_H
#define CUSTOS_MANAGER_REQUESTS_H

#include "base/err.h"
#include "os/loop.h"

struct requests;

/* Opens <state>/site (the CA), site.sqlite, tls-memory.json, and listens on control.sock (people)
 * and recorder.sock. */
int requests_open(struct loop *l, const char *state, struct requests **ret, struct err *e) MUST_USE;
struct requests *requests_free(struct requests *r);

#endif
