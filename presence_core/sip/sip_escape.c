#include "sip_escape.h"

#include <string.h>

static const struct {
    char c;
    const char *code;
} codes[] = {
    { ' ', "20" }, { '"', "22" }, { '&', "26" }, { '\'', "27" }, { '/', "2f" },
    { ':', "3a" }, { '<', "3c" }, { '>', "3e" }, { '@', "40" },  { '\\', "5c" },
};

enum { CODES = sizeof(codes) / sizeof(codes[0]) };

/* The code that 's' begins with, behind its backslash; CODES: none. */
static size_t code_at(struct gw_str s)
{
    size_t i = s.p[0] == '\\' ? 0 : CODES;

    while (i < CODES && !gw_str_is(gw_str_sub(s, 1, 3), codes[i].code))
        i++;
    return i;
}

static const char *code_of(char c)
{
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].c == c)
            return codes[i].code;
    }
    return NULL;
}

void sip_jid_escape(struct gw_str user, struct gw_buf *out)
{
    for (size_t i = 0; i < user.len; i++) {
        const char *code = code_of(user.p[i]);

        /* A backslash only where it would be taken for ours. */
        if (user.p[i] == '\\' && code_at(gw_str_sub(user, i, user.len)) == CODES)
            code = NULL;
        if (code)
            gw_buf_addf(out, "\\%s", code);
        else
            gw_buf_add_char(out, user.p[i]);
    }
}

void sip_jid_unescape(struct gw_str local, struct gw_buf *out)
{
    for (size_t i = 0; i < local.len; i++) {
        size_t code = code_at(gw_str_sub(local, i, local.len));

        gw_buf_add_char(out, code < CODES ? codes[code].c : local.p[i]);
        if (code < CODES)
            i += 2;
    }
}
