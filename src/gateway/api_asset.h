/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are built in (tools/build_web.py): the page, and the API's description. */
#ifndef CUSTOS_GATEWAY_API_ASSET_H
#define CUSTOS_GATEWAY_API_ASSET_H

#include <stddef.h>

struct api_asset {
        const char *path; /* "/assets/main-4f1c.js"; what no path leads to has no slash */
        const char *type; /* media type */
        const unsigned char *bytes;
        size_t n;
        const unsigned char *packed; /* the same as gzip; NULL where that saves nothing */
        size_t packed_n;
        const char *etag; /* of its content, in quotes */
};

extern const struct api_asset api_assets[];
extern const unsigned api_assets_n;

/*
 * Paths of the page's own (web/src/pages.json), NULL at the end: "/cameras", and "/camera/" with
 * one name behind it. Each is answered with "/index.html".
 */
extern const char *const api_pages[];

#endif
