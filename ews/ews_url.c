#include "ews_url.h"

#include <string.h>

#include "gw_log.h"

static bool is_clean(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("\\\"<>^`{|}", s.p[i]))
            return false;
    return true;
}

static bool is_host(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("@?#[]%/'&", s.p[i]))
            return false;
    return s.len && s.len <= EWS_HOST_MAX;
}

/* "host", "host:port", "[::1]:port" */
static bool read_authority(struct gw_str s, struct ews_url *out)
{
    struct gw_str port = { NULL, 0 };
    int64_t n;

    if (gw_str_starts(s, "[")) {
        if (!gw_str_cut(gw_str_sub(s, 1, s.len), "]", &out->host, &port) ||
            gw_str_find(out->host, ':') < 0)
            return false;
        if (port.len && !gw_str_starts(port, ":"))
            return false;
        port = gw_str_sub(port, 1, port.len);
    } else {
        out->host = s;
        (void)gw_str_cut(s, ":", &out->host, &port);
    }
    if (port.len) {
        if (!gw_str_to_int(port, 1, UINT16_MAX, &n))
            return false;
        out->port = (uint16_t)n;
    }
    return is_host(out->host);
}

enum gw_code ews_url_parse(struct gw_str in, struct ews_url *out, struct gw_err *err)
{
    struct ews_url u = { .path = GW_STR_INIT("/") };
    struct gw_str scheme, rest;
    char quoted[GW_QUOTE_MAX];
    size_t host_len = 0;

    if (!is_clean(in) || !gw_str_cut(in, "://", &scheme, &rest))
        goto bad;
    u.https = gw_str_iis(scheme, "https");
    if (!u.https && !gw_str_iis(scheme, "http"))
        goto bad;
    u.port = u.https ? 443 : 80;
    while (host_len < rest.len && !strchr("/?#", rest.p[host_len]))
        host_len++;
    if (!read_authority(gw_str_sub(rest, 0, host_len), &u))
        goto bad;
    if (host_len < rest.len && rest.p[host_len] == '/')
        u.path = gw_str_sub(rest, host_len, rest.len);
    *out = u;
    return GW_OK;
bad:
    return gw_fail(err, GW_INVALID, "not the address of a web service: %s", gw_quote(in, quoted));
}
