/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a change of record terms takes something away: then it is audited. Pure. */
#ifndef CUSTOS_MANAGER_RECORD_CHANGE_H
#define CUSTOS_MANAGER_RECORD_CHANGE_H

#include "base/record_terms.h"

/* Something that was recorded before is not recorded, or is kept for less long. Of another schedule
 * it is taken for granted. */
bool record_change_reduces(const struct record_terms *before, const struct record_terms *after);

#endif
