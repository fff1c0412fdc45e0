/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The role that has the people's port (docs/design/web.md): https, the API, live pictures. It holds
 * the page's key and, of footage, the keys of what somebody watches now; no node key (its
 * porter's), no CA key, no file but <state>/gateway. Who may do what is the manager's to say; what
 * a person may see, the recorder's too.
 */
#ifndef CUSTOS_GATEWAY_GATEWAY_H
#define CUSTOS_GATEWAY_GATEWAY_H

/* The process of the role; started by the supervisor. Exit status. */
int gateway_main(int argc, char **argv);

#endif
