/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the sandbox only: some of its calls bind one thread, so they are for a process that has
 * one. */
#ifndef CUSTOS_OS_SANDBOX_THREADS_H
#define CUSTOS_OS_SANDBOX_THREADS_H

#include "base/err.h"

/* ERR_STATE, naming `what`, when there is more than one thread. */
int sandbox_one_thread(const char *what, struct err *e) MUST_USE;

#endif
