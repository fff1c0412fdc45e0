/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the matrix of every connection (docs/spec/link.md section 2, security.links), from what
 * porters and recorders say. They may have been captured: what is missing or of another kind is
 * left empty, and never makes a row look better. Pure.
 */
#ifndef CUSTOS_MANAGER_LINK_MATRIX_H
#define CUSTOS_MANAGER_LINK_MATRIX_H

#include <jansson.h>
#include <stdint.h>

/* Appends a row to `to` for each of an answer to porter.links or links.get; self: whose porter. */
void link_matrix_add_links(json_t *to, const json_t *answer, const char *self, int64_t now_us);
/* The same for each stream of an answer to status.get: a recorder's connection with a camera. */
void link_matrix_add_streams(json_t *to, const json_t *answer, const char *self, int64_t now_us);

#endif
