#include "ews_trail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_priv.h"
#include "ews_url.h"
#include "gw_mem.h"

/* In the order of asking. */
enum source {
    SOURCE_SERVER,
    SOURCE_DOMAIN,
    SOURCE_AUTODISCOVER,
    SOURCE_REDIRECT,
    SOURCE_SRV,
    SOURCE_PLACES, /* that SRV named */
    SOURCE_NONE
};

struct ews_trail {
    char *address, *server;
    bool allow_http, shows_secret;
    uint16_t plain_port;
    enum source source;
    unsigned hops;
    struct place {
        char host[EWS_HOST_MAX + 1];
        uint16_t port;
    } places[EWS_TRAIL_PLACES_MAX];
    unsigned place, place_count; /* the next one */
    struct ews_trail_step step;
    char *url; /* of the step */
    struct ews_status failure;
    char *ews_url, *external_url, *grouping; /* once found */
};

/* ---- steps ------------------------------------------------------------------------------------ */

static const char *domain_of(const struct ews_trail *t)
{
    return strrchr(t->address, '@') + 1;
}

static void set_step(struct ews_trail *t, enum ews_trail_kind kind, enum ews_op op, char *url)
{
    free(t->url);
    t->url = url;
    t->step = (struct ews_trail_step){ .kind = kind, .op = op, .address = t->address, .url = url };
}

static const char *const service_path[] = {
    [0] = "/autodiscover/autodiscover.svc", [1] = "/autodiscover/autodiscover.xml"
};

static const char *path_of(enum ews_op op)
{
    return service_path[op == EWS_OP_DISCOVER_POX];
}

/* "https://host:port/autodiscover/autodiscover.svc"; the port is left out when it is 0. */
static char *url_new(bool https, const char *prefix, const char *host, uint16_t port,
                     enum ews_op op)
{
    struct gw_buf b;

    gw_buf_init(&b, EWS_URL_MAX);
    gw_buf_addf(&b, "%s://%s%s", https ? "https" : "http", prefix, host);
    if (port)
        gw_buf_addf(&b, ":%u", port);
    gw_buf_add_cstr(&b, path_of(op));
    return gw_buf_take(&b);
}

/* By SOAP first. */
static void ask(struct ews_trail *t, bool https, const char *prefix, const char *host,
                uint16_t port)
{
    set_step(t, EWS_TRAIL_ASK, EWS_OP_DISCOVER,
             url_new(https, prefix, host, port, EWS_OP_DISCOVER));
}

static void ask_server(struct ews_trail *t)
{
    struct gw_str scheme = GW_STR("https"), rest;
    const char *host = t->server;

    if (gw_str_cut(gw_str_of(t->server), "://", &scheme, &rest))
        host = rest.p;
    ask(t, !t->allow_http || !gw_str_is(scheme, "http"), "", host, 0);
}

static void ask_domain(struct ews_trail *t, const char *prefix)
{
    ask(t, !t->plain_port, prefix, domain_of(t), t->plain_port);
}

/* False: none is left. */
static bool ask_place(struct ews_trail *t)
{
    const struct place *p = &t->places[t->place];

    if (t->place == t->place_count || t->hops >= EWS_TRAIL_HOPS_MAX)
        return false;
    t->place++;
    t->hops++;
    ask(t, !t->plain_port, "", p->host, p->port);
    return true;
}

static void enter(struct ews_trail *t, enum source source)
{
    char name[EWS_HOST_MAX + 32];

    t->source = source;
    switch (source) {
    case SOURCE_SERVER:
        ask_server(t);
        break;
    case SOURCE_DOMAIN:
        ask_domain(t, "");
        break;
    case SOURCE_AUTODISCOVER:
        ask_domain(t, "autodiscover.");
        break;
    case SOURCE_REDIRECT:
        set_step(t, EWS_TRAIL_REDIRECT, EWS_OP_DISCOVER_POX,
                 url_new(false, "autodiscover.", domain_of(t), t->plain_port, EWS_OP_DISCOVER_POX));
        break;
    case SOURCE_SRV:
        snprintf(name, sizeof(name), "_autodiscover._tcp.%s", domain_of(t));
        set_step(t, EWS_TRAIL_SRV, EWS_OP_DISCOVER, gw_str_dup(gw_str_of(name)));
        break;
    case SOURCE_PLACES:
        if (ask_place(t))
            break;
        enter(t, SOURCE_NONE);
        break;
    case SOURCE_NONE:
        set_step(t, EWS_TRAIL_END, EWS_OP_DISCOVER, NULL);
        break;
    }
}

static void begin(struct ews_trail *t)
{
    enter(t, t->server ? SOURCE_SERVER : SOURCE_DOMAIN);
}

static void next_source(struct ews_trail *t)
{
    bool again = t->source == SOURCE_PLACES && t->place < t->place_count;

    enter(t, again ? SOURCE_PLACES : (enum source)(t->source + 1));
}

/* ---- failures --------------------------------------------------------------------------------- */

/* What an administrator wants to hear first. */
static int weight(const struct ews_status *s)
{
    static const enum ews_class order[] = { EWS_SERVER_DOWN, EWS_CONFIG, EWS_BAD_ANSWER,
                                            EWS_PERMISSION, EWS_CREDENTIALS };
    int w = 0;

    if (s->alive)
        return 100;
    while (w < (int)(sizeof(order) / sizeof(order[0])) && order[w] != s->class)
        w++;
    return w + 1;
}

static void remember(struct ews_trail *t, const struct ews_status *s)
{
    if (t->failure.class == EWS_OK || weight(s) > weight(&t->failure))
        t->failure = *s;
}

static void fail(struct ews_trail *t, const char *code, const char *why, const char *what)
{
    struct ews_status s;
    char quoted[GW_QUOTE_MAX];

    ews_status_set(&s, EWS_CONFIG, code, "%s: %s", why, gw_quote(gw_str_of(what), quoted));
    remember(t, &s);
}

/* ---- being sent on ---------------------------------------------------------------------------- */

/* False: enough, or not over TLS; it goes on with the next source. */
static bool may_follow(struct ews_trail *t, struct gw_str url)
{
    struct ews_url u;
    struct gw_err err;
    char text[200];

    snprintf(text, sizeof(text), "%.*s", (int)(url.len < 199 ? url.len : 199), url.p);
    if (ews_url_parse(url, &u, &err))
        fail(t, "redirect", "autodiscover sends on to what is no address", text);
    else if (!u.https && !t->allow_http)
        fail(t, "redirect", "autodiscover sends on to an address without TLS", text);
    else if (t->hops >= EWS_TRAIL_HOPS_MAX)
        fail(t, "redirect", "autodiscover sends on more than ten times, at last to", text);
    else
        return true;
    return false;
}

/* The mailbox's domain, or a host in it. */
static bool is_own(const struct ews_trail *t, struct gw_str host)
{
    struct gw_str domain = gw_str_of(domain_of(t));
    size_t longer = host.len > domain.len ? host.len - domain.len : 0;

    return gw_str_ieq(gw_str_sub(host, longer, host.len), domain) &&
           (!longer || host.p[longer - 1] == '.');
}

/* The word of who could be anybody: it came without TLS. What is shown to a server in clear, or is as
 * good as that, is not shown to another domain's for it. */
static bool may_believe(struct ews_trail *t, struct gw_str host)
{
    char text[200];

    if (!t->shows_secret || is_own(t, host))
        return true;
    snprintf(text, sizeof(text), "%.*s", (int)(host.len < 199 ? host.len : 199), host.p);
    fail(t, "redirect-not-believed",
         "autodiscover sends on, without TLS, to another domain's server, which would be shown the "
         "password or token; if it is right, name it as the server to ask",
         text);
    return false;
}

/* RFC 9110 10.2.2: it may be a path of the server that sends on. */
static char *whole_url(const struct ews_trail *t, struct gw_str url)
{
    struct gw_str scheme, rest, host;
    struct gw_buf b;

    gw_buf_init(&b, 2 * EWS_URL_MAX);
    if (gw_str_starts(url, "/") && !gw_str_starts(url, "//") &&
        gw_str_cut(gw_str_of(t->url), "://", &scheme, &rest) && gw_str_cut(rest, "/", &host, NULL))
        gw_buf_addf(&b, "%.*s://%.*s", GW_STR_ARG(scheme), GW_STR_ARG(host));
    gw_buf_add_str(&b, url);
    return gw_buf_take(&b);
}

static void follow_url(struct ews_trail *t, struct gw_str said)
{
    char *url = whole_url(t, said);
    bool soap = ews_http_has_word(gw_str_of(url), ".svc");

    if (!may_follow(t, gw_str_of(url))) {
        free(url);
        next_source(t);
        return;
    }
    t->hops++;
    set_step(t, EWS_TRAIL_ASK, soap ? EWS_OP_DISCOVER : EWS_OP_DISCOVER_POX, url);
}

static bool is_address(struct gw_str s)
{
    ptrdiff_t at = gw_str_find(s, '@');

    return at > 0 && (size_t)at + 1 < s.len && s.len - (size_t)at <= EWS_HOST_MAX &&
           !ews_address_check(s, NULL) &&
           gw_str_find(gw_str_sub(s, (size_t)at + 1, s.len), '@') < 0 &&
           gw_str_find(gw_str_sub(s, (size_t)at + 1, s.len), '/') < 0;
}

/* All over again, for the mailbox by its other address. */
static void follow_address(struct ews_trail *t, struct gw_str address)
{
    if (!is_address(address) || t->hops >= EWS_TRAIL_HOPS_MAX) {
        fail(t, "redirect", "autodiscover sends on to an address that is none, or once too often",
             t->address);
        next_source(t);
        return;
    }
    t->hops++;
    free(t->address);
    t->address = gw_str_dup(address);
    begin(t);
}

/* ---- outcomes --------------------------------------------------------------------------------- */

static bool is_usable(const struct ews_trail *t, struct gw_str url)
{
    struct ews_url u;

    return url.len && !ews_url_parse(url, &u, NULL) && (u.https || t->allow_http);
}

/* False: neither address can be used. */
static bool take(struct ews_trail *t, const struct ews_discovery *d)
{
    struct gw_str url = is_usable(t, d->internal_url) ? d->internal_url : d->external_url;

    if (!is_usable(t, url)) {
        fail(t, "no-ews-url", "autodiscover names no address of EWS with TLS for", t->address);
        return false;
    }
    t->ews_url = gw_str_dup(url);
    t->external_url = gw_str_dup(d->external_url);
    t->grouping = gw_str_dup(d->grouping);
    enter(t, SOURCE_NONE);
    return true;
}

/* The server is there, and may know the older way only. */
static bool may_speak_pox(const struct ews_trail *t, const struct ews_status *s)
{
    struct gw_str code = gw_str_of(s->code);

    if (t->step.op != EWS_OP_DISCOVER || !gw_str_ends(gw_str_of(t->url), path_of(t->step.op)))
        return false;
    switch (s->class) {
    case EWS_BAD_ANSWER:
    case EWS_BUG:
    case EWS_TRANSIENT:
    case EWS_VERSION:
    case EWS_UNSUPPORTED:
        return true;
    case EWS_CONFIG:
    case EWS_PERMISSION:
    case EWS_SERVER_DOWN:
        return gw_str_starts(code, "http-") && !gw_str_is(code, "http-401");
    case EWS_OK:
    case EWS_BUSY:
    case EWS_CONNECTION_LIMIT:
    case EWS_SUBSCRIPTION_LIMIT:
    case EWS_TOO_MUCH:
    case EWS_ELSEWHERE:
    case EWS_SUBSCRIPTION_GONE:
    case EWS_MAILBOX:
    case EWS_CREDENTIALS:
        break;
    }
    return false;
}

static void ask_pox(struct ews_trail *t)
{
    struct gw_str url = gw_str_of(t->url);
    struct gw_buf b;

    gw_buf_init(&b, EWS_URL_MAX);
    gw_buf_add_str(&b, gw_str_sub(url, 0, url.len - strlen(path_of(EWS_OP_DISCOVER))));
    gw_buf_add_cstr(&b, path_of(EWS_OP_DISCOVER_POX));
    set_step(t, EWS_TRAIL_ASK, EWS_OP_DISCOVER_POX, gw_buf_take(&b));
}

void ews_trail_answered(struct ews_trail *t, const struct ews_answer *answer)
{
    const struct ews_discovery *d = answer->discovery;
    const struct ews_status *s = &answer->status;

    if (s->class == EWS_OK && d && take(t, d))
        return;
    if (s->class == EWS_ELSEWHERE && d && d->redirect_url.len) {
        follow_url(t, d->redirect_url);
    } else if (s->class == EWS_ELSEWHERE && d && d->redirect_address.len) {
        follow_address(t, d->redirect_address);
    } else {
        if (gw_str_is(gw_str_of(s->code), "http-404"))
            fail(t, "http-404", "there is no Autodiscover at", t->url);
        else if (s->class != EWS_OK)
            remember(t, s);
        if (may_speak_pox(t, s))
            ask_pox(t);
        else
            next_source(t);
    }
}

void ews_trail_redirected(struct ews_trail *t, struct gw_str location)
{
    struct ews_url u;

    if (location.len && (ews_url_parse(location, &u, NULL) || may_believe(t, u.host)))
        follow_url(t, location);
    else
        next_source(t);
}

void ews_trail_srv(struct ews_trail *t, const struct ews_trail_place *places, size_t count)
{
    t->place = t->place_count = 0;
    for (size_t i = 0; i < count && t->place_count < EWS_TRAIL_PLACES_MAX; i++) {
        struct place *p = &t->places[t->place_count];

        if (!places[i].host.len || places[i].host.len > EWS_HOST_MAX || !places[i].port ||
            !may_believe(t, places[i].host))
            continue;
        snprintf(p->host, sizeof(p->host), "%.*s", GW_STR_ARG(places[i].host));
        p->port = places[i].port;
        t->place_count++;
    }
    next_source(t);
}

/* ---- the public functions --------------------------------------------------------------------- */

enum gw_code ews_trail_new(const struct ews_trail_args *args, struct ews_trail **out,
                           struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct ews_trail *t;

    if (!is_address(gw_str_of(args->address)))
        return gw_fail(err, GW_INVALID, "not a mailbox address: %s",
                       gw_quote(gw_str_of(args->address), quoted));
    t = gw_new(struct ews_trail);
    t->address = gw_str_dup(gw_str_of(args->address));
    t->server = args->server ? gw_str_dup(gw_str_of(args->server)) : NULL;
    t->allow_http = args->allow_http;
    t->plain_port = args->plain_port;
    t->shows_secret = args->shows_secret;
    begin(t);
    *out = t;
    return GW_OK;
}

void ews_trail_free(struct ews_trail **trailp)
{
    struct ews_trail *t = *trailp;

    if (!t)
        return;
    *trailp = NULL;
    free(t->address);
    free(t->server);
    free(t->url);
    free(t->ews_url);
    free(t->external_url);
    free(t->grouping);
    free(t);
}

const struct ews_trail_step *ews_trail_step(const struct ews_trail *t)
{
    return &t->step;
}

void ews_trail_result(const struct ews_trail *t, struct ews_trail_result *out)
{
    *out = (struct ews_trail_result){ .status = t->failure,
                                      .address = t->address,
                                      .url = t->ews_url,
                                      .external_url = t->external_url,
                                      .grouping = t->grouping };
    if (t->ews_url)
        ews_status_set_code(&out->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    else if (out->status.class == EWS_OK)
        ews_status_set(&out->status, EWS_CONFIG, "autodiscover",
                       "nobody answers for the domain of '%.100s'", t->address);
}
