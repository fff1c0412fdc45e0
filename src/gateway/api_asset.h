/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are built in (tools/embed.py): the page, and the API's description. */
#ifndef CUSTOS_GATEWAY_API_ASSET_H
#define CUSTOS_GATEWAY_API_ASSET_H

#include <stddef.h>

struct api_asset {
        const char *name; /* "custos.js" */
        const unsigned char *bytes;
        size_t n;
        const char *etag; /* of its content, in quotes */
};

extern const struct api_asset api_assets[];
extern const unsigned api_assets_n;

#endif
