/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/role_users.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/own.h"

#define ROLE_USERS_ENTRY_MAX 16384

static const char *const role_users_names[ROLE_USERS] = {
        [ROLE_USER_ROOT] = "root",
        [ROLE_USER_MANAGER] = "custos-manager",
        [ROLE_USER_RECORDER] = "custos-recorder",
        [ROLE_USER_SEALER] = "custos-sealer",
        [ROLE_USER_VOLUME] = "custos-volume",
        [ROLE_USER_WORKER] = "custos-worker",
        [ROLE_USER_CONNECTOR] = "custos-connector",
        [ROLE_USER_PLAYER] = "custos-player",
        [ROLE_USER_GATEWAY] = "custos-gateway",
        [ROLE_USER_TRANSCODER] = "custos-transcoder",
        [ROLE_USER_MANAGER_PORTER] = "custos-manager-porter",
        [ROLE_USER_RECORDER_PORTER] = "custos-recorder-porter",
        [ROLE_USER_GATEWAY_PORTER] = "custos-gateway-porter",
};

static const struct {
        const char *role, *whose; /* whose: "" any */
        enum role_user_of user;
} role_users_roles[] = {
        { "manager", "", ROLE_USER_MANAGER },
        { "parent", "", ROLE_USER_RECORDER },
        { "sealer", "", ROLE_USER_SEALER },
        { "connector", "", ROLE_USER_CONNECTOR },
        { "worker", "", ROLE_USER_WORKER },
        { "prober", "", ROLE_USER_WORKER },
        { "volume", "", ROLE_USER_VOLUME },
        { "scrubber", "", ROLE_USER_PLAYER },
        { "player", "", ROLE_USER_PLAYER },
        { "gateway", "", ROLE_USER_GATEWAY },
        { "transcoder", "", ROLE_USER_TRANSCODER },
        { "porter", "manager", ROLE_USER_MANAGER_PORTER },
        { "porter", "recorder", ROLE_USER_RECORDER_PORTER },
        { "porter", "gateway", ROLE_USER_GATEWAY_PORTER },
};

#define DIR_OF(user, bits) .owner = (user), .group = (user), .mode = (bits), .is_dir = true
#define FILE_OF(user, bits) .owner = (user), .group = (user), .mode = (bits)

/* Where others than the owner may pass (0711) lie certificates that several roles read at their
 * start, or the port that porters read; a key's own mode keeps it. The manager makes files beside
 * the other roles' directories, so the bit that keeps it from moving those (sticky) is set. */
const struct role_place role_places[] = {
        { "site.sqlite", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "site.sqlite-wal", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "site.sqlite-shm", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "tls-memory.json", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "audit.log", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "control.sock", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "restored", FILE_OF(ROLE_USER_MANAGER, 0600) },
        { "site", DIR_OF(ROLE_USER_MANAGER, 0700), .whole = true },
        { "manager", DIR_OF(ROLE_USER_MANAGER, 0711), .make = true, .whole = true },
        { "manager/lock", FILE_OF(ROLE_USER_ROOT, 0600) },
        { "manager/port", FILE_OF(ROLE_USER_MANAGER_PORTER, 0644), .make = true },
        { "recorder", DIR_OF(ROLE_USER_SEALER, 0711), .make = true, .whole = true },
        { "recorder/port", FILE_OF(ROLE_USER_RECORDER_PORTER, 0600), .make = true },
        { "storage", DIR_OF(ROLE_USER_RECORDER, 0700), .make = true, .whole = true },
        { "vault", DIR_OF(ROLE_USER_VOLUME, 0700), .whole = true, .large = true },
        { "node", DIR_OF(ROLE_USER_ROOT, 0711) },
        { "node/manager", DIR_OF(ROLE_USER_MANAGER_PORTER, 0700), .whole = true },
        { "node/recorder", DIR_OF(ROLE_USER_RECORDER_PORTER, 0711), .whole = true },
        { "node/gateway", DIR_OF(ROLE_USER_GATEWAY_PORTER, 0711), .whole = true },
        { "gateway", .owner = ROLE_USER_GATEWAY_PORTER, .group = ROLE_USER_GATEWAY, .mode = 01770,
                .is_dir = true, .make = true, .whole = true },
        { "gateway/web.key", .owner = ROLE_USER_GATEWAY_PORTER, .group = ROLE_USER_GATEWAY,
                .mode = 0640 },
        { "gateway/web.key.new", .owner = ROLE_USER_GATEWAY_PORTER, .group = ROLE_USER_GATEWAY,
                .mode = 0640 },
        { "gateway/lock", FILE_OF(ROLE_USER_ROOT, 0600) },
        { "gateway/port", FILE_OF(ROLE_USER_GATEWAY, 0644) },
        { "gateway/metrics_token", FILE_OF(ROLE_USER_GATEWAY, 0600) },
        /* Last: who it belonged to is asked until all is done. */
        { "", .owner = ROLE_USER_ROOT, .group = ROLE_USER_MANAGER, .mode = 01771, .is_dir = true },
};

const unsigned role_places_n = ARRAY_LEN(role_places);

static int role_users_look(const char *name, struct proc_user *ret, struct err *e)
{
        struct passwd entry, *found = NULL;
        CLEANUP(own_freep) char *room = xcalloc(1, ROLE_USERS_ENTRY_MAX);

        if (getpwnam_r(name, &entry, room, ROLE_USERS_ENTRY_MAX, &found) != 0 || !found)
                return err_set(e, ERR_NOT_FOUND, "there is no user %s", name);
        if (entry.pw_uid == 0 || entry.pw_gid == 0)
                return err_set(e, ERR_INVALID, "the user %s has root's number", name);
        *ret = (struct proc_user){ .uid = entry.pw_uid, .gid = entry.pw_gid };
        return 0;
}

/* A TPM's device is its group's: where an administrator put the manager into that, it stays there.
 */
static unsigned role_users_tpm_group(void)
{
        struct group entry, *found = NULL;
        CLEANUP(own_freep) char *room = xcalloc(1, ROLE_USERS_ENTRY_MAX);

        if (getgrnam_r("tss", &entry, room, ROLE_USERS_ENTRY_MAX, &found) != 0 || !found)
                return 0;
        for (char **member = entry.gr_mem; *member; member++) {
                if (strcmp(*member, role_users_names[ROLE_USER_MANAGER]) == 0)
                        return entry.gr_gid;
        }
        return 0;
}

int role_users_find(struct role_users *ret, struct err *e)
{
        struct role_users u = { 0 };

        for (unsigned i = ROLE_USER_ROOT + 1; i < ROLE_USERS; i++) {
                int r = role_users_look(role_users_names[i], &u.list[i], e);
                if (r < 0)
                        return r;
                for (unsigned j = 0; j < i; j++) {
                        if (u.list[j].uid == u.list[i].uid)
                                return err_set(e, ERR_INVALID,
                                        "the users %s and %s have one number: they are one user",
                                        role_users_names[j], role_users_names[i]);
                }
        }
        if (u.list[ROLE_USER_GATEWAY_PORTER].gid != u.list[ROLE_USER_GATEWAY].gid)
                return err_set(e, ERR_INVALID, "the group of the user %s is not that of %s",
                        role_users_names[ROLE_USER_GATEWAY_PORTER],
                        role_users_names[ROLE_USER_GATEWAY]);
        u.list[ROLE_USER_MANAGER].also = role_users_tpm_group();
        *ret = u;
        return 0;
}

const char *role_users_name(enum role_user_of user)
{
        return role_users_names[user];
}

bool role_users_of(const char *role, const char *whose, enum role_user_of *ret)
{
        for (unsigned i = 0; i < ARRAY_LEN(role_users_roles); i++) {
                if (strcmp(role_users_roles[i].role, role) == 0 &&
                        (!role_users_roles[i].whose[0] ||
                                (whose && strcmp(role_users_roles[i].whose, whose) == 0))) {
                        *ret = role_users_roles[i].user;
                        return true;
                }
        }
        return false;
}
