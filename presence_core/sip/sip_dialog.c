#include "sip_dialog.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"

static void set(char **to, struct gw_str text)
{
    char *copy = gw_str_dup(text);

    free(*to);
    *to = copy;
}

void sip_dialog_done(struct sip_dialog *d)
{
    free(d->call_id);
    free(d->remote_tag);
    free(d->local);
    free(d->remote);
    free(d->target);
    free(d->routes);
    free(d->host);
    *d = (struct sip_dialog){ .port = 0 };
}

/* ---- Beginning ---- */

static void put_address(char **to, struct gw_str jid, bool is_name)
{
    struct gw_buf text;

    gw_buf_init(&text, SIP_URI_MAX + 2);
    gw_buf_add_cstr(&text, is_name ? "<" : "");
    sip_write_uri(&text, jid);
    gw_buf_add_cstr(&text, is_name ? ">" : "");
    set(to, gw_buf_str(&text));
    gw_buf_done(&text);
}

void sip_dialog_begin(struct sip_dialog *d, struct gw_str local, struct gw_str remote)
{
    char call_id[2 * 16 + 1];

    *d = (struct sip_dialog){ .cseq = 0 };
    gw_random_hex(d->tag, SIP_OWN_TAG_LEN / 2);
    gw_random_hex(call_id, 16);
    set(&d->call_id, gw_str_of(call_id));
    put_address(&d->local, local, true);
    put_address(&d->remote, remote, true);
    put_address(&d->target, remote, false);
}

/* What we had put into the request ourselves comes back in the answer. */
static bool is_own_route(struct sip_core *core, struct gw_str route)
{
    struct gw_str host;
    struct sip_addr addr;
    int64_t port = 0;

    return sip_host_port(gw_str_of(core->settings->federation_fqdn), &host, &port) && host.len &&
           !sip_addr_parse(route, &core->msg->arena, &addr, NULL) &&
           gw_str_ieq(addr.uri.host, host);
}

/* RFC 3261 12.1: of an answer it is Record-Route with the last one first, of a request as it stands. */
bool sip_routes_read(struct sip_core *core, const struct sip_msg *m, struct gw_buf *out,
                     struct gw_str *first)
{
    struct gw_str all[SIP_VALUES_MAX], value;
    struct sip_pos pos = { 0 };
    size_t n = 0;

    while (sip_msg_next(m, SIP_RECORD_ROUTE, &pos, &value)) {
        if (n == SIP_VALUES_MAX)
            return false;
        all[n++] = value;
    }
    if (n && !m->is_request && is_own_route(core, all[n - 1]))
        n--;
    *first = GW_STR("");
    for (size_t i = 0; i < n; i++) {
        struct gw_str route = all[m->is_request ? i : n - 1 - i];

        if (!i)
            *first = route;
        gw_buf_add_cstr(out, i ? ", " : "");
        gw_buf_add_str(out, route);
    }
    return !out->failed;
}

/* RFC 3261 12.1.1 and 19.1.1: one SIP URI, without headers. */
static bool has_target(const struct sip_msg *m)
{
    return m->has_contact && m->contact_count == 1 && m->contact.uri.is_sip &&
           !m->contact.uri.has_headers;
}

static void set_hop(struct sip_dialog *d, const struct sip_peer *hop, const struct sip_peer *from)
{
    set(&d->host, hop->host);
    d->proto = hop->proto;
    d->port = hop->port;
    d->conn = hop->proto == from->proto ? from->conn : 0;
}

/* 'remote': From or To of who is there. */
static bool hop_find(struct sip_core *core, const struct sip_uri *uri, struct gw_str remote,
                     const struct sip_peer *from, struct sip_peer *out)
{
    struct sip_addr addr;
    struct gw_buf who;
    bool ok;

    if (sip_addr_parse(remote, &core->msg->arena, &addr, NULL))
        return false;
    gw_buf_init(&who, SIP_URI_MAX);
    ok = !sip_hop_of(core, uri, sip_address_of(&addr.uri, &who), from, out);
    gw_buf_done(&who);
    return ok;
}

static bool find_way(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *m,
                     struct gw_str remote, const struct sip_peer *from)
{
    struct sip_addr route = { .uri = m->contact.uri };
    struct gw_buf routes;
    struct gw_str first;
    struct sip_peer hop;
    bool ok;

    gw_buf_init(&routes, SIP_ROUTES_MAX);
    ok = has_target(m) && sip_routes_read(core, m, &routes, &first) &&
         (!first.len || !sip_addr_parse(first, &core->msg->arena, &route, NULL)) &&
         hop_find(core, &route.uri, remote, from, &hop);
    if (ok) {
        set(&d->target, m->contact.uri.text);
        set(&d->routes, gw_buf_str(&routes));
        set_hop(d, &hop, from);
    }
    gw_buf_done(&routes);
    return ok;
}

bool sip_dialog_confirm(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *answer,
                        const struct sip_peer *hop)
{
    if (!answer->to.tag.len || answer->to.text.len > SIP_DIALOG_NAME_MAX ||
        !find_way(core, d, answer, answer->to.text, hop))
        return false;
    set(&d->remote_tag, answer->to.tag);
    set(&d->remote, answer->to.text);
    return true;
}

bool sip_dialog_accept(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *m,
                       const struct sip_peer *from)
{
    *d = (struct sip_dialog){ .remote_cseq = m->cseq };
    if (!m->from.tag.len || m->from.text.len > SIP_DIALOG_NAME_MAX ||
        m->to.text.len > SIP_DIALOG_NAME_MAX || !find_way(core, d, m, m->from.text, from))
        return false;
    gw_random_hex(d->tag, SIP_OWN_TAG_LEN / 2);
    set(&d->call_id, m->call_id);
    set(&d->remote_tag, m->from.tag);
    set(&d->local, m->to.text);
    set(&d->remote, m->from.text);
    return true;
}

/* ---- Going on ---- */

unsigned sip_dialog_check(struct sip_dialog *d, const struct sip_msg *m,
                          const struct sip_peer *from)
{
    if (!d->remote_tag || !gw_str_is(m->call_id, d->call_id) ||
        !gw_str_is(m->from.tag, d->remote_tag))
        return 481;
    if (m->cseq <= d->remote_cseq)
        return 500;
    d->remote_cseq = m->cseq;
    if (d->proto == from->proto)
        d->conn = from->conn;
    return 0;
}

bool sip_dialog_refresh(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *m,
                        const struct sip_peer *from)
{
    struct sip_peer hop;

    if (!has_target(m) || !hop_find(core, &m->contact.uri, gw_str_of(d->remote), from, &hop))
        return false;
    set(&d->target, m->contact.uri.text);
    if (!d->routes[0]) /* the route set stays what it was */
        set_hop(d, &hop, from);
    return true;
}

/* ---- Requests ---- */

struct sip_peer sip_dialog_peer(const struct sip_dialog *d)
{
    return (struct sip_peer){
        .proto = d->proto, .conn = d->conn, .host = gw_str_of(d->host), .port = d->port
    };
}

void sip_dialog_write(const struct sip_dialog *d, const char *method, uint32_t cseq,
                      enum sip_proto proto, struct gw_str us, const char *branch,
                      struct gw_buf *out)
{
    gw_buf_addf(out, "%s %s SIP/2.0\r\n", method, d->target);
    sip_write_via(out, proto, us, branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\n");
    if (d->routes && d->routes[0])
        sip_write_header(out, "Route", gw_str_of(d->routes));
    gw_buf_addf(out, "From: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n", d->local,
                d->tag, d->remote, d->call_id, cseq, method);
}
