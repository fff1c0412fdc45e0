/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parent carries of grants (docs/design/grants.md): it judges none of it. Sealer and
 * workers do, each by itself.
 */
#ifndef CUSTOS_RECORDER_PARENT_GRANTS_H
#define CUSTOS_RECORDER_PARENT_GRANTS_H

#include "recorder/parent.h"

/* Event link.revoked of the manager: the list goes to all who judge grants by it. Those that begin
 * later read it from the recorder's directory. */
void parent_grants_on_revoked(struct parent *p, const json_t *body);

#endif
