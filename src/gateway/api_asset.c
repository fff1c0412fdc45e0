/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/api_asset.h"

#include <string.h>

#include "base/str.h"
#include "gateway/api_parts.h"

#define ASSET_INDEX "/index.html"
/* What Vite puts there has the hash of its content in its name. */
#define ASSET_HASHED "/assets/"

static const struct api_asset *asset_find(const char *path)
{
        for (unsigned i = 0; i < api_assets_n; i++) {
                if (strcmp(api_assets[i].path, path) == 0)
                        return &api_assets[i];
        }
        return NULL;
}

static bool asset_is_page(const char *path)
{
        for (const char *const *p = api_pages; *p; p++) {
                size_t n = strlen(*p);
                bool names = n > 1 && (*p)[n - 1] == '/';
                if (names ? strncmp(path, *p, n) == 0 && path[n] && !strchr(path + n, '/')
                          : strcmp(path, *p) == 0)
                        return true;
        }
        return false;
}

/* RFC 9110 section 12.5.3; a browser that says "gzip;q=0" is none. */
static bool asset_packed(const struct api_request *q, const struct api_asset *a)
{
        const char *accepted = http_exchange_header(q->x, "accept-encoding");

        return a->packed && accepted && strstr(accepted, "gzip") && !strstr(accepted, "gzip;q=0");
}

bool api_asset_answer(struct api_request *q, const char *path)
{
        const struct api_asset *a = asset_find(asset_is_page(path) ? ASSET_INDEX : path);
        const char *known = http_exchange_header(q->x, "if-none-match");

        if (!a || path[0] != '/')
                return false;
        bool packed = asset_packed(q, a), same = known && strcmp(known, a->etag) == 0;
        bool hashed = strncmp(a->path, ASSET_HASHED, strlen(ASSET_HASHED)) == 0;
        const char *headers[] = { "cache-control",
                hashed ? "public, max-age=31536000, immutable" : "no-cache", "etag", a->etag,
                "vary", "accept-encoding", packed && !same ? "content-encoding" : NULL, "gzip",
                NULL };
        struct bytes body = packed ? BYTES(a->packed, a->packed_n) : BYTES(a->bytes, a->n);

        api_answer_bytes(
                q, same ? 304 : 200, same ? NULL : a->type, headers, same ? BYTES(NULL, 0) : body);
        return true;
}

struct bytes api_asset_openapi(void)
{
        const struct api_asset *a = asset_find("openapi.json");

        return a ? BYTES(a->bytes, a->n) : BYTES(NULL, 0);
}
