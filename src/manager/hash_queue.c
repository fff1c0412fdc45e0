/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/hash_queue.h"

#include <stdio.h>
#include <stdlib.h>

struct hash_queue_one {
        uv_work_t work;
        struct hash_queue *queue; /* NULL: it was freed meanwhile */
        struct hash_queue_one *next;
        bool compare;
        struct secret password, fresh;
        char kept[PASSWORD_ROOM];
        hash_queue_then then;
        void *context;
        struct hash_queue_result result;
};

struct hash_queue {
        struct loop *loop;
        void *owner;
        struct hash_queue_one *running[HASH_QUEUE_AT_ONCE];
        struct hash_queue_one *first, *last; /* that wait */
        unsigned waiting_n;
};

/* Made by nobody's password: what nobody's name is compared with costs what others do. */
static const char hash_queue_nobody[] = "$argon2id$v=19$m=65536,t=3,p=1$"
                                        "AAAAAAAAAAAAAAAAAAAAAA$"
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* In the pool. */
static void hash_queue_work(uv_work_t *work)
{
        struct hash_queue_one *o = work->data;
        struct hash_queue_result *result = &o->result;
        const struct secret *make = &o->fresh;
        int r = 0;

        if (o->compare) {
                r = password_verify(o->kept[0] ? o->kept : hash_queue_nobody,
                        secret_bytes(&o->password), &result->why);
                result->same = r == 1 && o->kept[0];
                if (result->same && make->n == 0 && !password_is_current(o->kept))
                        make = &o->password;
        }
        if (r >= 0 && make->n && (result->same || !o->compare))
                r = password_hash(secret_bytes(make), result->made, &result->why);
        if (r >= 0)
                result->why.code = 0;
}

static void hash_queue_start(struct hash_queue *q);

static void hash_queue_free_one(struct hash_queue_one *o)
{
        explicit_bzero(o, sizeof *o);
        free(o);
}

static void hash_queue_done(uv_work_t *work, int status)
{
        struct hash_queue_one *o = work->data;
        struct hash_queue *q = o->queue;

        secret_done(&o->password);
        secret_done(&o->fresh);
        if (!q) {
                hash_queue_free_one(o);
                return;
        }
        if (status < 0)
                err_set(&o->result.why, ERR_CANCELLED, "it was not hashed: %s",
                        uv_strerror(status));
        for (unsigned i = 0; i < HASH_QUEUE_AT_ONCE; i++) {
                if (q->running[i] == o)
                        q->running[i] = NULL;
        }
        hash_queue_start(q);
        o->then(q->owner, o->context, &o->result);
        hash_queue_free_one(o);
}

static void hash_queue_start(struct hash_queue *q)
{
        for (unsigned i = 0; i < HASH_QUEUE_AT_ONCE && q->first; i++) {
                struct hash_queue_one *o = q->first;
                if (q->running[i])
                        continue;
                q->first = o->next;
                if (!q->first)
                        q->last = NULL;
                q->waiting_n--;
                q->running[i] = o;
                o->work.data = o;
                uv_queue_work(loop_uv(q->loop), &o->work, hash_queue_work, hash_queue_done);
        }
}

struct hash_queue *hash_queue_new(struct loop *l, void *owner)
{
        struct hash_queue *q = xcalloc(1, sizeof *q);

        q->loop = l;
        q->owner = owner;
        return q;
}

struct hash_queue *hash_queue_free(struct hash_queue *q, void (*free_context)(void *context))
{
        if (!q)
                return NULL;
        for (unsigned i = 0; i < HASH_QUEUE_AT_ONCE; i++) {
                if (!q->running[i])
                        continue;
                free_context(q->running[i]->context);
                q->running[i]->queue = NULL; /* ends with the pool, loop_free at the latest */
        }
        while (q->first) {
                struct hash_queue_one *o = q->first;
                q->first = o->next;
                free_context(o->context);
                hash_queue_free_one(o);
        }
        free(q);
        return NULL;
}

int hash_queue_add(struct hash_queue *q, struct hash_queue_job *job, struct err *e)
{
        struct hash_queue_one *o;
        int r = 0;

        if (q->waiting_n >= HASH_QUEUE_WAITING) {
                r = err_fault(e, ERR_UNAVAILABLE, FAULT_SIGN_IN_BUSY,
                        "too many people sign in at this moment");
        } else {
                o = xcalloc(1, sizeof *o);
                o->queue = q;
                o->compare = job->compare;
                o->password = job->password;
                o->fresh = job->fresh;
                snprintf(o->kept, sizeof o->kept, "%s", job->kept ? job->kept : "");
                o->then = job->then;
                o->context = job->context;
                *(q->last ? &q->last->next : &q->first) = o;
                q->last = o;
                q->waiting_n++;
                hash_queue_start(q);
        }
        secret_done(&job->password);
        secret_done(&job->fresh);
        return r;
}
