/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's porter (docs/spec/link.md section 7), and the peers that it hands over: its
 * manager, and gateways, links to whoever watches (parent_media.h). The list of revoked nodes,
 * which the manager sends, goes to the porter, the sealer and the workers.
 *
 * A gateway gets nothing without a grant that worker and sealer check (porter_link.h says what a
 * captured porter may claim).
 */
#ifndef CUSTOS_RECORDER_PARENT_PORTER_H
#define CUSTOS_RECORDER_PARENT_PORTER_H

#include "recorder/parent.h"

struct parent_porter; /* owned */

struct parent_porter *parent_porter_new(struct parent *p);
struct parent_porter *parent_porter_free(struct parent_porter *o);
/* The channel to a new porter; takes fd. Its peers come anew. */
void parent_porter_attach(struct parent_porter *o, int fd);
/* link.revoked: to the porter too. body is borrowed. */
void parent_porter_on_revoked(struct parent_porter *o, json_t *body);

/* links.get (parent_status.c). */
int parent_porter_links(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
/* link.listen: whether the porter's port is for other hosts; answers the port. */
int parent_porter_listen(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;

#endif
