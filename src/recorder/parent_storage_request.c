/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the manager asks about volumes: storage.add, storage.set, storage.retire. */
#include <stdlib.h>

#include "recorder/parent.h"
#include "recorder/parent_storage.h"

struct parent_storage_request {
        struct parent *parent;
        struct parent_status_ticket ticket;
};

static void parent_storage_request_done(void *owner, int result, const struct err *e)
{
        struct parent_storage_request *q = owner;

        parent_status_answer(q->parent, &q->ticket, NULL, result < 0 ? e : NULL);
        free(q);
}

int parent_storage_request_add(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *name, *path;
        int weight = 100, stale = 0;
        json_error_t why;

        (void)ret;
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:i, s?:b}", "name", &name, "path",
                    &path, "weight", &weight, "stale", &stale) < 0)
                return err_set(e, ERR_INVALID, "storage.add: %s", why.text);
        if (weight < 1)
                return err_set(e, ERR_INVALID, "storage.add: weight is 1 to 1000");
        struct parent_storage_request *q = xcalloc(1, sizeof *q);
        q->parent = p;
        q->ticket = parent_status_ticket(p);
        parent_storage_add(p->storage, name, path, (unsigned)weight, stale != 0,
                parent_storage_request_done, q);
        return PARENT_STATUS_LATER;
}

int parent_storage_request_set(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *name;
        int weight;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s:s, s:i}", "name", &name, "weight", &weight) < 0)
                return err_set(e, ERR_INVALID, "storage.set: %s", why.text);
        int r = parent_storage_set(p->storage, name, weight < 0 ? 0 : (unsigned)weight, e);
        if (r == 0)
                *ret = json_object();
        return r;
}

int parent_storage_request_retire(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "storage.retire: %s", why.text);
        int r = parent_storage_retire(p->storage, name, e);
        if (r == 0)
                *ret = json_object();
        return r;
}
