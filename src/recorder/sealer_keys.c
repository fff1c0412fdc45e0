/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/sealer_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "crypto/x509.h"
#include "os/clock.h"
#include "recorder/message_play.h"
#include "recorder/state_dir.h"
#include "seal/segment.h"
#include "trust/site_chain.h"

/* What a channel waits for the log of grants with. */
enum sealer_keys_wait { SEALER_KEYS_NOTHING, SEALER_KEYS_GRANT, SEALER_KEYS_ASK };

struct sealer_keys_channel {
        struct sealer_keys_channel *next;
        struct sealer_keys *keys;
        uint32_t take;              /* ours, of what waits */
        char stream[HEAD_PATH_MAX]; /* of the first grant; empty before it */
        enum capability_use use;    /* likewise */
        enum sealer_keys_wait wait;
        struct chan *chan;
        struct buf token;   /* the last one that was good; empty: none */
        struct buf offered; /* a grant that is to be looked at; empty: none */
        struct buf asked;   /* a question; empty: none */
};

struct sealer_keys {
        struct loop *loop;
        struct sealer_grants *grants;
        uint8_t wrap_key[HPKE_PRIVATE_BYTES];
        struct buf root;   /* DER */
        struct err closed; /* code 0: wrap_key and root are there */
        struct sealer_keys_channel *channels;
        unsigned channels_n;
        uint32_t takes;
        struct buf out;
};

struct sealer_keys *sealer_keys_open(
        const char *state, struct loop *l, struct sealer_grants *grants)
{
        struct sealer_keys *k = xcalloc(1, sizeof *k);
        struct state_dir_certs certs = { 0 };

        k->loop = l;
        k->grants = grants;
        buf_init(&k->root, X509_CERT_MAX);
        buf_init(&k->out, CHAN_BODY_MAX);
        int r = state_dir_read_wrap_key(state, k->wrap_key, &k->closed);
        if (r == 0)
                r = state_dir_read_certs(state, &certs, &k->closed);
        if (r == 0)
                r = buf_append(&k->root, buf_bytes(&certs.root), &k->closed);
        state_dir_certs_done(&certs);
        if (r < 0)
                log_error(NULL, "keys.not_read", "effect=\"nothing is played\" err=\"%s\"",
                        k->closed.text);
        return k;
}

static void sealer_keys_end(struct sealer_keys_channel *ch)
{
        struct sealer_keys_channel **at = &ch->keys->channels;

        while (*at != ch)
                at = &(*at)->next;
        *at = ch->next;
        ch->keys->channels_n--;
        chan_free(ch->chan);
        buf_done(&ch->token);
        buf_done(&ch->offered);
        buf_done(&ch->asked);
        free(ch);
}

struct sealer_keys *sealer_keys_free(struct sealer_keys *k)
{
        if (!k)
                return NULL;
        while (k->channels)
                sealer_keys_end(k->channels);
        buf_done(&k->root);
        buf_done(&k->out);
        explicit_bzero(k, sizeof *k);
        free(k);
        return NULL;
}

/* --- one key --- */

/* Head and seal are one segment's, of this stream. The head's hash is what the seal was made over,
 * so all that the head says is the seal's word. */
static int sealer_keys_check_same(
        const struct segment *s, const struct seal *seal, const char *stream, struct err *e)
{
        if (strcmp(s->head.stream, stream) != 0 || strcmp(seal->stream, stream) != 0)
                return err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED,
                        "the segment is not of %s, which the grant is for", stream);
        if (memcmp(seal->kid, s->head.kid, sizeof seal->kid) != 0)
                return err_set(e, ERR_DENIED, "the seal is of another segment than the head");
        if (memcmp(seal->header_hash, s->header_hash, sizeof seal->header_hash) != 0)
                return err_set(e, ERR_DENIED, "the head is not the one that was sealed");
        return 0;
}

/* The seal's signature, by a certificate of this site's seals issuer that was good then. */
static int sealer_keys_check_signer(const struct sealer_keys *k, const struct head *head,
        const struct seal *seal, struct bytes payload, struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        uint8_t id[32];

        int r = site_chain_check_issuer(head->issuer_cert, SITE_CA_SEALS, buf_bytes(&k->root), e);
        if (r == 0)
                r = x509_check_seal_chain(head->seal_cert, head->issuer_cert, buf_bytes(&k->root),
                        seal->sealed_us, e);
        if (r == 0)
                r = verify_key_of_cert(head->seal_cert, &key, e);
        if (r < 0)
                return err_wrap(e, ERR_DENIED, "the seal's certificate");
        verify_key_id(key, id);
        if (memcmp(id, seal->signer, sizeof id) != 0 || !seal_signature_ok(payload, key))
                return err_set(e, ERR_DENIED, "the seal is not signed by the head's certificate");
        return 0;
}

/* What was sealed overlaps what was granted. */
static int sealer_keys_check_time(
        const struct capability *c, const struct seal *seal, struct err *e)
{
        if (seal->last_arrival_us < c->from_us || seal->first_arrival_us > c->until_us)
                return err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED,
                        "the seal is of a time that is not in the grant");
        return 0;
}

static int sealer_keys_unwrap(const struct sealer_keys *k, const struct head *head,
        const struct seal *seal, struct bytes key_file, uint8_t ret_key[static 16], struct err *e)
{
        uint8_t hour_key[32], key[16], commitment[32];

        int r = key_store_unwrap(
                key_file, head->stream, head->hour_key_id, k->wrap_key, hour_key, e);
        if (r < 0)
                return r;
        seal_segment_key(hour_key, head->kid, key);
        seal_commit_key(key, head->kid, head->stream, commitment);
        if (memcmp(commitment, seal->key_commitment, sizeof commitment) == 0)
                memcpy(ret_key, key, sizeof key);
        else
                r = err_set(e, ERR_CORRUPT, "the key is not the one that the seal commits to");
        explicit_bzero(hour_key, sizeof hour_key);
        explicit_bzero(key, sizeof key);
        return r;
}

static int sealer_keys_release(const struct sealer_keys *k, const char *stream,
        const struct capability *c, const struct message_key_ask *q, uint8_t ret_kid[static 16],
        uint8_t ret_key[static 16], struct err *e)
{
        CLEANUP(segment_done) struct segment s = { 0 };
        struct seal seal;

        if (k->closed.code < 0)
                return err_set(e, ERR_UNAVAILABLE, "%s", k->closed.text);
        int r = segment_read(q->head, &s, e);
        if (r == 0 && s.header_bytes.n != q->head.n)
                r = err_set(e, ERR_CORRUPT, "more than a segment's head");
        if (r == 0)
                r = seal_parse(q->seal, &seal, e);
        if (r == 0)
                r = sealer_keys_check_same(&s, &seal, stream, e);
        if (r == 0)
                r = sealer_keys_check_signer(k, &s.head, &seal, q->seal, e);
        if (r == 0)
                r = sealer_keys_check_time(c, &seal, e);
        if (r == 0)
                r = sealer_keys_unwrap(k, &s.head, &seal, q->key_file, ret_key, e);
        if (r == 0)
                memcpy(ret_kid, seal.kid, sizeof seal.kid);
        return r;
}

/* --- a channel --- */

/* What is in keys->out. A broken channel ends by itself. */
static void sealer_keys_send(struct sealer_keys_channel *ch, uint16_t type)
{
        struct buf *out = &ch->keys->out;
        struct err e;

        if (chan_send(ch->chan, type, buf_bytes(out), NULL, 0, &e) < 0)
                log_warn(NULL, "keys.player_unreachable", "stream=%s err=\"%s\"", ch->stream,
                        e.text);
        explicit_bzero(out->p, out->n);
}

static void sealer_keys_refuse(struct sealer_keys_channel *ch, uint16_t type, const struct err *why)
{
        log_warn(NULL, "keys.refused", "stream=%s err=\"%s\"", ch->stream, why->text);
        buf_clear(&ch->keys->out);
        if (message_not_connected_pack(0, why, &ch->keys->out, NULL) < 0)
                abort(); /* a text of an error fits */
        sealer_keys_send(ch, type);
}

static void sealer_keys_answer(struct sealer_keys_channel *ch, const struct capability *c)
{
        struct buf *out = &ch->keys->out;
        uint8_t kid[16], key[16];
        struct message_key_ask q;
        struct err why;

        int r = message_key_ask_parse(buf_bytes(&ch->asked), &q, &why);
        if (r == 0)
                r = sealer_keys_release(ch->keys, ch->stream, c, &q, kid, key, &why);
        if (r < 0) {
                sealer_keys_refuse(ch, MESSAGE_NO_KEY, &why);
        } else {
                buf_clear(out);
                struct pack p = pack_to(out);
                pack_bytes(&p, BYTES(kid, sizeof kid));
                pack_bytes(&p, BYTES(key, sizeof key));
                sealer_keys_send(ch, MESSAGE_KEY);
                explicit_bzero(key, sizeof key);
        }
        buf_clear(&ch->asked);
}

/* The player gets the token: it judges it again, and takes the session from it. */
static void sealer_keys_granted(struct sealer_keys_channel *ch, struct bytes token)
{
        struct buf *out = &ch->keys->out;

        buf_clear(&ch->token);
        buf_clear(out);
        if (buf_append(&ch->token, token, NULL) < 0 || buf_append(out, token, NULL) < 0)
                abort(); /* one that was good fits */
        sealer_keys_send(ch, MESSAGE_KEY_GRANTED);
}

static void sealer_keys_go(struct sealer_keys_channel *ch);

static void sealer_keys_on_taken(void *owner, const struct sealer_grants_answer *a)
{
        struct sealer_keys *k = owner;
        struct sealer_keys_channel *ch = k->channels;

        while (ch && ch->take != a->watch)
                ch = ch->next;
        if (!ch) /* it ended meanwhile */
                return;
        enum sealer_keys_wait wait = ch->wait;
        ch->wait = SEALER_KEYS_NOTHING;
        ch->take = 0;
        if (wait == SEALER_KEYS_ASK && a->c) {
                sealer_keys_answer(ch, a->c);
        } else if (wait == SEALER_KEYS_ASK) {
                sealer_keys_refuse(ch, MESSAGE_NO_KEY, a->why);
                buf_clear(&ch->asked);
        } else if (a->c) {
                sealer_keys_granted(ch, a->token);
        } else {
                sealer_keys_refuse(ch, MESSAGE_KEY_NOT_GRANTED, a->why);
        }
        sealer_keys_go(ch);
}

static void sealer_keys_take(
        struct sealer_keys_channel *ch, enum sealer_keys_wait wait, struct bytes token)
{
        struct sealer_keys *k = ch->keys;

        k->takes += k->takes == UINT32_MAX ? 2 : 1; /* 0: none */
        ch->take = k->takes;
        ch->wait = wait;
        sealer_grants_take(k->grants, ch->take, ch->stream, ch->use, token, clock_wall_us(),
                sealer_keys_on_taken, k);
}

/* The first grant says what the channel is for. */
static void sealer_keys_offer(struct sealer_keys_channel *ch)
{
        CLEANUP(buf_done) struct buf body = ch->offered;
        struct message_key_grant q;
        struct err why;

        buf_init(&ch->offered, CHAN_BODY_MAX);
        int r = message_key_grant_parse(buf_bytes(&body), &q, &why);
        if (r == 0 && !ch->token.n) {
                memcpy(ch->stream, q.stream, sizeof ch->stream);
                ch->use = (enum capability_use)q.use;
        } else if (r == 0 &&
                   (ch->use != (enum capability_use)q.use || strcmp(ch->stream, q.stream) != 0)) {
                r = err_set(&why, ERR_INVALID, "a later grant is for another stream or use");
        }
        if (r == 0)
                sealer_keys_take(ch, SEALER_KEYS_GRANT, q.token);
        else
                sealer_keys_refuse(ch, MESSAGE_KEY_NOT_GRANTED, &why);
}

static void sealer_keys_go(struct sealer_keys_channel *ch)
{
        if (ch->wait == SEALER_KEYS_NOTHING && ch->offered.n)
                sealer_keys_offer(ch);
        if (ch->wait == SEALER_KEYS_NOTHING && ch->asked.n)
                sealer_keys_take(ch, SEALER_KEYS_ASK, buf_bytes(&ch->token));
}

/* --- the player --- */

static int sealer_keys_on_player(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct sealer_keys_channel *ch = owner;
        bool grant = m->type == MESSAGE_KEY_GRANT;
        struct buf *to = grant ? &ch->offered : &ch->asked;

        (void)c;
        if ((!grant && m->type != MESSAGE_KEY_ASK) || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u on a key channel", m->type);
        if (!grant && !ch->token.n)
                return err_set(e, ERR_PROTOCOL, "a key is asked for without a grant");
        if (to->n)
                return err_set(e, ERR_PROTOCOL, "a second question before the first is answered");
        int r = buf_append(to, m->body, e);
        if (r == 0 && to->n == 0)
                r = err_set(e, ERR_PROTOCOL, "key request: malformed message");
        if (r == 0)
                sealer_keys_go(ch);
        return r;
}

static void sealer_keys_on_player_end(void *owner, struct chan *c, const struct err *e)
{
        struct sealer_keys_channel *ch = owner;

        (void)c;
        if (e->code == ERR_PROTOCOL)
                log_warn(NULL, "keys.channel_refused", "stream=%s err=\"%s\"", ch->stream, e->text);
        sealer_keys_end(ch);
}

void sealer_keys_add(struct sealer_keys *k, int fd)
{
        static const struct chan_events events = { sealer_keys_on_player,
                sealer_keys_on_player_end };

        if (k->channels_n == SEALER_KEYS_CHANNELS_MAX) {
                log_warn(NULL, "keys.channels", "open=%u effect=\"no more is taken\"",
                        k->channels_n);
                close(fd);
                return;
        }
        struct sealer_keys_channel *ch = xcalloc(1, sizeof *ch);
        *ch = (struct sealer_keys_channel){ .next = k->channels, .keys = k };
        buf_init(&ch->token, CAPABILITY_TOKEN_MAX);
        buf_init(&ch->offered, CHAN_BODY_MAX);
        buf_init(&ch->asked, CHAN_BODY_MAX);
        ch->chan = chan_new(k->loop, fd, &events, ch);
        k->channels = ch;
        k->channels_n++;
}
