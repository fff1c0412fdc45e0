/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/password_rule.h"

#include "base/str.h"

#define PASSWORD_RULE_PIECES 6 /* as many as a password falls into at least */
#define PASSWORD_RULE_NAME 4   /* a shorter name may be in it by chance */

/* What passwords are made of most often, by hand: words of four letters or more, in plain letters.
 * Between them years, repeats and rows need no list. */
static const char *const password_rule_words[] = { "abcd", "access", "account", "admin",
        "administrator", "adobe", "aaron", "alarm", "albert", "alex", "alexander", "alice", "alpha",
        "amanda", "america", "amor", "andrea", "andreas", "andrew", "angel", "angela", "anna",
        "anthony", "apple", "april", "arsenal", "arthur", "asdf", "ashley", "asshole", "august",
        "austin", "autumn", "baby", "babygirl", "backup", "bailey", "banana", "barcelona",
        "baseball", "basketball", "batman", "bayern", "beach", "bear", "beer", "benjamin", "berlin",
        "bitch", "black", "blink", "blue", "bond", "boomer", "boss", "boston", "brandon", "brian",
        "buddy", "business", "butterfly", "buster", "camera", "cameras", "canada", "captain",
        "carlos", "casper", "cctv", "changeme", "change", "charles", "charlie", "cheese", "chelsea",
        "cherry", "chicago", "chicken", "chocolate", "christian", "christmas", "cisco", "claudia",
        "client", "cocacola", "coffee", "company", "computer", "control", "cookie", "corvette",
        "custos", "dallas", "daniel", "daniela", "database", "david", "december", "default", "demo",
        "denis", "dennis", "deutschland", "diablo", "diamond", "dieter", "director", "doctor",
        "dolphin", "donald", "dragon", "eagle", "elephant", "elizabeth", "emily", "england",
        "enter", "erika", "europe", "everton", "falcon", "family", "february", "ferrari", "fish",
        "fishing", "flower", "fluffy", "football", "ford", "forever", "france", "frank", "franz",
        "freedom", "freiheit", "friday", "friend", "friends", "fritz", "fuck", "fuckyou",
        "fussball", "gabriel", "gateway", "geheim", "george", "germany", "gibson", "ginger", "girl",
        "gold", "golden", "golf", "google", "grace", "green", "guard", "guest", "guitar", "hallo",
        "hallowelt", "hamburg", "hammer", "hannah", "hans", "happy", "harley", "harry", "heather",
        "heaven", "heidi", "hello", "helpme", "herbst", "hockey", "holiday", "home", "honey",
        "horse", "house", "hund", "hunter", "iceman", "ichliebedich", "iloveyou", "inside",
        "internet", "jackson", "jacob", "january", "jasmine", "jason", "jennifer", "jessica",
        "jesus", "john", "johnson", "jonathan", "jordan", "joseph", "joshua", "julia", "julian",
        "july", "june", "justin", "kamera", "kennwort", "killer", "king", "kitty", "kermit",
        "killme", "klaus", "knight", "lakers", "laura", "lauren", "legend", "lennon", "letmein",
        "liebe", "linda", "lion", "lisa", "liverpool", "login", "london", "lord", "lotus", "love",
        "lovely", "loveme", "lover", "lucky", "maggie", "magic", "manager", "manchester", "march",
        "maria", "marina", "mario", "market", "martin", "marvin", "master", "matrix", "matthew",
        "maverick", "melissa", "mercedes", "merlin", "michael", "michelle", "mickey", "miller",
        "minecraft", "monday", "money", "monika", "monitor", "monkey", "monster", "morgan",
        "mother", "mountain", "muenchen", "muffin", "murphy", "music", "mustang", "mustermann",
        "naruto", "nascar", "natalie", "nathan", "network", "newyork", "nicholas", "nicole",
        "nothing", "november", "october", "office", "oliver", "open", "operator", "orange", "oskar",
        "packers", "parola", "pass", "passwd", "passwort", "password", "patrick", "peanut",
        "pepper", "peter", "phoenix", "pictures", "please", "pokemon", "police", "porsche",
        "prince", "princess", "private", "purple", "qazwsx", "qwer", "rabbit", "rachel", "rainbow",
        "ranger", "rebecca", "recorder", "remember", "richard", "robert", "rock", "root", "rosebud",
        "router", "sabine", "samantha", "samsung", "sandra", "saturday", "schalke", "schatz",
        "scooter", "secret", "security", "september", "server", "service", "shadow", "shit",
        "sicher", "sicherheit", "silver", "simple", "slayer", "smith", "snoopy", "soccer", "sommer",
        "sonne", "sophie", "spain", "sparky", "spider", "spiderman", "spring", "star", "starwars",
        "steelers", "stefan", "stephanie", "steven", "summer", "sunday", "sunflower", "sunshine",
        "super", "superman", "supervisor", "support", "surveillance", "susanne", "sweet", "system",
        "taylor", "teddy", "temp", "temppass", "tennis", "test", "tester", "testing", "thomas",
        "thunder", "thursday", "tiger", "tigger", "time", "toor", "trustno", "tuesday", "united",
        "user", "vanessa", "victoria", "video", "viewer", "viking", "vincent", "wachmann", "watch",
        "wednesday", "welcome", "welcometo", "whatever", "white", "wilhelm", "william",
        "willkommen", "windows", "winner", "winston", "winter", "wolf", "xbox", "yamaha", "yankees",
        "yellow", "your", "zaq", "zxcv" };

/* Forwards and backwards. */
static const char *const password_rule_rows[] = { "abcdefghijklmnopqrstuvwxyz",
        "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn", "!@#$%^&*()", "!\"$%&/()=" };

struct password_rule_text {
        char c[PASSWORD_RULE_BYTES];  /* lower case */
        char as[PASSWORD_RULE_BYTES]; /* letters that digits and signs stand for */
        size_t n;
};

static char password_rule_letter(char c)
{
        static const char from[] = "0134578@$!", to[] = "oieastbasi";
        const char *at = c ? strchr(from, c) : NULL;

        return at ? to[at - from] : c;
}

static void password_rule_fold(struct bytes password, struct password_rule_text *t)
{
        t->n = password.n;
        for (size_t i = 0; i < t->n; i++) {
                char c = (char)password.p[i];
                t->c[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
                t->as[i] = password_rule_letter(t->c[i]);
        }
}

static size_t password_rule_word(const struct password_rule_text *t, size_t at)
{
        size_t longest = 0;

        for (size_t i = 0; i < ARRAY_LEN(password_rule_words); i++) {
                size_t n = strlen(password_rule_words[i]);
                if (n > longest && n <= t->n - at &&
                        (memcmp(t->as + at, password_rule_words[i], n) == 0 ||
                                memcmp(t->c + at, password_rule_words[i], n) == 0))
                        longest = n;
        }
        return longest;
}

/* How far text follows the row from one place on, in one direction. */
static size_t password_rule_along(
        const struct password_rule_text *t, size_t at, const char *row, size_t place, int step)
{
        size_t n = 0;

        while (at + n < t->n && place < strlen(row) && t->c[at + n] == row[place]) {
                n++;
                place += (size_t)step;
        }
        return n;
}

static size_t password_rule_row(const struct password_rule_text *t, size_t at)
{
        size_t longest = 0;

        for (size_t i = 0; i < ARRAY_LEN(password_rule_rows); i++) {
                const char *row = password_rule_rows[i];
                for (size_t k = 0; row[k]; k++) {
                        size_t up = password_rule_along(t, at, row, k, 1);
                        size_t down = password_rule_along(t, at, row, k, -1);
                        longest = up > longest ? up : longest;
                        longest = down > longest ? down : longest;
                }
        }
        return longest >= 3 ? longest : 0;
}

/* What stands here, again and again: "aaa", "abab", "abcabc". */
static size_t password_rule_repeat(const struct password_rule_text *t, size_t at)
{
        for (size_t period = 1; period <= t->n / 2; period++) {
                size_t n = period;
                while (at + n < t->n && t->c[at + n] == t->c[at + n - period])
                        n++;
                if (n >= 2 * period && n >= 3)
                        return n - period; /* once it counts for what it is */
        }
        return 0;
}

static size_t password_rule_year(const struct password_rule_text *t, size_t at)
{
        const char *c = t->c + at;

        return t->n - at >= 4 && (memcmp(c, "19", 2) == 0 || memcmp(c, "20", 2) == 0) &&
                               c[2] >= '0' && c[2] <= '9' && c[3] >= '0' && c[3] <= '9'
                       ? 4
                       : 0;
}

/* Words, years, rows and repeats are one piece each, as is any other character. */
static unsigned password_rule_pieces(const struct password_rule_text *t)
{
        unsigned pieces = 0;

        for (size_t at = 0; at < t->n; pieces++) {
                size_t found[] = { password_rule_word(t, at), password_rule_row(t, at),
                        password_rule_repeat(t, at), password_rule_year(t, at) };
                size_t n = 1;
                for (size_t i = 0; i < ARRAY_LEN(found); i++)
                        n = found[i] > n ? found[i] : n;
                at += n;
        }
        return pieces;
}

static bool password_rule_has(const struct password_rule_text *t, const char *name)
{
        struct password_rule_text of = { 0 };

        password_rule_fold(BYTES((const uint8_t *)name, strnlen(name, PASSWORD_RULE_BYTES)), &of);
        for (size_t at = 0; of.n >= PASSWORD_RULE_NAME && at + of.n <= t->n; at++) {
                if (memcmp(t->c + at, of.c, of.n) == 0 || memcmp(t->as + at, of.as, of.n) == 0)
                        return true;
        }
        return false;
}

static size_t password_rule_characters(struct bytes password)
{
        size_t n = 0;

        for (size_t i = 0; i < password.n; i++)
                n += (password.p[i] & 0xc0) != 0x80;
        return n;
}

static int password_rule_weak(struct err *e, const char *why)
{
        return err_fault(e, ERR_INVALID, FAULT_WEAK_PASSWORD, "the password %s", why);
}

int password_rule_check(struct bytes password, const char *person, const char *site, struct err *e)
{
        struct password_rule_text t;
        int r = 0;

        if (password.n > PASSWORD_RULE_BYTES || !str_is_utf8(password))
                return err_set(e, ERR_INVALID, "a password is text of at most %d bytes",
                        PASSWORD_RULE_BYTES);
        if (password_rule_characters(password) < PASSWORD_RULE_CHARACTERS)
                return password_rule_weak(e, "has less than 12 characters");
        password_rule_fold(password, &t);
        if (password_rule_has(&t, person))
                r = password_rule_weak(e, "has the person's name in it");
        else if (password_rule_has(&t, site))
                r = password_rule_weak(e, "has the site's name in it");
        else if (password_rule_pieces(&t) < PASSWORD_RULE_PIECES)
                r = password_rule_weak(e,
                        "is made of what is guessed first: common words, years, repeats, rows of "
                        "keys");
        explicit_bzero(&t, sizeof t);
        return r;
}
