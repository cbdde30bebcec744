/* Nearly all addresses are ASCII and are done by hand; the rest goes through ICU: nodeprep for the
 * local part, as the directory has its user ids (RFC 3920 appendix A; for letters it agrees with
 * UsernameCaseMapped), IDNA for the domain, with U-labels as the form to compare, and OpaqueString
 * (RFC 8265 4.2) for the resource. */
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "xmpp_jid.h"

/* UTF-16 units; folding and normalising can lengthen, what is still too long then is refused. */
enum { UNITS_MAX = 4 * XMPP_JID_PART_MAX };

static bool is_ascii(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    }
    return true;
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c;
}

static bool to_utf16(struct gw_str in, UChar *out, int32_t *len)
{
    UErrorCode rc = U_ZERO_ERROR;

    u_strFromUTF8(out, UNITS_MAX, len, in.p, (int32_t)in.len, &rc);
    return U_SUCCESS(rc);
}

static bool add_utf16(const UChar *in, int32_t len, struct gw_buf *out)
{
    char text[XMPP_JID_PART_MAX + 1];
    UErrorCode rc = U_ZERO_ERROR;
    int32_t n = 0;

    u_strToUTF8(text, XMPP_JID_PART_MAX, &n, in, len, &rc);
    if (U_FAILURE(rc) || n == 0)
        return false;
    gw_buf_add(out, text, (size_t)n);
    return true;
}

static bool is_allowed_local(char c)
{
    return c > 0x20 && c < 0x7F && !strchr("\"&'/:<>@", c);
}

static bool nodeprep(struct gw_str in, struct gw_buf *out)
{
    UChar wide[UNITS_MAX], done[UNITS_MAX];
    UErrorCode rc = U_ZERO_ERROR;
    UStringPrepProfile *profile;
    int32_t len, n = 0;

    if (!to_utf16(in, wide, &len))
        return false;
    profile = usprep_openByType(USPREP_RFC3920_NODEPREP, &rc);
    if (U_SUCCESS(rc))
        n = usprep_prepare(profile, wide, len, done, UNITS_MAX, USPREP_DEFAULT, NULL, &rc);
    if (profile)
        usprep_close(profile);
    return U_SUCCESS(rc) && add_utf16(done, n, out);
}

/* A few characters change again when prepared a second time: what is no fixed form is no name. */
static bool write_stable(bool (*prepare)(struct gw_str in, struct gw_buf *out), struct gw_str in,
                         struct gw_buf *out)
{
    struct gw_buf once, twice;
    bool ok;

    gw_buf_init(&once, XMPP_JID_PART_MAX);
    gw_buf_init(&twice, XMPP_JID_PART_MAX);
    ok = prepare(in, &once) && prepare(gw_buf_str(&once), &twice) &&
         gw_str_eq(gw_buf_str(&once), gw_buf_str(&twice));
    if (ok)
        gw_buf_add_str(out, gw_buf_str(&once));
    gw_buf_done(&once);
    gw_buf_done(&twice);
    return ok;
}

bool xmpp_local_write(struct gw_str in, struct gw_buf *out)
{
    if (!in.len || in.len > XMPP_JID_PART_MAX)
        return false;
    if (!is_ascii(in))
        return write_stable(nodeprep, in, out);
    for (size_t i = 0; i < in.len; i++) {
        if (!is_allowed_local(in.p[i]))
            return false;
        gw_buf_add_char(out, lower(in.p[i]));
    }
    return true;
}

typedef int32_t idna_fn(const UIDNA *idna, const char *name, int32_t length, char *dest,
                        int32_t capacity, UIDNAInfo *info, UErrorCode *rc);

/* text has XMPP_JID_PART_MAX bytes of room. */
static bool by_idna(idna_fn *convert, struct gw_str in, char *text, struct gw_str *out)
{
    const uint32_t options = UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                             UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode rc = U_ZERO_ERROR;
    UIDNA *idna = uidna_openUTS46(options, &rc);
    int32_t n = 0;

    if (U_SUCCESS(rc))
        n = convert(idna, in.p, (int32_t)in.len, text, XMPP_JID_PART_MAX, &info, &rc);
    if (idna)
        uidna_close(idna);
    *out = (struct gw_str){ text, (size_t)n };
    return U_SUCCESS(rc) && !info.errors && n > 0 && n <= XMPP_JID_PART_MAX;
}

/* The conversion to U-labels lets empty labels pass: what comes out must be a name of DNS. */
static bool u_labels(struct gw_str in, struct gw_buf *out)
{
    char unicode[XMPP_JID_PART_MAX], ascii[XMPP_JID_PART_MAX];
    struct gw_str name, in_dns;

    if (!by_idna(uidna_nameToUnicodeUTF8, in, unicode, &name) ||
        !by_idna(uidna_nameToASCII_UTF8, name, ascii, &in_dns) || !gw_str_is_host_name(in_dns))
        return false;
    gw_buf_add_str(out, name);
    return true;
}

static bool is_ip6_literal(struct gw_str s)
{
    if (s.len < 4 || s.p[0] != '[' || s.p[s.len - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (!strchr("0123456789abcdefABCDEF:.", s.p[i]) || !s.p[i])
            return false;
    }
    return true;
}

static bool has_alabel(struct gw_str s)
{
    for (size_t i = 0; i + 4 <= s.len; i++) {
        if (gw_str_iis(gw_str_sub(s, i, i + 4), "xn--"))
            return true;
    }
    return false;
}

bool xmpp_domain_write(struct gw_str in, struct gw_buf *out)
{
    if (in.len && in.p[in.len - 1] == '.') /* RFC 7622 3.2: the dot of the root goes */
        in.len--;
    if (!in.len || in.len > XMPP_JID_PART_MAX)
        return false;
    if (!is_ascii(in) || has_alabel(in))
        return gw_str_is_utf8(in) && write_stable(u_labels, in, out);
    if (!gw_str_is_host_name(in) && !is_ip6_literal(in))
        return false;
    for (size_t i = 0; i < in.len; i++)
        gw_buf_add_char(out, lower(in.p[i]));
    return true;
}

bool xmpp_domain_ascii(struct gw_str in, struct gw_buf *out)
{
    char text[XMPP_JID_PART_MAX];
    struct gw_str ascii = in;

    if (!in.len || in.len > XMPP_JID_PART_MAX)
        return false;
    if (!is_ascii(in) && !by_idna(uidna_nameToASCII_UTF8, in, text, &ascii))
        return false;
    gw_buf_add_str(out, ascii);
    return true;
}

/* RFC 8265 4.2.1: other spaces become SPACE; nothing that is a control or not a character. */
static bool map_opaque(UChar *s, int32_t len)
{
    for (int32_t i = 0; i < len;) {
        int32_t at = i;
        UChar32 c;

        U16_NEXT(s, i, len, c);
        switch (u_charType(c)) {
        case U_SPACE_SEPARATOR:
            s[at] = ' '; /* all of them are in the basic plane */
            break;
        case U_CONTROL_CHAR:
        case U_SURROGATE:
        case U_PRIVATE_USE_CHAR:
        case U_UNASSIGNED:
        case U_LINE_SEPARATOR:
        case U_PARAGRAPH_SEPARATOR:
            return false;
        default:
            break;
        }
    }
    return true;
}

static bool opaque(struct gw_str in, struct gw_buf *out)
{
    UChar wide[UNITS_MAX], done[UNITS_MAX];
    UErrorCode rc = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&rc);
    int32_t len, n;

    if (U_FAILURE(rc) || !to_utf16(in, wide, &len) || !map_opaque(wide, len))
        return false;
    n = unorm2_normalize(nfc, wide, len, done, UNITS_MAX, &rc);
    return U_SUCCESS(rc) && add_utf16(done, n, out);
}

bool xmpp_resource_write(struct gw_str in, struct gw_buf *out)
{
    if (!in.len || in.len > XMPP_JID_PART_MAX)
        return false;
    if (!is_ascii(in))
        return write_stable(opaque, in, out);
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] < 0x20 || in.p[i] == 0x7F)
            return false;
    }
    gw_buf_add_str(out, in);
    return true;
}

static struct gw_str part(const struct gw_buf *b, const struct xmpp_jid *jid, size_t from)
{
    return (struct gw_str){ jid->text + from, b->len - from };
}

static enum gw_code fail(struct gw_buf *b, struct gw_err *err, const char *what)
{
    gw_buf_done(b);
    return gw_fail(err, GW_INVALID, "%s", what);
}

enum gw_code xmpp_jid_make(struct gw_str local, struct gw_str domain, struct gw_str resource,
                           struct xmpp_jid *out, struct gw_err *err)
{
    struct gw_buf b;
    size_t from;

    gw_buf_init(&b, XMPP_JID_TEXT_MAX);
    out->local = out->resource = GW_STR("");
    if (local.len) {
        if (!xmpp_local_write(local, &b))
            return fail(&b, err, "the part before '@' is not a name");
        out->local = part(&b, out, 0);
        gw_buf_add_char(&b, '@');
    }
    from = b.len;
    if (!xmpp_domain_write(domain, &b))
        return fail(&b, err, "the domain is not one");
    out->domain = part(&b, out, from);
    out->bare = part(&b, out, 0);
    if (resource.len) {
        gw_buf_add_char(&b, '/');
        from = b.len;
        if (!xmpp_resource_write(resource, &b))
            return fail(&b, err, "the part after '/' is not a resource");
        out->resource = part(&b, out, from);
    }
    out->full = part(&b, out, 0);
    memcpy(out->text, b.p, b.len);
    out->text[b.len] = '\0';
    gw_buf_done(&b);
    return GW_OK;
}

enum gw_code xmpp_jid_parse(struct gw_str in, struct xmpp_jid *out, struct gw_err *err)
{
    struct gw_str local = GW_STR(""), resource = GW_STR("");

    /* RFC 7622 3.2: the first '/' ends the rest, then the first '@' the local part. */
    if (gw_str_cut(in, "/", &in, &resource) && !resource.len)
        return gw_fail(err, GW_INVALID, "nothing after '/'");
    if (gw_str_cut(in, "@", &local, &in) && !local.len)
        return gw_fail(err, GW_INVALID, "nothing before '@'");
    return xmpp_jid_make(local, in, resource, out, err);
}
