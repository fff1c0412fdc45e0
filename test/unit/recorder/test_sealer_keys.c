/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of footage: released for a segment of the granted stream and time, sealed below the site's
 * root, and for nothing else. Through the channels, as parent and player have them. */
#include "grant_site.h"

#include <unistd.h>

#include "recorder/message_play.h"
#include "recorder/sealer_keys.h"
#include "segment_builder.c"

#define STREAM "lobby-main"

static struct loop *loop;
static struct sealer_grants *grants;
static struct sealer_keys *keys;
static struct segment_builder_site site, foreign; /* foreign: another seals issuer below our root */
static struct segment_builder *builder;
static uint8_t wrap_public[HPKE_PUBLIC_BYTES], other_public[HPKE_PUBLIC_BYTES];

/* --- the player's end --- */

static struct {
        struct chan *chan;
        unsigned granted, keys, refused, ended, not_granted;
        uint8_t kid[16], key[16];
        struct err why;
} player;

static int on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct unpack u = unpack_of(m->body);
        uint32_t watch;

        (void)owner, (void)c, (void)e;
        if (m->type == MESSAGE_KEY_GRANTED) {
                player.granted++;
        } else if (m->type == MESSAGE_KEY) {
                unpack_copy(&u, player.kid, 16);
                unpack_copy(&u, player.key, 16);
                assert_true(unpack_complete(&u));
                player.keys++;
        } else {
                bool grant = m->type == MESSAGE_KEY_NOT_GRANTED;
                assert_true(grant || m->type == MESSAGE_NO_KEY);
                assert_int_equal(
                        message_not_connected_parse(m->body, &watch, &player.why, NULL), 0);
                *(grant ? &player.not_granted : &player.refused) += 1;
        }
        loop_stop(loop);
        return 0;
}

static void on_end(void *owner, struct chan *c, const struct err *e)
{
        (void)owner, (void)e;
        player.chan = chan_free(c);
        player.ended++;
        loop_stop(loop);
}

/* The player hands its grant over, on a channel that it has or on a new one. */
static void offer(const struct capability *c, enum capability_use use, const char *stream)
{
        struct buf token = grant_token(c), body;
        struct message_key_grant q = { .use = use, .token = buf_bytes(&token) };

        snprintf(q.stream, sizeof q.stream, "%s", stream);
        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_key_grant_pack(&q, &body, NULL), 0);
        assert_int_equal(
                chan_send(player.chan, MESSAGE_KEY_GRANT, buf_bytes(&body), NULL, 0, NULL), 0);
        loop_run(loop);
        buf_done(&token);
        buf_done(&body);
}

static void begin_channel(void)
{
        static const struct chan_events events = { .on_message = on_message, .on_end = on_end };
        int pair[2];

        assert_int_equal(chan_pair(pair, NULL), 0);
        player.chan = chan_free(player.chan);
        memset(&player, 0, sizeof player);
        player.chan = chan_new(loop, pair[0], &events, NULL);
        sealer_keys_add(keys, pair[1]);
}

static void open_channel(const struct capability *c, enum capability_use use, const char *stream)
{
        begin_channel();
        offer(c, use, stream);
}

static struct capability granted(int64_t from_us, int64_t until_us)
{
        static uint8_t id;
        struct capability c = grant_of(++id, 7, 60);

        c.use = CAPABILITY_PLAYBACK;
        c.from_us = from_us;
        c.until_us = until_us;
        return c;
}

/* Of the whole of the builder's footage. */
static void open_all(void)
{
        struct capability c = granted(grant_now, grant_now + 600 * SECOND);

        open_channel(&c, CAPABILITY_PLAYBACK, STREAM);
        assert_int_equal(player.granted, 1);
}

static struct buf key_file(const struct segment_builder_segment *s, const uint8_t to[static 65])
{
        struct key_store_recipient recipient = { .kind = "recorder" };
        char hour[KEY_STORE_HOUR_ROOM];
        struct buf text;

        memcpy(recipient.public_key, to, sizeof recipient.public_key);
        key_store_hour(s->seals[0].first_arrival_us, hour);
        buf_init(&text, KEY_STORE_FILE_MAX);
        assert_int_equal(key_store_wrap(STREAM, hour, s->hour_key, &recipient, 1, &text, NULL), 0);
        return text;
}

static void ask(struct bytes head, struct bytes seal, struct bytes text)
{
        const struct message_key_ask q = { .head = head, .seal = seal, .key_file = text };
        unsigned before = player.keys + player.refused;
        struct buf body;

        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_key_ask_pack(&q, &body, NULL), 0);
        memset(player.key, 0, sizeof player.key);
        assert_int_equal(
                chan_send(player.chan, MESSAGE_KEY_ASK, buf_bytes(&body), NULL, 0, NULL), 0);
        loop_run(loop);
        assert_int_equal(player.keys + player.refused, before + 1);
        buf_done(&body);
}

/* With the i-th segment of b, and its j-th seal. */
static void ask_for(struct segment_builder *b, unsigned i, unsigned j)
{
        struct buf text = key_file(&b->segments[i], wrap_public);
        struct segment s;

        segment_builder_read(b, i, &s);
        ask(s.header_bytes, s.fragments[j].seal_payload, buf_bytes(&text));
        segment_done(&s);
        buf_done(&text);
}

static void refused(const char *words)
{
        static const uint8_t zeros[16];

        assert_int_equal(player.refused, 1);
        assert_int_equal(player.keys, 0);
        assert_memory_equal(player.key, zeros, 16);
        if (!strstr(player.why.text, words))
                fail_msg("\"%s\" does not say \"%s\"", player.why.text, words);
}

/* --- the site --- */

static void set_site(struct segment_builder_site *s, struct bytes issuer, const char *pem_name)
{
        struct buf pem;

        buf_init(&pem, 65536);
        s->seal_key = sign_key_generate();
        struct verify_key *subject = sign_key_public(s->seal_key);
        buf_init(&s->root, X509_CERT_MAX);
        buf_init(&s->issuer, X509_CERT_MAX);
        buf_init(&s->seal_cert, X509_CERT_MAX);
        assert_int_equal(buf_append(&s->root, site_ca_root(grant_ca), NULL), 0);
        assert_int_equal(buf_append(&s->issuer, issuer, NULL), 0);
        snprintf(s->recorder, sizeof s->recorder, "custos://berlin/recorder/main");
        if (pem_name) { /* a seal's certificate that another issuer of the site made */
                CLEANUP(own_freep) char *path = grant_path(pem_name);
                struct sign_key *key;
                const struct x509_request q = { .purpose = X509_SEAL,
                        .common_name = "main",
                        .uri = s->recorder,
                        .not_before_us = grant_now - DAY,
                        .not_after_us = grant_now + DAY };
                assert_true(file_read(path, 65536, &pem, NULL) >= 0);
                assert_int_equal(sign_key_parse(buf_bytes(&pem), &key, NULL), 0);
                assert_int_equal(x509_issue(&q, s->seal_key, issuer, key, &s->seal_cert, NULL), 0);
                sign_key_free(key);
        } else {
                assert_int_equal(site_ca_issue_seal(grant_ca, "main", subject, grant_now, 30,
                                         &s->seal_cert, NULL),
                        0);
        }
        verify_key_free(subject);
        buf_done(&pem);
}

static struct segment_builder *build(
        const struct segment_builder_site *of, const char *stream, int64_t start_us)
{
        struct segment_builder *b = segment_builder_new(&(struct segment_builder_options){
                .seed = 1, .site = of, .stream = stream, .start_us = start_us });

        segment_builder_run(b, "SIPPIPPIPPSIPPIPP");
        return b;
}

static int set_up(void **state)
{
        uint8_t private_key[HPKE_PRIVATE_BYTES], other[HPKE_PRIVATE_BYTES];
        char hex[2 * HPKE_PRIVATE_BYTES + 1];

        assert_int_equal(grant_set_up(state), 0);
        hpke_generate(private_key, wrap_public);
        hpke_generate(other, other_public);
        str_hex(hex, BYTES(private_key, sizeof private_key));
        grant_put("recorder/wrap.key", bytes_str(hex));
        set_site(&site, site_ca_issuer_cert(grant_ca, SITE_CA_SEALS), NULL);
        set_site(&foreign, site_ca_issuer_cert(grant_ca, SITE_CA_NODES), "site/nodes.key");
        builder = build(&site, STREAM, grant_now);
        return 0;
}

static int tear_down(void **state)
{
        struct segment_builder_site *const sites[] = { &site, &foreign };

        segment_builder_free(builder);
        for (unsigned i = 0; i < 2; i++) {
                buf_done(&sites[i]->root);
                buf_done(&sites[i]->issuer);
                buf_done(&sites[i]->seal_cert);
                sign_key_free(sites[i]->seal_key);
        }
        return grant_tear_down(state);
}

static int begin(void **state)
{
        (void)state;
        loop = loop_new();
        grants = sealer_grants_open(grant_state, loop);
        keys = sealer_keys_open(grant_state, loop, grants);
        memset(&player, 0, sizeof player);
        return 0;
}

static int end(void **state)
{
        (void)state;
        player.chan = chan_free(player.chan);
        grants = sealer_grants_free(grants);
        keys = sealer_keys_free(keys);
        loop = loop_free(loop);
        grant_remove("recorder/grants.log");
        return 0;
}

/* --- tests --- */

static void given_for_what_is_granted(void **state)
{
        (void)state;
        open_all();
        for (unsigned i = 0; i < 2; i++) {
                const struct segment_builder_segment *s = &builder->segments[i];
                for (unsigned j = 0; j < 2; j++) { /* each seal of the segment will do */
                        ask_for(builder, i, j);
                        assert_int_equal(player.refused, 0);
                        assert_memory_equal(player.kid, s->kid, 16);
                        assert_memory_equal(player.key, s->key, 16);
                }
        }
}

static void another_stream(void **state)
{
        struct segment_builder *yard = build(&site, "yard-main", grant_now);
        struct segment s, t;

        (void)state;
        open_all();
        ask_for(yard, 0, 0);
        refused("not of lobby-main");
        /* A seal of that stream behind a head of ours. */
        struct buf text = key_file(&builder->segments[0], wrap_public);
        segment_builder_read(builder, 0, &s);
        segment_builder_read(yard, 0, &t);
        ask(s.header_bytes, t.fragments[0].seal_payload, buf_bytes(&text));
        assert_int_equal(player.refused, 2);
        assert_int_equal(player.keys, 0);
        segment_done(&s);
        segment_done(&t);
        buf_done(&text);
        segment_builder_free(yard);
}

static void another_segment(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public);
        struct segment s, t;

        (void)state;
        segment_builder_read(builder, 0, &s);
        segment_builder_read(builder, 1, &t);
        open_all();
        ask(s.header_bytes, t.fragments[0].seal_payload, buf_bytes(&text));
        refused("another segment");
        segment_done(&s);
        segment_done(&t);
        buf_done(&text);
}

/* The same KID in a head that says something else of the segment: its hash is sealed. */
static void another_head(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public), head;
        struct segment s;

        (void)state;
        segment_builder_read(builder, 0, &s);
        buf_init(&head, CHAN_BODY_MAX);
        struct head changed = s.head;
        changed.protection = changed.protection ? 0 : 1;
        struct fmp4_header header = s.header;
        struct buf box;
        buf_init(&box, CHAN_BODY_MAX);
        assert_int_equal(head_format(&changed, &box, NULL), 0);
        header.head = buf_bytes(&box);
        assert_int_equal(fmp4_write_header(&header, &head, NULL), 0);
        open_all();
        ask(buf_bytes(&head), s.fragments[0].seal_payload, buf_bytes(&text));
        refused("not the one that was sealed");
        segment_done(&s);
        buf_done(&box);
        buf_done(&head);
        buf_done(&text);
}

static void another_time(void **state)
{
        const struct seal *first = &builder->segments[0].seals[0];
        struct capability before = granted(grant_now - 600 * SECOND, first->first_arrival_us - 1);
        struct capability behind = granted(first->last_arrival_us + 1, grant_now + 600 * SECOND);

        (void)state;
        open_channel(&before, CAPABILITY_PLAYBACK, STREAM);
        ask_for(builder, 0, 0);
        refused("time");
        assert_int_equal(player.why.fault, FAULT_NOT_GRANTED);
        open_channel(&behind, CAPABILITY_PLAYBACK, STREAM);
        ask_for(builder, 0, 0);
        refused("time");
        ask_for(builder, 0, 1); /* of the same segment, and granted */
        assert_int_equal(player.keys, 1);
}

static void seal_that_is_not_the_sites(void **state)
{
        struct segment_builder_site *other = segment_builder_site_new("berlin");
        struct segment_builder *theirs = build(other, STREAM, grant_now);
        struct segment_builder *nodes = build(&foreign, STREAM, grant_now);

        (void)state;
        open_all();
        ask_for(theirs, 0, 0); /* below another root */
        refused("certificate");
        ask_for(nodes, 0, 0); /* below ours, by an issuer that is for nodes */
        assert_int_equal(player.refused, 2);
        assert_int_equal(player.keys, 0);
        assert_non_null(strstr(player.why.text, "certificate"));
        segment_builder_free(theirs);
        segment_builder_free(nodes);
        segment_builder_site_free(other);
}

/* Every byte of a seal counts. */
static void seal_that_was_changed(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public), changed;
        struct segment s;

        (void)state;
        segment_builder_read(builder, 0, &s);
        buf_init(&changed, SEAL_BYTES_MAX);
        open_all();
        struct bytes payload = s.fragments[0].seal_payload;
        for (size_t i = 0; i < payload.n; i += 7) {
                buf_clear(&changed);
                assert_int_equal(buf_append(&changed, payload, NULL), 0);
                changed.p[i] ^= 1;
                ask(s.header_bytes, buf_bytes(&changed), buf_bytes(&text));
        }
        assert_int_equal(player.keys, 0);
        assert_int_equal(player.refused, (payload.n + 6) / 7);
        segment_done(&s);
        buf_done(&changed);
        buf_done(&text);
}

static void key_file_that_is_not_good(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public);
        struct buf others = key_file(&builder->segments[0], other_public);
        struct segment s;

        (void)state;
        segment_builder_read(builder, 0, &s);
        struct bytes seal = s.fragments[0].seal_payload;
        open_all();
        ask(s.header_bytes, seal, buf_bytes(&others));
        refused("wrapped");
        const char *at = strstr((const char *)text.p, "\"wrapped\"");
        assert_non_null(at);
        uint8_t *digit = text.p + (at - (const char *)text.p) + 14;
        *digit = *digit == '0' ? '1' : '0';
        ask(s.header_bytes, seal, buf_bytes(&text));
        ask(s.header_bytes, seal, BYTES("{}", 2));
        ask(s.header_bytes, seal, BYTES(NULL, 0));
        ask(BYTES("x", 1), seal, buf_bytes(&others));
        ask(bytes_sub(s.header_bytes, 0, s.header_bytes.n - 1), seal, buf_bytes(&others));
        assert_int_equal(player.refused, 6);
        assert_int_equal(player.keys, 0);
        segment_done(&s);
        buf_done(&text);
        buf_done(&others);
}

static void grant_that_is_not_for_it(void **state)
{
        struct capability c = granted(grant_now, grant_now + SECOND);

        (void)state;
        c.use = CAPABILITY_LIVE;
        c.from_us = c.until_us = 0;
        open_channel(&c, CAPABILITY_PLAYBACK, STREAM);
        assert_int_equal(player.not_granted, 1);
        c = granted(grant_now, grant_now + SECOND);
        open_channel(&c, CAPABILITY_EXPORT, STREAM);
        assert_int_equal(player.not_granted, 1);
        c = granted(grant_now, grant_now + SECOND);
        open_channel(&c, CAPABILITY_PLAYBACK, "yard-main");
        assert_int_equal(player.not_granted, 1);
        assert_int_equal(player.granted, 0);
        c = granted(grant_now, grant_now + SECOND); /* another one may be good */
        offer(&c, CAPABILITY_PLAYBACK, STREAM);
        assert_int_equal(player.granted, 1);
}

/* For the same stream and use; one that is refused takes nothing away. */
static void later_grant(void **state)
{
        const struct seal *first = &builder->segments[0].seals[0];
        struct capability early = granted(grant_now, first->last_arrival_us);
        struct capability late = granted(grant_now, grant_now + 600 * SECOND);
        struct capability yard = granted(grant_now, grant_now + 600 * SECOND);

        (void)state;
        open_channel(&early, CAPABILITY_PLAYBACK, STREAM);
        ask_for(builder, 1, 0);
        refused("time");
        offer(&yard, CAPABILITY_PLAYBACK, "yard-main");
        offer(&yard, CAPABILITY_EXPORT, STREAM);
        assert_int_equal(player.not_granted, 2);
        ask_for(builder, 0, 0);
        assert_int_equal(player.keys, 1);
        offer(&late, CAPABILITY_PLAYBACK, STREAM);
        assert_int_equal(player.granted, 2);
        ask_for(builder, 1, 0);
        assert_int_equal(player.keys, 2);
        assert_int_equal(player.refused, 1);
}

/* Both while the first one waits for the log: no question is lost. */
static void grant_while_a_key_is_asked_for(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public), token, body;
        struct capability later = granted(grant_now, grant_now + 600 * SECOND);
        struct message_key_grant g = { .use = CAPABILITY_PLAYBACK, .stream = STREAM };
        struct segment s;

        (void)state;
        open_all();
        segment_builder_read(builder, 0, &s);
        token = grant_token(&later);
        g.token = buf_bytes(&token);
        const struct message_key_ask q = { s.header_bytes, s.fragments[0].seal_payload,
                buf_bytes(&text) };
        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_key_grant_pack(&g, &body, NULL), 0);
        assert_int_equal(
                chan_send(player.chan, MESSAGE_KEY_GRANT, buf_bytes(&body), NULL, 0, NULL), 0);
        buf_clear(&body);
        assert_int_equal(message_key_ask_pack(&q, &body, NULL), 0);
        assert_int_equal(
                chan_send(player.chan, MESSAGE_KEY_ASK, buf_bytes(&body), NULL, 0, NULL), 0);
        while (!player.ended && (player.granted < 2 || !player.keys))
                loop_run(loop);
        assert_int_equal(player.ended, 0);
        buf_done(&body);
        buf_done(&token);
        buf_done(&text);
        segment_done(&s);
}

static void no_key_without_a_grant(void **state)
{
        struct buf text = key_file(&builder->segments[0], wrap_public), body;
        struct segment s;

        (void)state;
        segment_builder_read(builder, 0, &s);
        const struct message_key_ask q = { s.header_bytes, s.fragments[0].seal_payload,
                buf_bytes(&text) };
        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_key_ask_pack(&q, &body, NULL), 0);
        begin_channel();
        assert_int_equal(
                chan_send(player.chan, MESSAGE_KEY_ASK, buf_bytes(&body), NULL, 0, NULL), 0);
        loop_run(loop);
        assert_int_equal(player.ended, 1);
        assert_int_equal(player.keys + player.refused, 0);
        buf_done(&body);
        buf_done(&text);
        segment_done(&s);
}

static void on_soon(void *owner)
{
        (void)owner;
        loop_stop(loop);
}

static void no_more_channels_than_players(void **state)
{
        struct timer soon = { 0 };
        int pairs[SEALER_KEYS_CHANNELS_MAX][2];

        (void)state;
        for (unsigned i = 0; i < SEALER_KEYS_CHANNELS_MAX; i++) {
                assert_int_equal(chan_pair(pairs[i], NULL), 0);
                sealer_keys_add(keys, pairs[i][1]);
        }
        begin_channel();
        timer_start(&soon, loop, 2000, 0, on_soon, NULL); /* else nothing happens */
        loop_run(loop);
        timer_done(&soon);
        assert_int_equal(player.ended, 1);
        for (unsigned i = 0; i < SEALER_KEYS_CHANNELS_MAX; i++)
                close(pairs[i][0]);
        timer_start(&soon, loop, 100, 0, on_soon, NULL); /* their ends are noticed by then */
        loop_run(loop);
        timer_done(&soon);
        open_all();
}

/* It is judged at each key anew: a channel outlives no grant. */
static void grant_that_runs_out(void **state)
{
        struct capability c = granted(grant_now, grant_now + 600 * SECOND);

        (void)state;
        int64_t now_us = clock_wall_us();
        c.issued_us = now_us / SECOND * SECOND - 60 * SECOND;
        c.expires_us = now_us / SECOND * SECOND - (CAPABILITY_SKEW_S - 2) * SECOND;
        open_channel(&c, CAPABILITY_PLAYBACK, STREAM);
        assert_int_equal(player.granted, 1);
        ask_for(builder, 0, 0);
        assert_int_equal(player.keys, 1);
        while (clock_wall_us() < c.expires_us + (CAPABILITY_SKEW_S + 1) * SECOND)
                usleep(50000);
        ask_for(builder, 0, 0);
        assert_int_equal(player.keys, 1);
        assert_int_equal(player.refused, 1);
        assert_int_equal(player.why.fault, FAULT_GRANT_EXPIRED);
}

static void no_key_where_wrap_key_is_not_there(void **state)
{
        struct buf before;
        CLEANUP(own_freep) char *path = grant_path("recorder/wrap.key");

        (void)state;
        buf_init(&before, 256);
        assert_true(file_read(path, 256, &before, NULL) >= 0);
        grant_remove("recorder/wrap.key");
        sealer_keys_free(keys);
        keys = sealer_keys_open(grant_state, loop, grants);
        grant_put("recorder/wrap.key", buf_bytes(&before));
        buf_done(&before);
        open_all();
        ask_for(builder, 0, 0);
        refused("wrap.key");
}

static void not_what_a_player_says(void **state)
{
        struct err e;

        (void)state;
        open_all();
        assert_int_equal(
                chan_send(player.chan, MESSAGE_SEGMENT_OPEN, BYTES(NULL, 0), NULL, 0, &e), 0);
        loop_run(loop);
        assert_int_equal(player.ended, 1);
        open_all();
        assert_int_equal(chan_send(player.chan, MESSAGE_KEY_ASK, BYTES("x", 1), NULL, 0, &e), 0);
        loop_run(loop);
        refused("malformed");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(given_for_what_is_granted, begin, end),
                cmocka_unit_test_setup_teardown(another_stream, begin, end),
                cmocka_unit_test_setup_teardown(another_segment, begin, end),
                cmocka_unit_test_setup_teardown(another_head, begin, end),
                cmocka_unit_test_setup_teardown(another_time, begin, end),
                cmocka_unit_test_setup_teardown(seal_that_is_not_the_sites, begin, end),
                cmocka_unit_test_setup_teardown(seal_that_was_changed, begin, end),
                cmocka_unit_test_setup_teardown(key_file_that_is_not_good, begin, end),
                cmocka_unit_test_setup_teardown(grant_that_is_not_for_it, begin, end),
                cmocka_unit_test_setup_teardown(later_grant, begin, end),
                cmocka_unit_test_setup_teardown(grant_while_a_key_is_asked_for, begin, end),
                cmocka_unit_test_setup_teardown(no_key_without_a_grant, begin, end),
                cmocka_unit_test_setup_teardown(no_more_channels_than_players, begin, end),
                cmocka_unit_test_setup_teardown(grant_that_runs_out, begin, end),
                cmocka_unit_test_setup_teardown(no_key_where_wrap_key_is_not_there, begin, end),
                cmocka_unit_test_setup_teardown(not_what_a_player_says, begin, end),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
