/* Names in the one form that everybody compares. Nearly all are ASCII and done by hand; the rest goes
 * through ICU: nodeprep for the id, UTS 46 for the domain, as the XMPP front-end does with the
 * addresses that clients send. */
#include <string.h>
#include <unicode/uidna.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "dir_priv.h"
#include "gw_log.h"

enum { UNITS_MAX = 4 * 1024 }; /* UTF-16; folding and normalising can lengthen */

static bool is_ascii(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        c |= 0x20;
    return c;
}

/* --- ids */

/* RFC 7622 3.3.1, and no space or control character. */
static bool is_allowed_in_id(char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"&'/:<>@", c);
}

static enum gw_code id_check_ascii(struct gw_str id, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    for (size_t i = 0; i < id.len; i++)
        if (!is_allowed_in_id(id.p[i]))
            return gw_fail(err, GW_INVALID, "user id %s: character %s is not allowed",
                           gw_quote(id, quoted),
                           gw_quote(gw_str_sub(id, i, i + 1), (char[GW_QUOTE_MAX]){ 0 }));
    return GW_OK;
}

/* Length of what was written, or -1. */
static int32_t prepare_id(struct gw_str id, char *out, int32_t out_max)
{
    UChar wide[UNITS_MAX], done[UNITS_MAX];
    UErrorCode rc = U_ZERO_ERROR;
    UStringPrepProfile *profile = usprep_openByType(USPREP_RFC3920_NODEPREP, &rc);
    int32_t len = 0, n = 0, written = 0;

    u_strFromUTF8(wide, UNITS_MAX, &len, id.p, (int32_t)id.len, &rc);
    n = usprep_prepare(profile, wide, len, done, UNITS_MAX, USPREP_DEFAULT, NULL, &rc);
    u_strToUTF8(out, out_max, &written, done, n, &rc);
    if (profile)
        usprep_close(profile);
    return U_FAILURE(rc) ? -1 : written;
}

/* A few characters change again when prepared a second time: as a key they would never be met. */
static bool is_stable_id(const char *text, int32_t n)
{
    char again[4 * DIR_ID_MAX];

    return prepare_id((struct gw_str){ text, (size_t)n }, again, sizeof(again)) == n &&
           !memcmp(text, again, (size_t)n);
}

static enum gw_code id_by_icu(struct gw_str id, struct gw_buf *out, struct gw_err *err)
{
    char text[4 * DIR_ID_MAX], quoted[GW_QUOTE_MAX];
    int32_t n = prepare_id(id, text, sizeof(text));

    if (n <= 0 || (n <= DIR_ID_MAX && !is_stable_id(text, n)))
        return gw_fail(err, GW_INVALID, "user id %s has a character that is not allowed",
                       gw_quote(id, quoted));
    if (n > DIR_ID_MAX)
        return gw_fail(err, GW_INVALID, "user id is longer than %d bytes", DIR_ID_MAX);
    gw_buf_add(out, text, (size_t)n);
    return GW_OK;
}

enum gw_code dir_id_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    enum gw_code code;

    if (!text.len)
        return gw_fail(err, GW_INVALID, "user id is empty");
    if (text.len > DIR_ID_MAX)
        return gw_fail(err, GW_INVALID, "user id is longer than %d bytes", DIR_ID_MAX);
    if (!gw_str_is_utf8(text))
        return gw_fail(err, GW_INVALID, "user id is not UTF-8");
    if (!is_ascii(text))
        return id_by_icu(text, out, err);
    code = id_check_ascii(text, err);
    for (size_t i = 0; !code && i < text.len; i++)
        gw_buf_add_char(out, lower(text.p[i]));
    return code;
}

/* --- domains */

static bool has_a_label(struct gw_str s)
{
    for (size_t i = 0; i + 4 <= s.len; i++)
        if (gw_str_iis(gw_str_sub(s, i, i + 4), "xn--"))
            return true;
    return false;
}

typedef int32_t idna_fn(const UIDNA *idna, const char *name, int32_t length, char *dest,
                        int32_t capacity, UIDNAInfo *info, UErrorCode *rc);

static bool by_idna(idna_fn *convert, struct gw_str in, struct gw_buf *out)
{
    const uint32_t options = UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                             UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode rc = U_ZERO_ERROR;
    UIDNA *idna = uidna_openUTS46(options, &rc);
    char text[4 * DIR_DOMAIN_MAX];
    int32_t n = 0;

    if (U_SUCCESS(rc))
        n = convert(idna, in.p, (int32_t)in.len, text, sizeof(text), &info, &rc);
    if (idna)
        uidna_close(idna);
    if (U_FAILURE(rc) || info.errors || n <= 0 || n > DIR_DOMAIN_MAX)
        return false;
    gw_buf_add(out, text, (size_t)n);
    return true;
}

/* Conversion to U-labels checks no lengths: what comes out must be a name of DNS, and stay as it is. */
static bool u_labels(struct gw_str in, struct gw_buf *out)
{
    struct gw_buf name, again, ascii;
    bool ok;

    gw_buf_init(&name, 4 * DIR_DOMAIN_MAX);
    gw_buf_init(&again, 4 * DIR_DOMAIN_MAX);
    gw_buf_init(&ascii, 4 * DIR_DOMAIN_MAX);
    ok = by_idna(uidna_nameToUnicodeUTF8, in, &name) &&
         by_idna(uidna_nameToUnicodeUTF8, gw_buf_str(&name), &again) &&
         gw_str_eq(gw_buf_str(&name), gw_buf_str(&again)) &&
         by_idna(uidna_nameToASCII_UTF8, gw_buf_str(&name), &ascii) &&
         gw_str_is_host_name(gw_buf_str(&ascii));
    if (ok)
        gw_buf_add_str(out, gw_buf_str(&name));
    gw_buf_done(&name);
    gw_buf_done(&again);
    gw_buf_done(&ascii);
    return ok;
}

enum gw_code dir_domain_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (text.len > 1 && text.p[text.len - 1] == '.') /* RFC 7622 3.2: the dot of the root goes */
        text.len--;
    if (!text.len)
        return gw_fail(err, GW_INVALID, "domain is empty");
    if (text.len > DIR_DOMAIN_MAX)
        return gw_fail(err, GW_INVALID, "domain is longer than %d bytes", DIR_DOMAIN_MAX);
    if (!is_ascii(text) || has_a_label(text)) {
        if (gw_str_is_utf8(text) && u_labels(text, out))
            return GW_OK;
    } else if (gw_str_is_host_name(text)) {
        for (size_t i = 0; i < text.len; i++)
            gw_buf_add_char(out, lower(text.p[i]));
        return GW_OK;
    }
    return gw_fail(err, GW_INVALID, "%s is not a domain name", gw_quote(text, quoted));
}

enum gw_code dir_domain_ascii(struct gw_str normalised, struct gw_buf *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (is_ascii(normalised))
        gw_buf_add_str(out, normalised);
    else if (!by_idna(uidna_nameToASCII_UTF8, normalised, out))
        return gw_fail(err, GW_INVALID, "%s is too long for DNS", gw_quote(normalised, quoted));
    return GW_OK;
}

enum gw_code dir_jid_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str id, domain;
    enum gw_code code;

    if (!gw_str_cut(text, "@", &id, &domain))
        return gw_fail(err, GW_INVALID, "user %s: must be of the form id@domain",
                       gw_quote(text, quoted));
    code = dir_id_normalise(id, out, err);
    if (code)
        return code;
    gw_buf_add_char(out, '@');
    return dir_domain_normalise(domain, out, err);
}
