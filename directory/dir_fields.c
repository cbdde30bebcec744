/* The table of a user's fields, and what may stand in them. */
#include <jansson.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "dir_priv.h"
#include "gw_log.h"

/* --- text of any kind */

/* A character that may not stand in a line of text: controls, and the two that UTF-8 may hold and XML
 * may not. */
static bool is_unprintable(struct gw_str s, size_t at)
{
    unsigned char c = (unsigned char)s.p[at];
    struct gw_str next = gw_str_sub(s, at, at + 3);

    return c < 0x20 || c == 0x7f ||
           (c == 0xc2 && next.len > 1 && (unsigned char)next.p[1] < 0xa0) ||
           gw_str_is(next, "\xef\xbf\xbe") || gw_str_is(next, "\xef\xbf\xbf");
}

enum gw_code dir_field_check(const struct dir_field *f, struct gw_str s, struct gw_err *err)
{
    if (s.len > f->max)
        return gw_fail(err, GW_INVALID, "%s is longer than %zu bytes", f->name, f->max);
    if (!gw_str_is_utf8(s))
        return gw_fail(err, GW_INVALID, "%s is not UTF-8", f->name);
    for (size_t i = 0; i < s.len; i++)
        if (is_unprintable(s, i))
            return gw_fail(err, GW_INVALID, "%s has a control character", f->name);
    return f->check && s.len ? f->check(s, err) : GW_OK;
}

/* --- mail and SIP addresses */

static enum gw_code mail_check(struct gw_str mail, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str id, domain;

    if (!gw_str_cut(mail, "@", &id, &domain) || !id.len || !domain.len ||
        gw_str_find(domain, '@') >= 0 || gw_str_find(mail, ' ') >= 0)
        return gw_fail(err, GW_INVALID, "mail address %s: must be of the form name@domain",
                       gw_quote(mail, quoted));
    return GW_OK;
}

/* RFC 3261 section 25.1: unreserved, escaped, user-unreserved. */
static bool is_sip_user(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !(c && strchr("-_.!~*'()&=+$,;?/%", c)))
            return false;
    }
    return s.len > 0;
}

/* An address of record: no port, no parameters. The case of the user part matters (RFC 3261 19.1.4). */
static enum gw_code sip_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str user, host, bare = text;
    struct gw_buf domain;
    enum gw_code code;

    if (gw_str_iis(gw_str_sub(text, 0, 4), "sip:"))
        bare = gw_str_sub(text, 4, text.len);
    if (!gw_str_cut(bare, "@", &user, &host) || !is_sip_user(user))
        return gw_fail(err, GW_INVALID, "sip address %s: must be of the form user@domain",
                       gw_quote(text, quoted));
    gw_buf_init(&domain, 4 * DIR_DOMAIN_MAX);
    code = dir_domain_normalise(host, &domain, err);
    if (!code) {
        gw_buf_add_str(out, user);
        gw_buf_add_char(out, '@');
        code = dir_domain_ascii(gw_buf_str(&domain), out, err);
    }
    gw_buf_done(&domain);
    return code;
}

/* --- language and zone, as ICU knows them */

/* A tag may be well-formed and still say "english": the language must be one of ISO 639. */
static enum gw_code language_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    char tag[DIR_LANGUAGE_MAX + 1] = "", locale[ULOC_FULLNAME_CAPACITY], quoted[GW_QUOTE_MAX];
    char written[DIR_LANGUAGE_MAX + 1];
    UErrorCode rc = U_ZERO_ERROR;
    int32_t parsed = 0, n = 0;

    if (text.len <= DIR_LANGUAGE_MAX) {
        memcpy(tag, text.p, text.len);
        (void)uloc_forLanguageTag(tag, locale, sizeof(locale), &parsed, &rc);
        if (U_SUCCESS(rc) && (size_t)parsed == text.len && *uloc_getISO3Language(locale))
            n = uloc_toLanguageTag(locale, written, sizeof(written), 1, &rc);
    }
    if (U_FAILURE(rc) || n <= 0 || n > DIR_LANGUAGE_MAX)
        return gw_fail(err, GW_INVALID,
                       "language %s is not known: write a tag such as 'en' or 'ja'",
                       gw_quote(text, quoted));
    gw_buf_add(out, written, (size_t)n);
    return GW_OK;
}

/* What ICU would make up from "GMT+3:17" is no zone of the system. */
static bool is_zone(const UChar *wide, int32_t len)
{
    UErrorCode rc = U_ZERO_ERROR;
    UChar canonical[DIR_ZONE_MAX + 1];
    UBool is_system = 0;

    (void)ucal_getCanonicalTimeZoneID(wide, len, canonical, DIR_ZONE_MAX, &is_system, &rc);
    return U_SUCCESS(rc) && is_system;
}

static bool zone_of_any_case(struct gw_str text, struct gw_buf *out)
{
    UErrorCode rc = U_ZERO_ERROR;
    UEnumeration *all = ucal_openTimeZones(&rc);
    const char *name = NULL;

    while (U_SUCCESS(rc) && (name = uenum_next(all, NULL, &rc)))
        if (gw_str_iis(text, name))
            break;
    if (U_SUCCESS(rc) && name)
        gw_buf_add_cstr(out, name);
    uenum_close(all);
    return U_SUCCESS(rc) && name;
}

static bool zone_of_windows(const UChar *wide, int32_t len, struct gw_buf *out)
{
    UErrorCode rc = U_ZERO_ERROR;
    UChar iana[DIR_ZONE_MAX + 1];
    char text[DIR_ZONE_MAX + 1];
    int32_t n = ucal_getTimeZoneIDForWindowsID(wide, len, NULL, iana, DIR_ZONE_MAX, &rc);

    if (U_FAILURE(rc) || n <= 0)
        return false;
    u_UCharsToChars(iana, text, n);
    gw_buf_add(out, text, (size_t)n);
    return true;
}

static enum gw_code zone_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    UChar wide[DIR_ZONE_MAX + 1];
    UErrorCode rc = U_ZERO_ERROR;
    int32_t len = 0;

    u_strFromUTF8(wide, DIR_ZONE_MAX, &len, text.p, (int32_t)text.len, &rc);
    if (U_FAILURE(rc) || gw_str_iis(text, "Etc/Unknown"))
        len = 0;
    if (len > 0 && is_zone(wide, len)) {
        gw_buf_add_str(out, text);
        return GW_OK;
    }
    if (len > 0 && (zone_of_windows(wide, len, out) || zone_of_any_case(text, out)))
        return GW_OK;
    return gw_fail(err, GW_INVALID, "zone %s is not known: write a name such as 'Europe/Berlin'",
                   gw_quote(text, quoted));
}

/* --- the table */

#define EDITABLE(member) offsetof(struct dir_user, member), offsetof(struct dir_user_edit, member)
#define FIXED(member)    offsetof(struct dir_user, member), 0

const struct dir_field dir_fields[DIR_FIELDS] = {
    { "mail", false, DIR_MAIL_MAX, EDITABLE(mail), "the mailbox", mail_check, NULL },
    { "name", false, DIR_DISPLAY_NAME_MAX, EDITABLE(display_name), "the name that people know",
      NULL, NULL },
    { "sip", false, DIR_SIP_MAX, EDITABLE(sip), "the SIP address", NULL, sip_normalise },
    { "department", false, DIR_DEPARTMENT_MAX, EDITABLE(department), "any text", NULL, NULL },
    { "language", false, DIR_LANGUAGE_MAX, EDITABLE(language), "of texts: en, ja ...", NULL,
      language_normalise },
    { "zone", false, DIR_ZONE_MAX, EDITABLE(zone), "time zone: Europe/Berlin, or as Windows says",
      NULL, zone_normalise },
    { "group", false, DIR_GROUP_MAX, EDITABLE(group), "any text; policies may be set for it", NULL,
      NULL },
    { "im", true, 0, EDITABLE(im_enabled), "may log in and has presence", NULL, NULL },
    { "calendar", true, 0, EDITABLE(calendar_enabled), "the calendar shows up in presence", NULL,
      NULL },
    { "hide_oof", true, 0, EDITABLE(hide_oof), "automatic replies are shown to nobody", NULL,
      NULL },
    { "user", false, DIR_JID_MAX, FIXED(jid), "id@domain", NULL, NULL },
    { "id", false, DIR_ID_MAX, FIXED(id), "the part before '@'", NULL, NULL },
    { "domain", false, DIR_DOMAIN_MAX, FIXED(domain), "the part behind '@'", NULL, NULL },
    { "password", true, 0, FIXED(has_password), "one is set", NULL, NULL },
};

const struct dir_field *dir_field_find(struct gw_str name)
{
    for (int i = 0; i < DIR_FIELDS; i++)
        if (gw_str_is(name, dir_fields[i].name))
            return &dir_fields[i];
    return NULL;
}

bool dir_flag_parse(struct gw_str text, bool *out)
{
    static const char *const words[2][4] = { { "no", "false", "off", "0" },
                                             { "yes", "true", "on", "1" } };

    for (size_t i = 0; i < 8; i++)
        if (gw_str_iis(text, words[i / 4][i % 4])) {
            *out = i / 4;
            return true;
        }
    return false;
}

struct gw_str dir_user_text(const struct dir_user *u, const struct dir_field *f)
{
    return *(const struct gw_str *)((const char *)u + f->of_user);
}

bool dir_user_flag(const struct dir_user *u, const struct dir_field *f)
{
    return *(const bool *)((const char *)u + f->of_user);
}

void dir_user_set_text(struct dir_user *u, const struct dir_field *f, struct gw_str text)
{
    *(struct gw_str *)((char *)u + f->of_user) = text;
}

void dir_user_set_flag(struct dir_user *u, const struct dir_field *f, bool flag)
{
    *(bool *)((char *)u + f->of_user) = flag;
}

const struct gw_str *dir_edit_text(const struct dir_user_edit *edit, const struct dir_field *f)
{
    return *(const struct gw_str *const *)((const char *)edit + f->of_edit);
}

const bool *dir_edit_flag(const struct dir_user_edit *edit, const struct dir_field *f)
{
    return *(const bool *const *)((const char *)edit + f->of_edit);
}

void dir_form_text(struct dir_user_form *form, const struct dir_field *f, struct gw_str text)
{
    struct gw_str *at = &form->text[f - dir_fields];

    *at = text;
    *(const struct gw_str **)((char *)&form->edit + f->of_edit) = at;
}

void dir_form_flag(struct dir_user_form *form, const struct dir_field *f, bool flag)
{
    bool *at = &form->flag[f - dir_fields];

    *at = flag;
    *(const bool **)((char *)&form->edit + f->of_edit) = at;
}

enum gw_code dir_form_json(struct dir_user_form *form, const char *name, const json_t *value,
                           struct gw_err *err)
{
    const struct dir_field *f = dir_field_find(gw_str_of(name));

    if (!f || f >= dir_fields + DIR_EDITABLE)
        return gw_fail(err, GW_INVALID, "there is no field '%.40s' here", name);
    if (f->is_flag ? !json_is_boolean(value) : !json_is_string(value))
        return gw_fail(err, GW_INVALID, "'%s' must be %s", name,
                       f->is_flag ? "true or false" : "text");
    if (f->is_flag)
        dir_form_flag(form, f, json_is_true(value));
    else
        dir_form_text(form, f,
                      (struct gw_str){ json_string_value(value), json_string_length(value) });
    return GW_OK;
}

json_t *dir_user_value(const struct dir_user *u, const struct dir_field *f)
{
    struct gw_str text;

    if (f->is_flag)
        return json_boolean(dir_user_flag(u, f));
    text = dir_user_text(u, f);
    return json_stringn(text.len ? text.p : "", text.len);
}

static bool is_equal(const struct dir_user *a, const struct dir_user *b, const struct dir_field *f)
{
    return f->is_flag ? dir_user_flag(a, f) == dir_user_flag(b, f)
                      : gw_str_eq(dir_user_text(a, f), dir_user_text(b, f));
}

json_t *dir_user_diff(const struct dir_user *before, const struct dir_user *after)
{
    static const struct dir_user nobody = { .mail = { NULL, 0 } };
    json_t *diff = json_object();

    before = before ? before : &nobody;
    after = after ? after : &nobody;
    for (const struct dir_field *f = dir_fields; f < dir_fields + DIR_EDITABLE; f++)
        if (!is_equal(before, after, f))
            json_object_set_new(
                diff, f->name,
                json_pack("[o, o]", dir_user_value(before, f), dir_user_value(after, f)));
    return diff;
}
