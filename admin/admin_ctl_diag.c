/* kalendsctl diag tls: why a TLS connection with a SIP server does not come about, point by point */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_ctl.h"
#include "gw_bytes.h"

enum { SIP_TLS_PORT = 5061, POINTS = 7, TEXT_MAX = 400 };

/* What is known, gathered before anything is judged. */
struct diag {
    json_t *report;   /* the server, as it was seen */
    json_t *own;      /* our certificate for SIP */
    json_t *status;   /* the daemon's */
    json_t *subjects; /* parameter sip.tls_peer_subjects */
    gw_utc now;
};

enum mark { GOOD, BAD, NOT_SEEN };

struct finding {
    enum mark mark;
    char text[TEXT_MAX];
};

static const json_t *theirs(const struct diag *d)
{
    const json_t *first = json_array_get(json_object_get(d->report, "chain"), 0);

    return json_object_get(first, "certificate");
}

/* The last link: the authority that it all rests on. */
static const char *root_of(const json_t *chain)
{
    size_t count = json_array_size(chain);

    return count ? ctl_str(json_array_get(chain, count - 1), "subject") : "";
}

static bool is_reached(const struct diag *d)
{
    return strcmp(ctl_str(d->report, "reachability"), "Reachable") == 0;
}

/* "CN=mail.example.com,O=Example" */
static struct gw_str common_name(const json_t *certificate)
{
    struct gw_str rest = gw_str_of(ctl_str(certificate, "subject")), part;

    while (gw_str_next(&rest, ",", &part)) {
        if (gw_str_starts(part, "CN="))
            return gw_str_sub(part, 3, part.len);
    }
    return GW_STR("");
}

static void listens(const struct diag *d, struct finding *f)
{
    f->mark = is_reached(d) && *ctl_str(d->report, "protocol") ? GOOD : BAD;
    if (!is_reached(d))
        snprintf(f->text, TEXT_MAX, "not reached: %s", ctl_str(d->report, "reachability_text"));
    else if (f->mark == GOOD)
        snprintf(f->text, TEXT_MAX, "%s speaks %s, %s", ctl_str(d->report, "reachability_text"),
                 ctl_str(d->report, "protocol"), ctl_str(d->report, "cipher"));
    else
        snprintf(f->text, TEXT_MAX, "no TLS there: %s", ctl_str(d->report, "text"));
}

static void our_listener(const struct diag *d, struct finding *f)
{
    long long port = (long long)ctl_int(json_object_get(d->status, "sip"), "peer_auth_port");

    f->mark = port == SIP_TLS_PORT ? GOOD : BAD;
    if (port)
        snprintf(f->text, TEXT_MAX, "ours listens on %lld%s", port,
                 f->mark == GOOD ? ""
                                 : ": right only when the static route there says so, else "
                                   "'kalendsctl set sip.server_auth_port 5063', then "
                                   "sip.peer_auth_port 5061");
    else
        snprintf(f->text, TEXT_MAX,
                 "ours does not listen: 'kalendsctl set sip.peer_auth_port 5061'");
}

static void same_authority(const struct diag *d, struct finding *f)
{
    const char *root = root_of(json_object_get(d->report, "chain")),
               *issuer = ctl_str(d->own, "issuer");
    bool same = false;
    json_t *link;
    size_t i;

    json_array_foreach(json_object_get(d->report, "chain"), i, link) same |=
        strcmp(ctl_str(link, "subject"), issuer) == 0;
    f->mark = same ? GOOD : theirs(d) && !ctl_true(d->own, "self_signed") ? NOT_SEEN : BAD;
    if (same)
        snprintf(f->text, TEXT_MAX, "both are signed by '%s'", issuer);
    else if (ctl_true(d->own, "self_signed"))
        snprintf(f->text, TEXT_MAX,
                 "ours is self-signed: 'kalendsctl cert own request cup', and have it signed%s%s",
                 *root ? " by the authority of theirs, " : "", root);
    else
        snprintf(f->text, TEXT_MAX,
                 "ours is signed by '%s', theirs rests on '%s': each side must trust the other's",
                 issuer, *root ? root : "(not seen)");
}

static bool is_current(const struct diag *d, const json_t *certificate)
{
    return ctl_utc(certificate, "not_before") <= d->now &&
           d->now < ctl_utc(certificate, "not_after");
}

static void not_expired(const struct diag *d, struct finding *f)
{
    bool ours = is_current(d, d->own), them = theirs(d) && is_current(d, theirs(d));
    char own[CTL_TIME_MAX], other[CTL_TIME_MAX];

    f->mark = ours && them ? GOOD : !ours || theirs(d) ? BAD : NOT_SEEN;
    snprintf(f->text, TEXT_MAX, "ours until %s, theirs until %s",
             ctl_time(ctl_utc(d->own, "not_after"), d->now, "not known", own),
             ctl_time(ctl_utc(theirs(d), "not_after"), d->now, "not seen", other));
}

static void both_usages(const struct diag *d, struct finding *f)
{
    const char *usages = ctl_str(theirs(d), "usages");
    bool both = !*usages || (strstr(usages, "serverAuth") && strstr(usages, "clientAuth"));

    f->mark = !theirs(d) ? NOT_SEEN : both ? GOOD : BAD;
    snprintf(f->text, TEXT_MAX, "theirs is made for %s%s",
             !theirs(d) ? "(not seen)"
             : *usages  ? usages
                        : "everything",
             f->mark == BAD ? ": it needs serverAuth (1.3.6.1.5.5.7.3.1) and clientAuth "
                              "(1.3.6.1.5.5.7.3.2), or it is refused when it connects"
                            : "");
}

static bool is_listed(const struct diag *d)
{
    struct gw_str cn = common_name(theirs(d)), item,
                  list = gw_str_of(ctl_str(d->subjects, "value"));
    bool found = false;

    while (gw_str_next(&list, ",", &item))
        found |= gw_str_ieq(item, cn);
    return found;
}

static void is_subject(const struct diag *d, struct finding *f)
{
    struct gw_str cn = common_name(theirs(d));
    bool found = is_listed(d);

    f->mark = !cn.len ? NOT_SEEN : found ? GOOD : BAD;
    if (f->mark == BAD)
        snprintf(
            f->text, TEXT_MAX,
            "its subject CN '%.*s' is not among sip.tls_peer_subjects: add it, or it is refused "
            "when it connects",
            GW_STR_ARG(cn));
    else
        snprintf(f->text, TEXT_MAX, "its subject CN '%.*s'%s", GW_STR_ARG(cn),
                 found ? " is one of sip.tls_peer_subjects" : " was not seen");
}

static void is_trusted(const struct diag *d, struct finding *f)
{
    f->mark = ctl_true(d->report, "ok") ? GOOD : theirs(d) ? BAD : NOT_SEEN;
    snprintf(f->text, TEXT_MAX, "%s%s%s%s", ctl_str(d->report, "certificate"),
             *ctl_str(d->report, "text") ? ": " : "", ctl_str(d->report, "text"),
             f->mark == BAD ? "; 'kalendsctl cert fetch HOST --sip' shows the chain, and trusts it"
                            : "");
}

static const struct {
    const char *question;
    void (*judge)(const struct diag *d, struct finding *f);
} points[POINTS] = {
    { "The server listens for TLS", listens },
    { "Our peer-auth listener has port 5061", our_listener },
    { "Both certificates are signed by the same authority", same_authority },
    { "Neither certificate has expired", not_expired },
    { "Theirs is for servers and for clients", both_usages },
    { "Its subject CN is a TLS peer subject", is_subject },
    { "Our peer-auth context admits it", is_trusted },
};

static const char *const marks[] = { [GOOD] = "ok", [BAD] = "NO", [NOT_SEEN] = "?" };

static enum ctl_exit told(const struct ctl *ctl, const struct finding found[POINTS])
{
    json_t *list = json_array();
    bool is_bad = false;

    for (size_t i = 0; i < POINTS; i++) {
        is_bad |= found[i].mark == BAD;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "point", points[i].question, "result",
                                        marks[found[i].mark], "text", found[i].text));
        if (!ctl->line->json)
            printf("%zu %-2s  %s\n      %s\n", i + 1, marks[found[i].mark], points[i].question,
                   found[i].text);
    }
    if (ctl->line->json)
        ctl_print_json(list);
    json_decref(list);
    return is_bad ? CTL_FAILED : CTL_OK;
}

/* 'name': the subject CN that it may have; empty: the host. */
static enum ctl_exit look(struct ctl *ctl, struct gw_str name, json_t **report)
{
    json_t *body = json_pack("{s:b}", "sip", 1);
    enum ctl_exit rc = ctl_server_put(ctl, SIP_TLS_PORT, body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    if (name.len)
        json_object_set_new(body, "name", json_stringn(name.p, name.len));
    return ctl_call(ctl, "POST", ctl_path("/v1/certificates/probe"), body, report);
}

/* As a connection of ours looks at it: a peer subject may answer at any host. */
static enum ctl_exit look_as_peer(struct ctl *ctl, struct diag *d)
{
    enum ctl_exit rc = look(ctl, GW_STR(""), &d->report);
    char *name;

    if (rc || ctl_true(d->report, "ok") || !is_listed(d))
        return rc;
    name = gw_str_dup(common_name(theirs(d)));
    json_decref(d->report);
    d->report = NULL;
    rc = look(ctl, gw_str_of(name), &d->report);
    free(name);
    return rc;
}

enum ctl_exit ctl_diag_tls(struct ctl *ctl)
{
    struct diag d = { .now = ctl->now };
    struct finding found[POINTS];
    enum ctl_exit rc =
        ctl_call(ctl, "GET", ctl_path("/v1/parameters/sip.tls_peer_subjects"), NULL, &d.subjects);

    if (!rc)
        rc = look_as_peer(ctl, &d);
    if (!rc)
        rc = ctl_call(ctl, "GET", ctl_path("/v1/identities/cup"), NULL, &d.own);
    if (!rc)
        rc = ctl_call(ctl, "GET", ctl_path("/v1/status"), NULL, &d.status);
    for (size_t i = 0; !rc && i < POINTS; i++)
        points[i].judge(&d, &found[i]);
    if (!rc)
        rc = told(ctl, found);
    json_decref(d.report);
    json_decref(d.own);
    json_decref(d.status);
    json_decref(d.subjects);
    return rc;
}
