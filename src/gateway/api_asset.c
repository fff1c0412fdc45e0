/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/api_asset.h"

#include <string.h>

#include "gateway/api_parts.h"

static const struct {
        const char *path, *name, *type;
} asset_paths[] = { { "/", "index.html", "text/html; charset=utf-8" },
        { "/custos.css", "custos.css", "text/css; charset=utf-8" },
        { "/icon.svg", "icon.svg", "image/svg+xml" },
        { "/custos.js", "custos.js", "text/javascript; charset=utf-8" } };

static const struct api_asset *asset_find(const char *name)
{
        for (unsigned i = 0; i < api_assets_n; i++) {
                if (strcmp(api_assets[i].name, name) == 0)
                        return &api_assets[i];
        }
        return NULL;
}

bool api_asset_answer(struct api_request *q, const char *path)
{
        const char *known = http_exchange_header(q->x, "if-none-match");

        for (size_t i = 0; i < ARRAY_LEN(asset_paths); i++) {
                const struct api_asset *a = strcmp(asset_paths[i].path, path) == 0
                                                    ? asset_find(asset_paths[i].name)
                                                    : NULL;
                if (!a)
                        continue;
                const char *headers[] = { "cache-control", "no-cache", "etag", a->etag, NULL };
                bool same = known && strcmp(known, a->etag) == 0;
                api_answer_bytes(q, same ? 304 : 200, same ? NULL : asset_paths[i].type, headers,
                        same ? BYTES(NULL, 0) : BYTES(a->bytes, a->n));
                return true;
        }
        return false;
}

struct bytes api_asset_openapi(void)
{
        const struct api_asset *a = asset_find("openapi.json");

        return a ? BYTES(a->bytes, a->n) : BYTES(NULL, 0);
}
