/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A peer's messages are read from one connection and written to one, which is the same but while
 * the link moves. Whoever connected begins (this is the left side):
 *
 *     link.moving  -->              on the old connection: may the next one of this peer belong to
 * it?
 *                  <-- link.moving  it may. Only now is it made: what is asked waits behind
 * messages that the other side's role has not taken yet connects anew, with all checks; neither
 * side reads a message there yet link.moved   -->              on the old: the last message; what
 * follows goes out on the new
 *                  <-- link.moved   likewise, once that was read; now the new one is read here
 *     reads that; now the new one is read; closes the old
 *
 * So each side reads one connection to its last message before the first of the other, and no
 * message is lost or doubled. A connection that breaks in the middle ends the link.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "porter/porter_parts.h"

#define PORTER_PEER_MOVE_US INT64_C(3600000000)
#define PORTER_PEER_MOVE_AGAIN_US INT64_C(60000000)
/* For each step of a move but connecting, which has limits of its own: a role may be behind. */
#define PORTER_PEER_STEP_US INT64_C(600000000)
#define PORTER_PEER_RECORDS_MAX (1u << 24) /* under one key: RFC 8446 section 5.5 */

/* The porters' own, byte for byte; no role sends or sees them. */
static const char porter_peer_moving[] = "{\"v\":1,\"type\":\"link.moving\",\"body\":{}}";
static const char porter_peer_moved[] = "{\"v\":1,\"type\":\"link.moved\",\"body\":{}}";

enum porter_peer_move {
        PORTER_PEER_STEADY,
        PORTER_PEER_ASKING,     /* ours: link.moving was said */
        PORTER_PEER_CONNECTING, /* ours: the new connection is being made */
        PORTER_PEER_LEAVING,    /* ours: nothing is written to the old one any more */
        PORTER_PEER_EXPECTING,  /* the other side's: a connection may come */
};

struct porter_peer {
        struct porter *porter;
        struct porter_peer *next, **at;
        char uri[TLS_ROLE_URI_ROOM], role[16], name[TLS_ROLE_NAME_ROOM];
        struct porter_target *target; /* NULL: it connected to us */
        struct chan *chan;
        struct porter_conn *in, *out;
        struct porter_conn *following; /* open, and not read yet */
        enum porter_peer_move move;
        int64_t move_until_us, move_again_us; /* boot clock */
        int64_t since_us;                     /* wall clock */
        int64_t handshake_us, rekeyed_us;     /* boot clock */
        uint64_t records, handshakes;         /* records: upper bound, under the present key */
        /* of the connections before */
        uint64_t bytes_in, bytes_out, plaintext_bytes, rekeys_in, rekeys_out;
};

static bool porter_peer_is(struct bytes message, const char *text, size_t n)
{
        return message.n == n && memcmp(message.p, text, n) == 0;
}

#define PORTER_PEER_IS(m, text) porter_peer_is(m, text, sizeof(text) - 1)

/* What waits on one side stops the reading of the other. */
static void porter_peer_balance(struct porter_peer *peer)
{
        bool role_is_behind = chan_queued(peer->chan) > PORTER_QUEUE_HIGH;

        porter_conn_hold(peer->in, role_is_behind);
        if (peer->following)
                porter_conn_hold(peer->following, true);
        if (role_conn_queued(peer->out->conn) > PORTER_QUEUE_HIGH)
                chan_hold(peer->chan, true);
}

static int porter_peer_write(
        struct porter_peer *peer, bool text, struct bytes message, struct err *e)
{
        peer->records += 2 + message.n / TLS_RECORD_MAX;
        return role_conn_send(peer->out->conn, text, message, e);
}

#define PORTER_PEER_SAY(peer, text, e)                                                             \
        porter_peer_write(peer, true, BYTES(text, sizeof(text) - 1), e)

/* --- life --- */

static struct porter_peer *porter_peer_find(struct porter *p, const char *uri)
{
        for (struct porter_peer *peer = p->peers; peer; peer = peer->next) {
                if (strcmp(peer->uri, uri) == 0)
                        return peer;
        }
        return NULL;
}

static struct porter_peer *porter_peer_free(struct porter_peer *peer)
{
        chan_free(peer->chan);
        *peer->at = peer->next;
        if (peer->next)
                peer->next->at = peer->at;
        free(peer);
        return NULL;
}

/* Of the connections that it has, those that are left are closed. */
static void porter_peer_over(struct porter_peer *peer, const struct err *why)
{
        struct porter_conn *links[] = { peer->in, peer->out == peer->in ? NULL : peer->out,
                peer->following == peer->out ? NULL : peer->following };
        struct porter_target *t = peer->target;

        log_info(NULL, "link.closed", "peer=%s why=\"%s\"", peer->uri, why->text);
        for (size_t i = 0; i < ARRAY_LEN(links); i++) {
                if (links[i])
                        porter_conn_close(links[i], 1001, why->text);
        }
        porter_peer_free(peer);
        if (t)
                porter_dial_lost(t, why);
}

void porter_peer_end(struct porter_peer *peer, const char *why)
{
        struct err e;

        err_set(&e, ERR_CANCELLED, "%s", why);
        porter_peer_over(peer, &e);
}

void porter_peer_free_all(struct porter *p)
{
        while (p->peers)
                porter_peer_free(p->peers);
}

static int porter_peer_on_role(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct porter_peer *peer = owner;
        bool text = m->type == LINK_MESSAGE;

        (void)c;
        if ((!text && m->type != LINK_MEDIA) || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the role", m->type);
        if (text && (PORTER_PEER_IS(m->body, porter_peer_moving) ||
                            PORTER_PEER_IS(m->body, porter_peer_moved)))
                return err_set(e, ERR_PROTOCOL, "a message of the porters' own from the role");
        int r = porter_peer_write(peer, text, m->body, e);
        if (r < 0)
                return r;
        porter_peer_balance(peer);
        return 0;
}

static void porter_peer_on_role_end(void *owner, struct chan *c, const struct err *why)
{
        (void)c;
        porter_peer_over(owner, why);
}

static void porter_peer_on_room(void *owner, struct chan *c)
{
        (void)c;
        porter_peer_balance(owner);
}

static json_t *porter_peer_event(const struct tls_role_peer *who, const struct role_conn_state *s)
{
        char key[65], until[STR_TIME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "uri", who->uri, "role", who->role,
                "name", who->name, "key", str_hex(key, BYTES(who->key, sizeof who->key)), "address",
                s->address, "not_after", str_time(until, who->not_after_us), "accepted",
                s->accepted);
}

/* The role has its end of the channel before a message can come. */
static int porter_peer_hand_over(
        struct porter_peer *peer, const struct tls_role_peer *who, struct err *e)
{
        static const struct chan_events events = { porter_peer_on_role, porter_peer_on_role_end,
                porter_peer_on_room };
        struct role_conn_state state;
        int pair[2];

        role_conn_state(peer->in->conn, &state);
        int r = chan_pair(pair, e);
        if (r < 0)
                return r;
        peer->chan = chan_new(peer->porter->loop, pair[0], &events, peer);
        r = link_send_peer(peer->porter->role, porter_peer_event(who, &state), pair[1], e);
        close(pair[1]);
        return r;
}

static void porter_peer_begin(struct porter_conn *l, const struct tls_role_peer *who)
{
        struct porter *p = l->porter;
        struct porter_peer *peer = xcalloc(1, sizeof *peer);
        struct err e;

        *peer = (struct porter_peer){ .porter = p,
                .next = p->peers,
                .at = &p->peers,
                .target = l->target,
                .in = l,
                .out = l,
                .since_us = clock_wall_us(),
                .handshake_us = clock_boot_us(),
                .handshakes = 1 };
        peer->rekeyed_us = peer->handshake_us;
        snprintf(peer->uri, sizeof peer->uri, "%s", who->uri);
        snprintf(peer->role, sizeof peer->role, "%s", who->role);
        snprintf(peer->name, sizeof peer->name, "%s", who->name);
        if (peer->next)
                peer->next->at = &peer->next;
        p->peers = peer;
        l->peer = peer;
        l->target = NULL;
        if (peer->target)
                porter_dial_opened(peer->target, peer);
        log_info(NULL, "link.open", "peer=%s accepted=%d", peer->uri, l->accepted);
        if (porter_peer_hand_over(peer, who, &e) < 0)
                porter_peer_over(peer, &e);
}

/* --- moving --- */

static void porter_peer_count(struct porter_peer *peer, const struct porter_conn *l)
{
        struct role_conn_state s;

        role_conn_state(l->conn, &s);
        peer->bytes_in += s.bytes_in;
        peer->bytes_out += s.bytes_out;
        peer->plaintext_bytes += s.plaintext_bytes;
        peer->rekeys_in += s.rekeys_in;
        peer->rekeys_out += s.rekeys_out;
}

static void porter_peer_step(struct porter_peer *peer, enum porter_peer_move move)
{
        peer->move = move;
        peer->move_until_us = clock_boot_us() + PORTER_PEER_STEP_US;
}

static void porter_peer_start_move(struct porter_peer *peer)
{
        if (PORTER_PEER_SAY(peer, porter_peer_moving, NULL) == 0)
                porter_peer_step(peer, PORTER_PEER_ASKING);
}

void porter_peer_not_moved(struct porter_peer *peer, const struct err *why)
{
        log_warn(NULL, "link.not_moved", "peer=%s err=\"%s\"", peer->uri, why->text);
        peer->move = PORTER_PEER_STEADY;
        peer->move_again_us = clock_boot_us() + PORTER_PEER_MOVE_AGAIN_US;
}

/* Ours: the new connection is open. */
static void porter_peer_move_out(struct porter_peer *peer, struct porter_conn *l)
{
        struct err e;

        l->peer = peer;
        l->target->link = NULL;
        l->target = NULL;
        if (peer->move != PORTER_PEER_CONNECTING ||
                PORTER_PEER_SAY(peer, porter_peer_moved, &e) < 0) {
                porter_conn_close(l, 1000, "not wanted any more");
                return;
        }
        porter_peer_step(peer, PORTER_PEER_LEAVING);
        peer->following = peer->out = l;
        peer->records = 0;
        chan_hold(peer->chan, false);
        porter_peer_balance(peer);
}

/* The following connection is the only one now. */
static void porter_peer_settle(struct porter_peer *peer)
{
        porter_peer_count(peer, peer->in);
        peer->in = peer->out = peer->following;
        peer->following = NULL;
        peer->move = PORTER_PEER_STEADY;
        peer->handshakes++;
        peer->handshake_us = peer->rekeyed_us = clock_boot_us();
        chan_hold(peer->chan, false);
        porter_peer_balance(peer);
}

static int porter_peer_on_moved(struct porter_peer *peer, struct porter_conn *old, struct err *e)
{
        int r = 0;

        if (old != peer->in || !peer->following)
                return err_set(e, ERR_PROTOCOL, "link.moved, and there is nothing to move to");
        if (peer->move == PORTER_PEER_EXPECTING) {
                r = PORTER_PEER_SAY(peer, porter_peer_moved, e);
                if (r < 0)
                        return r;
                peer->records = 0;
                porter_peer_settle(peer);
                porter_conn_leave(old);
        } else {
                porter_peer_settle(peer);
                porter_conn_close(old, 1000, "moved");
        }
        return 0;
}

/* Asked, or answered. */
static int porter_peer_on_moving(struct porter_peer *peer, struct porter_conn *l, struct err *e)
{
        bool again = peer->move == PORTER_PEER_EXPECTING && !peer->following;

        if (l == peer->in && peer->target && peer->move == PORTER_PEER_ASKING) {
                porter_peer_step(peer, PORTER_PEER_CONNECTING);
                porter_dial_further(peer->target);
                return 0;
        }
        if (l != peer->in || peer->target || (peer->move != PORTER_PEER_STEADY && !again))
                return err_set(e, ERR_PROTOCOL, "link.moving, and it is not the time for it");
        porter_peer_step(peer, PORTER_PEER_EXPECTING);
        return PORTER_PEER_SAY(peer, porter_peer_moving, e);
}

void porter_peer_opened(struct porter_conn *l)
{
        const struct tls_role_peer *who = role_conn_peer(l->conn);
        struct porter_target *t = l->target;

        if (!who) { /* net/role_conn answers 401 to such a one */
                porter_conn_close(l, 1008, "no certificate");
                return;
        }
        struct porter_peer *peer = porter_peer_find(l->porter, who->uri);
        if (t && t->peer && t->peer == peer) {
                porter_peer_move_out(peer, l);
        } else if (!t && peer && peer->move == PORTER_PEER_EXPECTING && !peer->following) {
                l->peer = peer;
                peer->following = l;
                porter_peer_step(peer, PORTER_PEER_EXPECTING);
                porter_peer_balance(peer);
        } else {
                if (peer)
                        porter_peer_end(peer, "a newer link of the same node");
                porter_peer_begin(l, who);
        }
}

/* --- what comes --- */

int porter_peer_received(struct porter_conn *l, bool text, struct bytes message, struct err *e)
{
        struct porter_peer *peer = l->peer;

        if (!peer || l != peer->in)
                return err_set(e, ERR_PROTOCOL, "a message on a connection that is not in use yet");
        if (text && PORTER_PEER_IS(message, porter_peer_moving))
                return porter_peer_on_moving(peer, l, e);
        if (text && PORTER_PEER_IS(message, porter_peer_moved))
                return porter_peer_on_moved(peer, l, e);
        int r = chan_send(peer->chan, text ? LINK_MESSAGE : LINK_MEDIA, message, NULL, 0, e);
        if (r == ERR_UNAVAILABLE) /* the role has ended it, and the channel will say so */
                return 0;
        if (r < 0)
                return r;
        porter_peer_balance(peer);
        return 0;
}

void porter_peer_drained(struct porter_conn *l)
{
        struct porter_peer *peer = l->peer;

        if (peer && l == peer->out)
                chan_hold(peer->chan, false);
}

void porter_peer_lost(struct porter_conn *l, const struct err *why)
{
        struct porter_peer *peer = l->peer;
        struct porter_conn *left = NULL;

        l->peer = NULL;
        l->done = true;
        l->porter->cut += fault_is_tls(why->fault);
        if (peer->move == PORTER_PEER_EXPECTING && l == peer->following) {
                peer->following = NULL;
                peer->move = PORTER_PEER_STEADY;
                return;
        }
        if (peer->move == PORTER_PEER_EXPECTING)
                left = TAKE(peer->following); /* it began anew instead of moving */
        peer->in = peer->in == l ? NULL : peer->in;
        peer->out = peer->out == l ? NULL : peer->out;
        peer->following = peer->following == l ? NULL : peer->following;
        porter_peer_over(peer, why);
        if (left) {
                left->peer = NULL;
                porter_conn_hold(left, false);
                porter_peer_opened(left);
        }
}

/* --- time --- */

static void porter_peer_new_keys(struct porter_peer *peer)
{
        struct err e;

        peer->rekeyed_us = clock_boot_us();
        peer->records = 0;
        if (role_conn_rekey(peer->out->conn, &e) < 0)
                log_warn(NULL, "link.not_rekeyed", "peer=%s err=\"%s\"", peer->uri, e.text);
}

/* False: the peer is over. */
static bool porter_peer_move_late(struct porter_peer *peer)
{
        if (peer->move == PORTER_PEER_STEADY || clock_boot_us() < peer->move_until_us)
                return true;
        if (peer->following || peer->move == PORTER_PEER_ASKING) {
                porter_peer_end(peer, "the link could not be moved in time");
                return false;
        }
        peer->move = PORTER_PEER_STEADY;
        return true;
}

void porter_peer_tick(struct porter *p)
{
        int64_t rekey_us = (int64_t)settings_get(&p->settings, SETTINGS_REKEY_SECONDS) * 1000000;
        int64_t now_us = clock_boot_us();

        for (struct porter_peer *peer = p->peers, *next; peer; peer = next) {
                next = peer->next;
                if (!porter_peer_move_late(peer))
                        continue;
                if (now_us - peer->rekeyed_us >= rekey_us ||
                        peer->records >= PORTER_PEER_RECORDS_MAX)
                        porter_peer_new_keys(peer);
                if (peer->target && peer->move == PORTER_PEER_STEADY &&
                        now_us - peer->handshake_us >= PORTER_PEER_MOVE_US &&
                        now_us >= peer->move_again_us)
                        porter_peer_start_move(peer);
        }
}

unsigned porter_peer_rekey(struct porter *p, const char *role, const char *name, bool handshake)
{
        unsigned n = 0;

        for (struct porter_peer *peer = p->peers; peer; peer = peer->next) {
                if (role && (strcmp(peer->role, role) != 0 || strcmp(peer->name, name) != 0))
                        continue;
                if (handshake && (!peer->target || peer->move != PORTER_PEER_STEADY))
                        continue;
                n++;
                if (handshake)
                        porter_peer_start_move(peer);
                else
                        porter_peer_new_keys(peer);
        }
        return n;
}

void porter_peer_recheck(struct porter *p)
{
        int64_t now_us = clock_wall_us();

        for (struct porter_conn *l = p->links, *next; l; l = next) {
                next = l->next;
                if (l->open && !l->done)
                        role_conn_recheck(l->conn, p->config, now_us);
        }
}

/* --- state --- */

static json_t *porter_peer_state(const struct porter_peer *peer)
{
        const struct tls_role_peer *who = role_conn_peer(peer->out->conn);
        struct role_conn_state s;
        char since[STR_TIME_ROOM], until[STR_TIME_ROOM];

        role_conn_state(peer->out->conn, &s);
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "uri", peer->uri, "role",
                peer->role, "name", peer->name, "address", s.address, "accepted", !peer->target,
                "state", "open", "fault", "", "text", "");
        json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "tls",
                s.tls_version == 0x0304 ? "TLS 1.3" : "", "cipher", s.cipher, "since",
                str_time(since, peer->since_us), "not_after",
                str_time(until, who ? who->not_after_us : 0), "rekeys_in",
                (json_int_t)(peer->rekeys_in + s.rekeys_in), "rekeys_out",
                (json_int_t)(peer->rekeys_out + s.rekeys_out), "handshakes",
                (json_int_t)peer->handshakes, "bytes_in", (json_int_t)(peer->bytes_in + s.bytes_in),
                "bytes_out", (json_int_t)(peer->bytes_out + s.bytes_out), "plaintext_bytes",
                (json_int_t)(peer->plaintext_bytes + s.plaintext_bytes));
        json_object_update(o, more);
        json_decref(more);
        return o;
}

json_t *porter_peer_list(struct porter *p, json_t *to)
{
        for (const struct porter_peer *peer = p->peers; peer; peer = peer->next)
                json_array_append_new(to, porter_peer_state(peer));
        return to;
}
