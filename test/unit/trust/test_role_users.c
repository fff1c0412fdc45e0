/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "trust/role_users.h"

/* Two roles of one user: those that read footage which others opened, those that talk to cameras
 * with their passwords, and no others. */
static void test_each_role_has_its_own(void **state)
{
        static const struct {
                const char *role, *whose;
        } roles[] = { { "manager", NULL }, { "parent", NULL }, { "sealer", NULL },
                { "connector", NULL }, { "worker", NULL }, { "volume", NULL }, { "player", NULL },
                { "gateway", NULL }, { "transcoder", NULL }, { "porter", "manager" },
                { "porter", "recorder" }, { "porter", "gateway" } };
        bool used[ROLE_USERS] = { [ROLE_USER_ROOT] = true };
        enum role_user_of user, player;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
                assert_true(role_users_of(roles[i].role, roles[i].whose, &user));
                assert_false(used[user]);
                used[user] = true;
                assert_int_equal(strncmp(role_users_name(user), "custos-", 7), 0);
        }
        for (unsigned i = 0; i < ROLE_USERS; i++)
                assert_true(used[i]);
        assert_true(role_users_of("player", NULL, &player));
        assert_true(role_users_of("scrubber", NULL, &user));
        assert_int_equal(user, player);
        assert_true(role_users_of("prober", NULL, &user));
        assert_true(role_users_of("worker", NULL, &player));
        assert_int_equal(user, player);
        assert_false(role_users_of("porter", "camera", &user));
        assert_false(role_users_of("porter", NULL, &user));
        assert_false(role_users_of("run", NULL, &user));
}

/* What is made first is above what is made later; a secret is nobody's but its owner's. */
static void test_places(void **state)
{
        (void)state;
        assert_true(role_places_n > 0);
        for (unsigned i = 0; i < role_places_n; i++) {
                const struct role_place *p = &role_places[i];
                assert_true(p->owner < ROLE_USERS && p->group < ROLE_USERS);
                assert_int_equal(p->mode & 06002, 0); /* nobody else writes */
                if (p->owner != ROLE_USER_ROOT && p->group != p->owner)
                        assert_int_equal(p->mode & 07, 0);
                for (unsigned j = 0; j < i; j++) {
                        size_t n = strlen(p->path);
                        assert_string_not_equal(role_places[j].path, p->path);
                        assert_false(n && strncmp(role_places[j].path, p->path, n) == 0 &&
                                     role_places[j].path[n] == '/');
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_role_has_its_own),
                cmocka_unit_test(test_places),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
