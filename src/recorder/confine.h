/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder's processes into their sandbox, with what the kernel could not give in the log. */
#ifndef CUSTOS_RECORDER_CONFINE_H
#define CUSTOS_RECORDER_CONFINE_H

#include "os/role.h"

int confine_role(enum sandbox_role role, const struct sandbox_path *paths, unsigned n,
        struct err *e) MUST_USE;
/* Logs, and returns the exit status of a role that could not start. */
int confine_failed(const struct err *e);

#endif
