/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody types at the page's door, as text: a name, a role, a password. A name that is taken
 * fits where it is kept; a refusal of a password says why, and never repeats it. */
#include <stdlib.h>

#include "base/str.h"
#include "manager/password_rule.h"
#include "manager/people.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char *text = xcalloc(1, n + 1);
        enum people_role role;
        struct err e = { 0 };

        memcpy(text, data, n);
        if (people_check_name(text, &e) == 0 &&
                (strlen(text) == 0 || strlen(text) >= PEOPLE_NAME_ROOM || strchr(text, '\n')))
                abort();
        if (people_role_parse(text, &role, &e) == 0 && strcmp(people_role_name(role), text) != 0)
                abort();
        e = (struct err){ 0 };
        int r = password_rule_check(BYTES(data, n), "Erika Mustermann", "site", &e);
        if (r < 0 ? !e.text[0] || (n >= PASSWORD_RULE_CHARACTERS && n <= 64 &&
                                          strstr(e.text, text) && strlen(text) == n)
                  : n < PASSWORD_RULE_CHARACTERS || n > PASSWORD_RULE_BYTES)
                abort();
        free(text);
        return 0;
}
