/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "os/file.h"
#include "trust/site_history.h"

struct parent_history {
        char path[4200];
        struct site_history_known known;
        bool followed; /* the manager of the link there is */
};

static int parent_history_load(struct parent_history *h, struct err *e)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, SITE_HISTORY_FILE_MAX);
        if (!file_exists(h->path))
                return 0;
        int r = file_read(h->path, SITE_HISTORY_FILE_MAX, &text, e);
        if (r == 0)
                r = site_history_known_parse(buf_bytes(&text), &h->known, e);
        return r < 0 ? err_wrap(e, r, "%s", h->path) : 0;
}

int parent_history_open(const char *state, struct parent_history **ret, struct err *e)
{
        struct parent_history *h = xcalloc(1, sizeof *h);

        snprintf(h->path, sizeof h->path, "%.4000s/storage/manager", state);
        int r = parent_history_load(h, e);
        if (r < 0) {
                parent_history_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct parent_history *parent_history_free(struct parent_history *h)
{
        free(h);
        return NULL;
}

void parent_history_new_link(struct parent_history *h)
{
        h->followed = !h->known.any;
}

static int parent_history_save(
        const struct parent_history *h, const struct site_history_known *k, struct err *e)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, SITE_HISTORY_FILE_MAX);
        int r = site_history_known_format(k, &text, e);
        return r < 0 ? r : file_write_atomic(h->path, buf_bytes(&text), 0600, e);
}

int parent_history_on_offer(
        struct parent_history *h, const json_t *body, json_t **ret, struct err *e)
{
        CLEANUP(own_freep) struct site_history *offer = xcalloc(1, sizeof *offer);
        struct site_history_known next = h->known;

        int r = site_history_parse(body, offer, e);
        if (r < 0)
                return r;
        h->followed = site_history_follows(&h->known, offer);
        if (!h->followed) {
                log_error(NULL, "manager.not_followed",
                        "effect=\"it changes nothing here; recording goes on\"");
                return parent_history_allows(h, "", e);
        }
        site_history_take(&next, offer);
        if (memcmp(&next, &h->known, sizeof next) != 0) {
                r = parent_history_save(h, &next, e);
                if (r < 0)
                        return r;
                h->known = next;
        }
        *ret = json_object();
        return 0;
}

bool parent_history_followed(const struct parent_history *h)
{
        return !h || h->followed;
}

int parent_history_allows(const struct parent_history *h, const char *type, struct err *e)
{
        static const char *const looks[] = { "status.get", "storage.get", "storage.damage",
                "lock.list", "links.get" };

        for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
                if (strcmp(type, looks[i]) == 0)
                        return 0;
        }
        if (parent_history_followed(h))
                return 0;
        return err_fault(e, ERR_DENIED, FAULT_OTHER_MANAGER,
                "this recorder followed another copy of the manager's state since");
}
