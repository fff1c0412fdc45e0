/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/udp_pair.h"
#include "proto/rtsp_splitter.h"
#include "proto/tunnel_server.h"

#define REQUEST_MS 10000u
#define IDLE_MS 60000u
#define RANDOM_BYTES ((RTSP_DIALOG_NONCE_ROOM - 1) / 2)
#define DECODED_MAX (64u << 10)
/* What a POST may say before its GET has come. */
#define EARLY_MAX 4096u

struct rtsp_peer {
        struct rtsp_peer_options o;
        struct rtsp_conn
                *conn; /* owned: the only one, or the GET's, or of a POST without its GET */
        struct rtsp_conn *post; /* owned: joined to the GET, or NULL */
        enum rtsp_peer_half half;
        bool begun;       /* it is known what it is: RTSP or a half */
        struct buf first; /* bytes before that; of a waiting POST, those behind its head */
        struct tunnel_server tunnel; /* of a half: its cookie, and of a POST what follows */
        struct buf decoded;
        struct rtsp_splitter splitter;
        struct rtsp_dialog dialog;
        struct timer deadline; /* later: the end that is due */
        struct err ending;     /* why; code 0: it is not ending */
        struct buf response;
        struct timer delay; /* a tweak's, before what waits here: */
        struct buf delayed;
        bool delayed_play, delayed_close;
        void *slot;
        bool in_request; /* a part of one has come */
        bool announced;  /* on_play was called, on_stop not yet */
        bool frozen;
        bool answered; /* of a GET: its 200 is out */
        struct sockaddr_storage remote;
        char address[RTSP_PEER_ADDRESS_ROOM];
};

static void draw(char to[static RTSP_DIALOG_NONCE_ROOM])
{
        uint8_t raw[RANDOM_BYTES];

        random_bytes(raw, sizeof raw);
        str_hex(to, BYTES(raw, sizeof raw));
}

static void name_address(struct rtsp_peer *p, int fd)
{
        socklen_t n = sizeof p->remote;
        char host[INET6_ADDRSTRLEN] = "?";
        unsigned port = 0;

        if (getpeername(fd, (struct sockaddr *)&p->remote, &n) < 0)
                p->remote.ss_family = AF_UNSPEC;
        if (p->remote.ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const void *)&p->remote;

                inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
                port = ntohs(v4->sin_port);
        } else if (p->remote.ss_family == AF_INET6) {
                const struct sockaddr_in6 *v6 = (const void *)&p->remote;

                inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
                port = ntohs(v6->sin6_port);
        }
        snprintf(
                p->address, sizeof p->address, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
        if (a->ss_family != b->ss_family)
                return false;
        if (a->ss_family == AF_INET)
                return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
                       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
        return a->ss_family == AF_INET6 &&
               memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                       &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr,
                       sizeof(struct in6_addr)) == 0;
}

static void stop_playing(struct rtsp_peer *p)
{
        if (!p->announced)
                return;
        p->announced = false;
        p->o.events->on_stop(p->o.owner, p);
}

/* The last step, always from the loop. */
static void gone(struct rtsp_peer *p, const struct err *why)
{
        const struct err kept = *why;

        p->dialog.playing = false;
        stop_playing(p);
        if (p->o.events->on_end)
                p->o.events->on_end(p->o.owner, p, &kept);
        p->o.on_gone(p->o.server, p);
}

static void on_deadline(void *owner)
{
        struct rtsp_peer *p = owner;

        if (p->ending.code == 0) {
                if (p->half == RTSP_PEER_GET || p->half == RTSP_PEER_POST)
                        err_set(&p->ending, ERR_TIMEOUT,
                                "the other half of a tunnel did not come in %u ms",
                                p->o.request_ms);
                else
                        err_set(&p->ending, ERR_TIMEOUT,
                                p->in_request ? "a request was not finished in %u ms"
                                              : "idle for %u ms",
                                p->in_request          ? p->o.request_ms
                                : p->dialog.session[0] ? p->o.idle_ms
                                                       : p->o.request_ms);
        }
        gone(p, &p->ending);
}

static void end_soon(struct rtsp_peer *p, const struct err *why)
{
        if (p->ending.code)
                return;
        p->ending = *why;
        timer_start(&p->deadline, stream_shared_loop(p->o.shared), 0, 0, on_deadline, p);
}

static void start_deadline(struct rtsp_peer *p)
{
        timer_start(&p->deadline, stream_shared_loop(p->o.shared),
                !p->in_request && p->dialog.session[0] ? p->o.idle_ms : p->o.request_ms, 0,
                on_deadline, p);
}

/* items: something whole has come. Neither bytes that trickle in nor empty lines prolong anything.
 */
static void set_deadline(struct rtsp_peer *p, bool items)
{
        const bool begun = p->splitter.rest.n > 0 || p->first.n > 0;

        if (p->ending.code || p->frozen || (begun && p->in_request) ||
                (!begun && !p->in_request && !items))
                return;
        p->in_request = begun;
        start_deadline(p);
}

static int send_bytes(struct rtsp_peer *p, struct bytes b, struct err *e)
{
        return rtsp_conn_write(p->conn, b, e);
}

/* A response, as a tweak wants it. */
static int send_response(struct rtsp_peer *p, struct bytes b, struct err *e)
{
        int r = 0;

        if (!p->dialog.tweaked || !p->dialog.tweaked->one_byte_writes)
                return send_bytes(p, b, e);
        for (size_t i = 0; r >= 0 && i < b.n; i++)
                r = send_bytes(p, bytes_sub(b, i, 1), e);
        return r;
}

static void begin_playing(struct rtsp_peer *p)
{
        p->announced = true;
        p->o.events->on_play(p->o.owner, p);
}

static void on_delay(void *owner)
{
        struct rtsp_peer *p = owner;
        struct err why = { 0 };
        int r = send_response(p, buf_bytes(&p->delayed), &why);

        buf_clear(&p->delayed);
        if (r >= 0 && p->delayed_close)
                r = err_set(&why, ERR_DENIED, "closed after a refusal");
        if (r < 0) {
                why.code = r;
                end_soon(p, &why);
        } else if (p->delayed_play && !p->ending.code && p->dialog.playing) {
                begin_playing(p);
        }
        p->delayed_play = p->delayed_close = false;
}

static int delay_response(struct rtsp_peer *p, int next, struct err *e)
{
        const int r = buf_append(&p->delayed, buf_bytes(&p->response), e);

        p->delayed_play |= next == RTSP_DIALOG_PLAY;
        p->delayed_close |= next == RTSP_DIALOG_CLOSE;
        timer_start(&p->delay, stream_shared_loop(p->o.shared), p->dialog.tweaked->delay_ms, 0,
                on_delay, p);
        return r;
}

static int on_request(struct rtsp_peer *p, const struct rtsp_message *m, struct err *e)
{
        const struct rtsp_tweak *tweak;
        char session[RTSP_DIALOG_NONCE_ROOM];
        struct err why;
        int next, r;

        draw(session);
        buf_clear(&p->response);
        next = rtsp_dialog_answer(&p->dialog, m, session, &p->response, &why);
        if (why.code && p->o.events->on_refused)
                p->o.events->on_refused(p->o.owner, p, &why);
        if (next < 0)
                return err_set(e, next, "%s", why.text);
        if (next == RTSP_DIALOG_STOP)
                stop_playing(p);
        tweak = p->dialog.tweaked;
        if (tweak && tweak->frozen)
                rtsp_peer_freeze(p);
        if (tweak && tweak->delay_ms)
                return delay_response(p, next, e);
        r = send_response(p, buf_bytes(&p->response), e);
        if (p->response.n > 0)
                explicit_bzero(p->response.p, p->response.n); /* a description may name keys */
        if (r < 0)
                return r;
        if (next == RTSP_DIALOG_CLOSE)
                return err_set(e, ERR_DENIED, "closed after: %s", why.text);
        if (next == RTSP_DIALOG_PLAY)
                begin_playing(p);
        return 0;
}

struct feeding {
        struct rtsp_peer *peer;
        bool items;
};

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct feeding *f = owner;
        struct rtsp_peer *p = f->peer;

        f->items = true;
        if (p->ending.code)
                return err_set(e, ERR_CANCELLED, "%s", p->ending.text);
        return item->message && !p->frozen ? on_request(p, item->message, e)
                                           : 0; /* the client's RTCP is a sign of life, no more */
}

/* What the client says, as RTSP. The end comes from the loop, so that the response before it is
 * still sent. */
static void on_rtsp(struct rtsp_peer *p, struct bytes b)
{
        struct feeding f = { .peer = p };
        struct err why = { 0 };
        const int r = rtsp_splitter_feed(&p->splitter, b, on_item, &f, &why);

        if (r >= 0) {
                set_deadline(p, f.items);
                return;
        }
        why.code = r;
        end_soon(p, &why);
}

static void on_post_bytes(struct rtsp_peer *p, struct bytes b)
{
        struct err why = { 0 };
        int r;

        buf_clear(&p->decoded);
        r = tunnel_server_feed(&p->tunnel, b, &p->decoded, &why);
        if (r >= 0) {
                on_rtsp(p, buf_bytes(&p->decoded));
                return;
        }
        why.code = r;
        end_soon(p, &why);
}

static void refuse_half(struct rtsp_peer *p, unsigned status, const struct err *why)
{
        buf_clear(&p->response);
        if (tunnel_server_answer(&p->response, status, NULL) >= 0)
                (void)!send_bytes(p, buf_bytes(&p->response), NULL);
        end_soon(p, why);
}

/* A GET is answered before its POST comes, because clients wait for that; once. */
static void answer_get(struct rtsp_peer *p)
{
        struct err why = { 0 };
        int r;

        if (p->answered)
                return;
        p->answered = true;
        buf_clear(&p->response);
        r = tunnel_server_answer(&p->response, 200, &why);
        if (r >= 0)
                r = send_bytes(p, buf_bytes(&p->response), &why);
        if (r >= 0)
                return;
        why.code = r;
        end_soon(p, &why);
}

/* The head of a half is whole. p may be gone when this returns, if it is a POST. */
static void become_half(struct rtsp_peer *p, const struct tunnel_server_head *h)
{
        const bool is_post = h->is_post;
        unsigned status = 503;
        struct err why = { 0 };
        int r;

        p->begun = true;
        p->half = is_post ? RTSP_PEER_POST : RTSP_PEER_GET;
        tunnel_server_init(&p->tunnel, h);
        buf_consume(&p->first, h->n);
        p->in_request = true; /* what comes now does not prolong the wait */
        start_deadline(p);
        if (!is_post && p->first.n > 0) {
                err_set(&why, ERR_PROTOCOL, "tunnel: bytes behind the head of a GET");
                refuse_half(p, 400, &why);
                return;
        }
        r = p->o.on_half(p->o.server, p, &status, &why);
        if (r < 0) {
                why.code = r;
                refuse_half(p, status, &why);
        } else if (!is_post) {
                answer_get(p);
        }
}

/* Bytes before it is known what they are. */
static void on_first(struct rtsp_peer *p, struct bytes b)
{
        struct tunnel_server_head h;
        struct err why = { 0 };
        int r;

        if (p->first.n == 0 && tunnel_server_look(b) == TUNNEL_SERVER_NO) {
                p->begun = true;
                on_rtsp(p, b);
                return;
        }
        r = buf_append(&p->first, b, &why);
        if (r >= 0 && tunnel_server_look(buf_bytes(&p->first)) == TUNNEL_SERVER_NO) {
                p->begun = true;
                on_rtsp(p, buf_bytes(&p->first));
                buf_clear(&p->first);
                set_deadline(p, false);
                return;
        }
        if (r >= 0 && tunnel_server_look(buf_bytes(&p->first)) == TUNNEL_SERVER_YES)
                r = tunnel_server_parse(buf_bytes(&p->first), &h, &why);
        if (r > 0) {
                become_half(p, &h);
        } else if (r < 0) {
                why.code = r;
                refuse_half(p, 400, &why);
        } else {
                set_deadline(p, false);
        }
}

static void on_ready(void *owner, struct rtsp_conn *c)
{
        (void)c;
        set_deadline(owner, true);
}

static void on_data(void *owner, struct rtsp_conn *c, struct bytes b)
{
        struct rtsp_peer *p = owner;
        struct err why = { 0 };

        if (p->ending.code || p->frozen)
                return;
        if (!p->begun) {
                on_first(p, b);
        } else if (p->half == RTSP_PEER_WHOLE) {
                on_rtsp(p, b);
        } else if (c == p->post) {
                on_post_bytes(p, b);
        } else if (p->half == RTSP_PEER_POST && p->first.n + b.n <= EARLY_MAX) {
                if (buf_append(&p->first, b, &why) < 0)
                        end_soon(p, &why);
        } else {
                err_set(&why, ERR_PROTOCOL,
                        p->half == RTSP_PEER_POST ? "tunnel: a POST says too much before its GET"
                                                  : "tunnel: bytes behind the head of a GET");
                end_soon(p, &why);
        }
}

/* A POST may end at any time: what the server says goes on, and another POST may come. */
static void on_end(void *owner, struct rtsp_conn *c, const struct err *why)
{
        struct rtsp_peer *p = owner;

        if (c == p->post)
                p->post = rtsp_conn_free(p->post);
        else
                gone(p, p->ending.code ? &p->ending : why);
}

static const struct rtsp_conn_events conn_events = { on_ready, on_data, on_end };

enum rtsp_peer_half rtsp_peer_half(const struct rtsp_peer *p)
{
        return p->half;
}

bool rtsp_peer_belongs(const struct rtsp_peer *p, const struct rtsp_peer *other)
{
        return p->half != RTSP_PEER_WHOLE && other->half != RTSP_PEER_WHOLE &&
               same_host(&p->remote, &other->remote) &&
               secret_equal(bytes_str(p->tunnel.cookie), bytes_str(other->tunnel.cookie));
}

void rtsp_peer_join(struct rtsp_peer *get, struct rtsp_peer *post)
{
        answer_get(get);
        rtsp_conn_free(get->post);
        get->post = TAKE(post->conn);
        rtsp_conn_give(get->post, &conn_events, get);
        tunnel_server_done(&get->tunnel);
        get->tunnel = post->tunnel;
        post->tunnel = (struct tunnel_server){ 0 };
        if (get->half == RTSP_PEER_GET) {
                get->half = RTSP_PEER_JOINED;
                get->in_request = false;
                set_deadline(get, true);
        }
        if (post->first.n > 0)
                on_post_bytes(get, buf_bytes(&post->first));
}

/* ---- the dialog's owner is the peer; the owner's functions want to know which one ---- */

static int describe(
        void *owner, const char *path, struct buf *sdp, unsigned *ret_tracks, struct err *e)
{
        struct rtsp_peer *p = owner;

        return p->o.events->describe(p->o.owner, p, path, sdp, ret_tracks, e);
}

static int set_up(
        void *owner, const char *path, unsigned track, struct bytes key_mgmt, struct err *e)
{
        struct rtsp_peer *p = owner;

        return p->o.events->set_up(p->o.owner, p, path, track, key_mgmt, e);
}

static int play(void *owner, const char *path,
        struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e)
{
        struct rtsp_peer *p = owner;

        return p->o.events->play(p->o.owner, p, path, ret, e);
}

static const struct rtsp_tweak *tweak(void *owner, const char *path)
{
        const struct rtsp_peer *p = owner;

        return p->o.events->tweak(p->o.owner, path);
}

static int init_dialog(struct rtsp_peer *p, struct err *e)
{
        const struct rtsp_peer_options *o = &p->o;
        struct rtsp_dialog *d = &p->dialog;
        char nonce[RTSP_DIALOG_NONCE_ROOM];

        d->owner = p;
        d->user = o->user;
        d->password = o->password;
        d->timeout_s = o->idle_ms / 1000 ? o->idle_ms / 1000 : 1;
        d->describe = describe;
        d->play = play;
        d->set_up = o->events->set_up ? set_up : NULL;
        d->tweak = o->events->tweak ? tweak : NULL;
        d->secure = o->secure_media;
        if (o->datagrams) {
                d->server_port[0] = o->datagrams->port;
                d->server_port[1] = (uint16_t)(o->datagrams->port + 1);
        }
        draw(nonce);
        return rtsp_dialog_init(d, nonce, e);
}

static void init_buffers(struct rtsp_peer *p)
{
        const size_t response_max =
                RTSP_DIALOG_RESPONSE_MAX + (p->o.events->tweak ? RTSP_TWEAK_BODY_MAX : 0);

        rtsp_splitter_init(&p->splitter);
        p->splitter.garbage_max = 0;
        buf_init(&p->first, DECODED_MAX);
        buf_init(&p->decoded, DECODED_MAX);
        buf_init(&p->response, response_max);
        buf_init(&p->delayed, response_max);
}

int rtsp_peer_new(const struct rtsp_peer_options *o, int fd, struct rtsp_peer **ret, struct err *e)
{
        struct rtsp_peer *p = xcalloc(1, sizeof *p);
        int r;

        p->o = *o;
        p->o.request_ms = o->request_ms ? o->request_ms : REQUEST_MS;
        p->o.idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
        name_address(p, fd);
        init_buffers(p);
        r = init_dialog(p, e);
        if (r < 0)
                close(fd);
        else
                r = rtsp_conn_new(
                        o->shared, fd, o->tls, RTSP_PEER_OUTPUT_MAX, &conn_events, p, &p->conn, e);
        if (r < 0) {
                rtsp_peer_free(p);
                return r;
        }
        if (!o->tls)
                set_deadline(p, true);
        *ret = p;
        return 0;
}

struct rtsp_peer *rtsp_peer_free(struct rtsp_peer *p)
{
        if (!p)
                return NULL;
        timer_done(&p->deadline);
        timer_done(&p->delay);
        p->conn = rtsp_conn_free(p->conn);
        p->post = rtsp_conn_free(p->post);
        rtsp_splitter_done(&p->splitter);
        tunnel_server_done(&p->tunnel);
        buf_done(&p->first);
        buf_done(&p->decoded);
        buf_done(&p->response);
        buf_done(&p->delayed);
        free(p);
        return NULL;
}

int rtsp_peer_write(struct rtsp_peer *p, struct bytes frames, struct err *e)
{
        struct err why = { 0 };
        int r;

        if (p->ending.code || !p->dialog.playing)
                return err_set(e, ERR_STATE, "%s: not playing", p->address);
        if (p->frozen)
                return 0;
        r = send_bytes(p, frames, &why);
        if (r >= 0)
                return 0;
        why.code = r;
        end_soon(p, &why);
        return err_set(e, r, "%s", why.text);
}

void rtsp_peer_datagram(struct rtsp_peer *p, unsigned track, bool rtcp, struct bytes packet)
{
        const struct rtsp_dialog_track *t = rtsp_peer_track(p, track);

        if (t && t->datagrams && p->o.datagrams && !p->ending.code && !p->frozen)
                udp_pair_send(p->o.datagrams, rtcp, &p->remote, t->client_port[rtcp], packet);
}

void rtsp_peer_hold(struct rtsp_peer *p, bool held)
{
        rtsp_conn_hold(p->conn, held);
}
const char *rtsp_peer_path(const struct rtsp_peer *p)
{
        return p->dialog.path;
}

const struct rtsp_dialog_track *rtsp_peer_track(const struct rtsp_peer *p, unsigned track)
{
        return track < RTSP_DIALOG_TRACKS_MAX && p->dialog.tracks[track].set_up
                       ? &p->dialog.tracks[track]
                       : NULL;
}

const char *rtsp_peer_address(const struct rtsp_peer *p)
{
        return p->address;
}

void **rtsp_peer_slot(struct rtsp_peer *p)
{
        return &p->slot;
}

bool rtsp_peer_is_tunnelled(const struct rtsp_peer *p)
{
        return p->half != RTSP_PEER_WHOLE;
}

void rtsp_peer_close(struct rtsp_peer *p, const struct err *why)
{
        end_soon(p, why);
}

void rtsp_peer_freeze(struct rtsp_peer *p)
{
        p->frozen = true;
        timer_done(&p->deadline);
        timer_done(&p->delay);
}
