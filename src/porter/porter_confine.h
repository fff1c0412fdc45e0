/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The porter's process into its sandbox: from now on its node's files and the resolver's, IP
 * sockets, and channels. */
#ifndef CUSTOS_PORTER_PORTER_CONFINE_H
#define CUSTOS_PORTER_PORTER_CONFINE_H

#include "base/err.h"

/* dir: of the node's files; web: of the page's certificate, or NULL. Before there are threads. Logs
 * where the kernel has no Landlock. */
int porter_confine(const char *dir, const char *web, struct err *e) MUST_USE;

#endif
