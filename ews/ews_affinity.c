/* Keeping calls together on one server behind a balancer: Exchange names it in a cookie, which is
 * sent back with the other calls of the group. */
#include "ews_priv.h"

/* The first that was given counts: 2013 and later, then 2010. */
static const char *const cookie_table[] = { "X-BackEndOverrideCookie", "exchangecookie" };

/* RFC 6265 4.1.1: what a cookie's value may be made of. It goes into a header as it is. */
static bool is_cookie(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == ';' ||
            s.p[i] == ',')
            return false;
    return s.len && s.len <= EWS_AFFINITY_MAX;
}

/* "name=value" of a line "name=value; path=/; HttpOnly"; false: another cookie. */
static bool read_cookie(struct gw_str line, const char *wanted, struct gw_str *out)
{
    struct gw_str pair = line, name, value;

    (void)gw_str_cut(line, ";", &pair, NULL);
    pair = gw_str_trim(pair);
    if (!gw_str_cut(pair, "=", &name, &value) || !gw_str_iis(name, wanted) || !value.len ||
        !is_cookie(pair))
        return false;
    *out = pair;
    return true;
}

struct gw_str ews_affinity_read(struct gw_str set_cookies, struct gw_arena *arena)
{
    for (size_t i = 0; i < sizeof(cookie_table) / sizeof(cookie_table[0]); i++) {
        struct gw_str rest = set_cookies, line, pair;

        while (rest.len) {
            line = rest;
            if (!gw_str_cut(rest, "\n", &line, &rest))
                rest = (struct gw_str){ NULL, 0 };
            if (read_cookie(line, cookie_table[i], &pair))
                return gw_arena_dup(arena, pair);
        }
    }
    return (struct gw_str){ NULL, 0 };
}

enum gw_code ews_affinity_check(const struct ews_request *request, struct gw_err *err)
{
    if (request->affinity.len && !is_cookie(request->affinity))
        return gw_fail(err, GW_INVALID, "affinity is not a cookie");
    return GW_OK;
}
