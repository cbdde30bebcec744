/* The grammar is ambiguous by itself: a comma ends a parameter or a challenge, and "a b=" may be a
 * scheme with a token or with a parameter. What decides is what follows the first word of an element:
 * '=' makes it a parameter of the challenge before, anything else the scheme of a new one. */
#include "ews_challenge.h"

#include <string.h>

static const char *const scheme_name[EWS_SCHEMES] = {
    [EWS_SCHEME_NEGOTIATE] = "Negotiate",
    [EWS_SCHEME_NTLM] = "NTLM",
    [EWS_SCHEME_BASIC] = "Basic",
    [EWS_SCHEME_BEARER] = "Bearer",
};

const char *ews_scheme_name(enum ews_scheme scheme)
{
    return scheme_name[scheme];
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110 5.6.2: tchar */
static bool is_word(char c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Cuts the next element: up to a comma outside of quotes. False at the end. */
static bool next_element(struct gw_str *rest, struct gw_str *element)
{
    bool quoted = false;
    size_t i;

    if (!rest->len)
        return false;
    for (i = 0; i < rest->len && (quoted || rest->p[i] != ','); i++) {
        if (rest->p[i] == '"')
            quoted = !quoted;
        else if (rest->p[i] == '\\' && quoted && i + 1 < rest->len)
            i++;
    }
    *element = gw_str_trim(gw_str_sub(*rest, 0, i));
    *rest = gw_str_sub(*rest, i + 1, rest->len);
    return true;
}

/* RFC 9110 11.2: token68, what NTLM and Negotiate send. */
static bool is_token68(struct gw_str s)
{
    size_t i = 0, chars;

    while (i < s.len && (is_alnum(s.p[i]) || (s.p[i] && strchr("-._~+/", s.p[i]))))
        i++;
    chars = i;
    while (i < s.len && s.p[i] == '=')
        i++;
    return chars && i == s.len;
}

static void take_challenge(struct gw_str scheme, struct gw_str rest, struct ews_challenges *out)
{
    out->count++;
    for (size_t i = 0; i < EWS_SCHEMES; i++) {
        if (!gw_str_iis(scheme, scheme_name[i]))
            continue;
        out->offered[i] = true;
        if (is_token68(rest) && !out->token[i].len)
            out->token[i] = rest;
    }
}

void ews_challenges_parse(struct gw_str headers, struct ews_challenges *out)
{
    struct gw_str element, word, rest;
    size_t len;

    *out = (struct ews_challenges){ 0 };
    while (next_element(&headers, &element)) {
        for (len = 0; len < element.len && is_word(element.p[len]);)
            len++;
        word = gw_str_sub(element, 0, len);
        rest = gw_str_trim(gw_str_sub(element, len, element.len));
        if (word.len && !gw_str_starts(rest, "="))
            take_challenge(word, rest, out);
    }
}
