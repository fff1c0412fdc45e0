/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_vaults.h"

#include <stdio.h>

char *cli_vaults_index(const struct cli_args *a)
{
        return a->vaults_n ? NULL : xasprintf("%s/storage", a->state);
}

static int named(const struct cli_args *a, struct vault_set *ret, struct err *e)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < a->vaults_n; i++)
                r = vault_set_add(ret, a->vaults[i], e);
        return r;
}

static int of_recorder(const struct cli_args *a, struct vault_set *ret, struct err *e)
{
        CLEANUP(own_freep) char *directory = cli_vaults_index(a);
        struct volume_list *volumes = xcalloc(1, sizeof *volumes);
        struct index *ix = NULL;
        struct err why;

        int r = volume_list_read(a->state, volumes, &why);
        if (r == 0)
                vault_set_of_list(volumes, ret);
        own_freep(&volumes);
        if (r < 0)
                return err_set(e, r, "%.400s: --state or --vault says where it is", why.text);
        if (vault_set_away_n(ret) == 0)
                return 0;
        if (index_open(directory, &ix, NULL) == 0)
                vault_set_note_seen(ret, ix);
        index_free(ix);
        return 0;
}

int cli_vaults_open(const struct cli_args *a, struct vault_set *ret, struct err *e)
{
        struct vault_set set = { 0 };

        int r = a->vaults_n ? named(a, &set, e) : of_recorder(a, &set, e);
        if (r == 0 && vault_set_away_n(&set) == set.n)
                r = err_set(e, ERR_NOT_FOUND,
                        "there is no vault of %.100s that can be read: %.250s. --state or --vault "
                        "says where it is",
                        a->state, set.n ? set.members[0].away : "it has no volumes");
        if (r < 0) {
                vault_set_done(&set);
                return r;
        }
        *ret = set;
        return 0;
}
