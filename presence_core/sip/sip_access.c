#include "sip_access.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- Addresses ---- */

struct network {
    unsigned char bytes[16]; /* IPv4 as ::ffff:0:0/96 */
    unsigned bits;
};

static bool address_parse(struct gw_str text, unsigned char out[16], bool *is_v4)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    char c[INET6_ADDRSTRLEN + 1];

    if (!text.len || text.len >= sizeof(c))
        return false;
    memcpy(c, text.p, text.len);
    c[text.len] = '\0';
    *is_v4 = inet_pton(AF_INET, c, out + 12) == 1;
    if (*is_v4)
        memcpy(out, mapped, sizeof(mapped));
    return *is_v4 || inet_pton(AF_INET6, c, out) == 1;
}

static bool network_parse(struct gw_str text, struct network *out)
{
    struct gw_str address = text, bits;
    bool has_bits = gw_str_cut(text, "/", &address, &bits), is_v4;
    int64_t n;

    if (!address_parse(address, out->bytes, &is_v4))
        return false;
    out->bits = 128;
    if (!has_bits)
        return true;
    if (!gw_str_to_int(bits, 0, is_v4 ? 32 : 128, &n))
        return false;
    out->bits = (unsigned)n + (is_v4 ? 96 : 0);
    return true;
}

static bool network_has(const struct network *n, const unsigned char address[16])
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (memcmp(n->bytes, address, whole) != 0)
        return false;
    return !rest || !((n->bytes[whole] ^ address[whole]) >> (8 - rest));
}

/* A name, and no mistyped address. */
static bool is_name(struct gw_str s)
{
    size_t at = s.len;

    while (at && s.p[at - 1] != '.')
        at--;
    return sip_domain_is(s) && at < s.len && !(s.p[at] >= '0' && s.p[at] <= '9');
}

static bool is_all(struct gw_str item)
{
    return gw_str_iis(item, "all");
}

enum gw_code sip_acl_check(struct gw_str list, struct gw_err *err)
{
    struct network n;
    struct gw_str item;

    while (gw_str_next(&list, ",", &item)) {
        if (!is_all(item) && !network_parse(item, &n) && !is_name(item))
            return gw_fail(err, GW_INVALID,
                           "'%.*s' is neither an address, nor a network like 192.0.2.0/24, nor the "
                           "name of a host or domain in lower case, nor all",
                           GW_STR_ARG(gw_str_utf8_cut(item, 80)));
    }
    return GW_OK;
}

static bool is_named(struct gw_str item)
{
    struct network n;

    return !is_all(item) && !network_parse(item, &n) && is_name(item);
}

bool sip_acl_has_names(struct gw_str list)
{
    struct gw_str item;

    while (gw_str_next(&list, ",", &item)) {
        if (is_named(item))
            return true;
    }
    return false;
}

bool sip_acl_allows_name(struct gw_str list, struct gw_str name)
{
    struct gw_str item;

    if (name.len && name.p[name.len - 1] == '.')
        name.len--;
    while (gw_str_next(&list, ",", &item)) {
        size_t more = name.len - item.len;

        if (!is_named(item) || name.len < item.len ||
            !gw_str_ieq(gw_str_sub(name, more, name.len), item))
            continue;
        if (!more || name.p[more - 1] == '.')
            return true;
    }
    return false;
}

bool sip_acl_allows(struct gw_str list, struct gw_str text)
{
    unsigned char address[16];
    struct network n;
    struct gw_str item;
    bool is_v4;

    if (!address_parse(text, address, &is_v4))
        return false;
    while (gw_str_next(&list, ",", &item)) {
        if (is_all(item) || (network_parse(item, &n) && network_has(&n, address)))
            return true;
    }
    return false;
}

bool sip_acl_lists(struct gw_str list, struct gw_str host)
{
    unsigned char address[16];
    struct network n;
    struct gw_str item;
    bool is_v4;

    if (!address_parse(host, address, &is_v4))
        return sip_acl_allows_name(list, host);
    while (gw_str_next(&list, ",", &item)) {
        if (network_parse(item, &n) && network_has(&n, address))
            return true;
    }
    return false;
}

/* ---- Domains ---- */

static bool kind_parse(struct gw_str text, enum sip_kind *out)
{
    for (int i = 0; sip_kind_names[i]; i++) {
        if (gw_str_is(text, sip_kind_names[i])) {
            *out = (enum sip_kind)i;
            return true;
        }
    }
    return false;
}

bool sip_domain_is(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return s.len > 0 && s.len <= 255 && s.p[0] != '.' && s.p[0] != '-';
}

static bool domain_parse(struct gw_str item, struct sip_domain *out)
{
    struct gw_str word;
    bool has_network = false;
    struct network n;

    *out = (struct sip_domain){ .kind = SIP_KIND_SIMPLE };
    if (gw_str_cut(item, "@", &item, &out->where)) {
        out->where = gw_str_trim(out->where);
        has_network = network_parse(out->where, &n);
        if (!has_network && !is_name(out->where))
            return false;
    }
    out->name = item;
    if (gw_str_cut(item, "=", &out->name, &word) && !kind_parse(gw_str_trim(word), &out->kind))
        return false;
    out->name = gw_str_trim(out->name);
    out->entry = has_network ? out->where : out->name;
    return sip_domain_is(out->name) && !is_all(out->name);
}

bool sip_domains_next(struct gw_str *rest, struct sip_domain *out)
{
    struct gw_str item;

    while (gw_str_next(rest, ",", &item)) {
        if (domain_parse(item, out))
            return true;
    }
    return false;
}

static bool listed_kind(struct gw_str list, struct gw_str wanted, enum sip_kind *kind)
{
    struct sip_domain domain;

    while (sip_domains_next(&list, &domain)) {
        if (gw_str_eq(domain.name, wanted)) {
            *kind = domain.kind;
            return true;
        }
    }
    return false;
}

enum gw_code sip_domains_check(struct gw_str list, struct gw_err *err)
{
    struct gw_str rest = list, item;
    struct sip_domain domain;
    enum sip_kind first;

    while (gw_str_next(&rest, ",", &item)) {
        if (!domain_parse(item, &domain))
            return gw_fail(
                err, GW_INVALID,
                "'%.*s' is not a domain in lower case ('all' is none), or one with its kind: "
                "partner.example=lync (simple, lync, aol), with the network or the "
                "certificate's CN that speaks for it: partner.example=lync@192.0.2.0/24",
                GW_STR_ARG(gw_str_utf8_cut(item, 80)));
        if (listed_kind(list, domain.name, &first) && first != domain.kind)
            return gw_fail(err, GW_EXISTS,
                           "'%.*s' is listed as %s and as %s: a domain is of one kind, and where "
                           "it is listed again, for another network or CN, it says the same one",
                           GW_STR_ARG(gw_str_utf8_cut(domain.name, 80)), sip_kind_names[first],
                           sip_kind_names[domain.kind]);
    }
    return GW_OK;
}

struct gw_str sip_domains_listed_as(struct gw_str domain)
{
    return gw_str_is(domain, "aim.com") ? GW_STR("aol.com") : domain;
}

/* Exactly: a domain does not speak for those below it. */
bool sip_domains_find(struct gw_str list, struct gw_str wanted, enum sip_kind *kind)
{
    return listed_kind(list, sip_domains_listed_as(wanted), kind);
}

/* ---- Peers with sessions ---- */

enum gw_code sip_session_peers_check(struct gw_str list, struct gw_err *err)
{
    struct gw_str item;

    while (gw_str_next(&list, ",", &item)) {
        if (!sip_domain_is(item)) /* the words for kinds look like one */
            return gw_fail(err, GW_INVALID,
                           "'%.*s' is neither a kind of domain (simple, lync, aol) nor a domain in "
                           "lower case",
                           GW_STR_ARG(gw_str_utf8_cut(item, 80)));
    }
    return GW_OK;
}

bool sip_session_peers_have(struct gw_str list, struct gw_str domain, enum sip_kind kind)
{
    struct gw_str item;

    while (gw_str_next(&list, ",", &item)) {
        if (gw_str_is(item, sip_kind_names[kind]) || gw_str_eq(item, sip_domains_listed_as(domain)))
            return true;
    }
    return false;
}

/* ---- TLS peer subjects ---- */

enum gw_code sip_tls_subjects_check(struct gw_str list, struct gw_err *err)
{
    size_t count = 0;
    struct gw_str item;

    while (gw_str_next(&list, ",", &item)) {
        char lower[256];

        if (item.len < sizeof(lower))
            for (size_t i = 0; i < item.len; i++)
                lower[i] =
                    (char)(item.p[i] >= 'A' && item.p[i] <= 'Z' ? item.p[i] | 0x20 : item.p[i]);
        if (item.len >= sizeof(lower) || !sip_domain_is((struct gw_str){ lower, item.len }))
            return gw_fail(err, GW_INVALID,
                           "'%.*s' is not a TLS peer subject: the whole subject CN of a peer's "
                           "certificate, a host name without wildcards, like sip.partner.example",
                           GW_STR_ARG(gw_str_utf8_cut(item, 80)));
        if (++count > SIP_TLS_SUBJECTS_MAX)
            return gw_fail(err, GW_LIMIT, "more than %d TLS peer subjects", SIP_TLS_SUBJECTS_MAX);
    }
    return GW_OK;
}
