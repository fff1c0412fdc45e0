/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may watch a stream, by the worker's own judgement: nothing begins without a grant, and
 * nothing goes on behind its end. */
#include "grant_site.h"

#include "recorder/worker_watch.h"

static struct grant_trust *trust;

static int set_up(void **state)
{
        grant_set_up(state);
        assert_int_equal(grant_trust_read(grant_state, &trust, NULL), 0);
        return 0;
}

static int tear_down(void **state)
{
        trust = grant_trust_free(trust);
        return grant_tear_down(state);
}

static int granted_at(struct worker_watch *w, uint32_t watch, const struct capability *c,
        int64_t now_us, struct worker_watch_grant **ret, struct err *e)
{
        struct buf token = grant_token(c);

        int r = worker_watch_granted(w, trust, watch, buf_bytes(&token), now_us, ret, e);
        buf_done(&token);
        return r;
}

static struct {
        unsigned n;
        uint32_t watch;
        enum fault fault;
} ended;

static void on_ended(void *owner, const struct worker_watch_grant *g, const struct err *why)
{
        assert_ptr_equal(owner, &ended);
        ended.n++;
        ended.watch = g->watch;
        ended.fault = why->fault;
}

static void judge(struct worker_watch *w, int64_t now_us)
{
        memset(&ended, 0, sizeof ended);
        worker_watch_judge(w, trust, now_us, on_ended, &ended);
}

static void from_its_grant_to_its_end(void **state)
{
        struct capability c = grant_of(1, 7, 60);
        struct worker_watch w;
        struct worker_watch_grant *g = NULL, *again = NULL;
        struct err e;

        (void)state;
        worker_watch_init(&w, "lobby-main");
        assert_int_equal(w.n, 0);
        assert_null(worker_watch_find(&w, 5));
        assert_int_equal(granted_at(&w, 5, &c, grant_now, &g, &e), 1);
        assert_int_equal(w.n, 1);
        assert_ptr_equal(worker_watch_find(&w, 5), g);
        assert_memory_equal(g->session, c.session, sizeof c.session);
        assert_memory_equal(g->id, c.id, sizeof c.id);
        assert_string_equal(g->gateway, c.gateway);
        assert_int_equal(g->until_us, c.expires_us + 30 * SECOND);
        assert_true(worker_watch_living(g, g->until_us - 1));
        assert_false(worker_watch_living(g, g->until_us));
        /* The same grant again, or an earlier one, changes nothing; a later one moves the end, and
         * the key stays bound to the first. */
        assert_int_equal(granted_at(&w, 5, &c, grant_now, &again, &e), 0);
        struct capability early = grant_of(2, 7, 10), late = grant_of(3, 7, 300);
        assert_int_equal(granted_at(&w, 5, &early, grant_now, &again, &e), 0);
        assert_int_equal(g->until_us, c.expires_us + 30 * SECOND);
        assert_int_equal(granted_at(&w, 5, &late, grant_now, &again, &e), 0);
        assert_int_equal(g->until_us, late.expires_us + 30 * SECOND);
        assert_ptr_equal(again, g);
        assert_memory_equal(g->id, c.id, sizeof c.id);
        assert_int_equal(w.n, 1);
        judge(&w, g->until_us - 1);
        assert_int_equal(ended.n, 0);
        judge(&w, late.expires_us + 30 * SECOND);
        assert_int_equal(ended.n, 1);
        assert_int_equal(ended.watch, 5);
        assert_int_equal(ended.fault, FAULT_GRANT_EXPIRED);
        assert_int_equal(w.n, 0);
        assert_null(worker_watch_find(&w, 5));
        /* Replayed behind its end. */
        assert_int_equal(granted_at(&w, 5, &c, c.expires_us + 31 * SECOND, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_GRANT_EXPIRED);
        assert_int_equal(w.n, 0);
        worker_watch_done(&w);
}

static void what_is_not_taken(void **state)
{
        struct capability c = grant_of(1, 7, 60);
        struct worker_watch w, other;
        struct worker_watch_grant *g;
        struct err e;

        (void)state;
        worker_watch_init(&w, "lobby-main");
        worker_watch_init(&other, "yard-main");
        assert_int_equal(granted_at(&other, 1, &c, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_NOT_GRANTED);
        struct capability playback = c;
        playback.use = CAPABILITY_PLAYBACK;
        playback.until_us = grant_now;
        assert_int_equal(granted_at(&w, 1, &playback, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_NOT_GRANTED);
        struct buf token = grant_token(&c);
        assert_int_equal(worker_watch_granted(&w, NULL, 1, buf_bytes(&token), grant_now, &g, &e),
                ERR_UNAVAILABLE);
        token.p[token.n / 2] ^= 1;
        assert_true(worker_watch_granted(&w, trust, 1, buf_bytes(&token), grant_now, &g, &e) < 0);
        buf_done(&token);
        assert_int_equal(w.n, 0);
        /* Of another session, or another gateway, than the one that watches. */
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), 1);
        struct capability foreign = grant_of(2, 8, 300);
        assert_int_equal(granted_at(&w, 1, &foreign, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_NOT_GRANTED);
        foreign = grant_of(2, 7, 300);
        snprintf(foreign.gateway, sizeof foreign.gateway, "custos://berlin/gateway/back");
        assert_int_equal(granted_at(&w, 1, &foreign, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(worker_watch_find(&w, 1)->until_us, c.expires_us + 30 * SECOND);
        worker_watch_done(&w);
        worker_watch_done(&other);
}

static void not_too_many(void **state)
{
        struct capability c = grant_of(1, 7, 60);
        struct worker_watch w;
        struct worker_watch_grant *g;
        struct err e;

        (void)state;
        worker_watch_init(&w, "lobby-main");
        for (uint32_t i = 1; i <= WORKER_WATCH_GRANTS_MAX; i++)
                assert_int_equal(granted_at(&w, i, &c, grant_now, &g, &e), 1);
        assert_int_equal(granted_at(&w, 99, &c, grant_now, &g, &e), ERR_EXHAUSTED);
        worker_watch_end(&w, 98); /* there is none */
        assert_int_equal(w.n, WORKER_WATCH_GRANTS_MAX);
        worker_watch_end(&w, 3);
        assert_int_equal(w.n, WORKER_WATCH_GRANTS_MAX - 1);
        assert_int_equal(granted_at(&w, 99, &c, grant_now, &g, &e), 1);
        judge(&w, g->until_us);
        assert_int_equal(ended.n, WORKER_WATCH_GRANTS_MAX);
        assert_int_equal(w.n, 0);
        worker_watch_done(&w);
}

/* Lists: only the nodes issuer's, only newer ones; a signer on it ends who watches. */
static void what_is_revoked(void **state)
{
        struct capability c = grant_of(1, 7, 60);
        struct buf none = grant_list("nodes", 4, false), hit = grant_list("nodes", 5, true),
                   old = grant_list("nodes", 3, false), foreign = grant_list("cameras", 9, true);
        struct worker_watch w;
        struct worker_watch_grant *g;
        struct err e;

        (void)state;
        worker_watch_init(&w, "lobby-main");
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), 1);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&none), &e), 0);
        judge(&w, grant_now);
        assert_int_equal(ended.n, 0);
        const unsigned version = grant_trust_version(trust);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&none), &e), 0); /* the same */
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&old), &e), ERR_STATE);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&foreign), &e), ERR_AUTH);
        assert_true(grant_trust_crls(trust, BYTES("", 0), &e) < 0);
        assert_true(grant_trust_crls(trust, bytes_str("-----BEGIN"), &e) < 0);
        hit.p[hit.n / 2] ^= 4; /* a forged one */
        assert_true(grant_trust_crls(trust, buf_bytes(&hit), &e) < 0);
        hit.p[hit.n / 2] ^= 4;
        assert_int_equal(grant_trust_version(trust), version);
        judge(&w, grant_now);
        assert_int_equal(ended.n, 0);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&hit), &e), 0);
        judge(&w, grant_now);
        assert_int_equal(ended.n, 1);
        assert_int_equal(ended.fault, FAULT_REVOKED);
        assert_int_equal(w.n, 0);
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_REVOKED);
        /* A parent that would go back to the list before. */
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&none), &e), ERR_STATE);
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), ERR_DENIED);
        /* What lies in the directory at the start counts from the start. */
        grant_put("node/recorder/nodes.crl", buf_bytes(&hit));
        trust = grant_trust_free(trust);
        assert_int_equal(grant_trust_read(grant_state, &trust, &e), 0);
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_REVOKED);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&none), &e), ERR_STATE);
        /* One that is not good there is no list at all: then nothing is trusted. */
        struct grant_trust *bad = NULL;
        grant_put("node/recorder/nodes.crl", buf_bytes(&foreign));
        assert_int_equal(grant_trust_read(grant_state, &bad, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "nodes.crl"));
        assert_null(bad);
        grant_remove("node/recorder/nodes.crl");
        /* Without the issuer's certificate no list can be judged, and none is taken. */
        grant_remove("node/recorder/node.pem");
        trust = grant_trust_free(trust);
        assert_int_equal(grant_trust_read(grant_state, &trust, &e), 0);
        assert_int_equal(grant_trust_crls(trust, buf_bytes(&hit), &e), ERR_AUTH);
        assert_int_equal(granted_at(&w, 1, &c, grant_now, &g, &e), 1);
        worker_watch_done(&w);
        buf_done(&none);
        buf_done(&hit);
        buf_done(&old);
        buf_done(&foreign);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(from_its_grant_to_its_end), cmocka_unit_test(what_is_not_taken),
                cmocka_unit_test(not_too_many),
                cmocka_unit_test(what_is_revoked), /* the last: it changes the directory */
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
