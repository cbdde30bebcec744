/* kalendsctl cert check, cert fetch: a look at a server's certificate, and trust built from it */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_ctl.h"

/* --- the server: "mail.example.org:443", "[2001:db8::1]:443", "2001:db8::1" */

static int64_t default_port(const struct ctl *ctl)
{
    const char *starttls = ctl_opt(ctl, "starttls");

    if (!starttls)
        return ctl_opt(ctl, "sip") ? 5061 : 443;
    return strcmp(starttls, "xmpp-server") == 0 ? 5269 : 5222;
}

/* As the daemon does. */
static const char *store_of(const struct ctl *ctl)
{
    return ctl_opt(ctl, "starttls") && !ctl_opt(ctl, "store") ? "cup-xmpp-trust" : ctl_store(ctl);
}

static bool server_parse(struct gw_str text, int64_t *port, struct gw_str *host)
{
    struct gw_str rest = { NULL, 0 };

    *host = text;
    if (text.len > 0 && text.p[0] == '[') {
        if (!gw_str_cut(gw_str_sub(text, 1, text.len), "]", host, &rest))
            return false;
        if (rest.len == 0)
            return host->len > 0;
        if (rest.p[0] != ':')
            return false;
        rest = gw_str_sub(rest, 1, rest.len);
    } else if (!gw_str_cut(text, ":", host, &rest)) {
        *host = text;
        return text.len > 0;
    } else if (gw_str_find(rest, ':') >= 0) { /* an IPv6 address without a port */
        *host = text;
        return true;
    }
    return host->len > 0 && gw_str_to_int(rest, 1, 65535, port);
}

enum ctl_exit ctl_server_put(const struct ctl *ctl, int64_t port, json_t *body)
{
    struct gw_str host;

    if (!server_parse(gw_str_of(ctl_arg(ctl, 0)), &port, &host)) {
        ctl_complain(ctl, "usage", "a server is HOST or HOST:PORT, '[ADDRESS]:PORT' for IPv6");
        return CTL_USAGE;
    }
    json_object_set_new(body, "host", json_stringn(host.p, host.len));
    json_object_set_new(body, "port", json_integer(port));
    return CTL_OK;
}

static enum ctl_exit probe(struct ctl *ctl, bool fetch, json_t **out)
{
    json_t *body = ctl_options_json(ctl);
    enum ctl_exit rc = ctl_server_put(ctl, default_port(ctl), body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    if (fetch && ctl_opt(ctl, "aia"))
        json_object_set_new(body, "fetch_issuers", json_true());
    return ctl_call(ctl, "POST", ctl_path("/v1/certificates/probe"), body, out);
}

/* --- printing */

static const char *link_from(const json_t *link)
{
    if (ctl_true(link, "trusted"))
        return "in the trust store";
    return ctl_true(link, "sent") ? "sent" : "sent by nobody";
}

void ctl_chain_print(const struct ctl *ctl, const json_t *chain)
{
    char until[CTL_TIME_MAX];
    const json_t *certificate;
    json_t *link;
    size_t i;

    json_array_foreach(chain, i, link)
    {
        certificate = json_object_get(link, "certificate");
        printf("  %-13s %s (%s)\n", ctl_str(link, "state"), ctl_str(link, "subject"),
               link_from(link));
        if (*ctl_str(link, "reason"))
            printf("  %13s %s\n", "", ctl_str(link, "reason"));
        if (certificate)
            printf("  %13s %s\n  %13s until %s\n", "", ctl_str(certificate, "fingerprint"), "",
                   ctl_time(ctl_utc(certificate, "not_after"), ctl->now, "not known", until));
    }
}

static void report_print(const struct ctl *ctl, const json_t *report)
{
    printf("peer server reachability                    %s\n", ctl_str(report, "reachability"));
    if (*ctl_str(report, "reachability_text"))
        printf("  %s\n", ctl_str(report, "reachability_text"));
    printf("SSL connection / certificate verification   %s\n", ctl_str(report, "certificate"));
    if (*ctl_str(report, "text"))
        printf("  %s\n", ctl_str(report, "text"));
    if (*ctl_str(report, "protocol"))
        printf("  %s, %s\n", ctl_str(report, "protocol"), ctl_str(report, "cipher"));
    if (*ctl_str(report, "fetch_text"))
        printf("  %s\n", ctl_str(report, "fetch_text"));
    if (json_array_size(json_object_get(report, "chain"))) {
        printf("chain, the server's own first\n");
        ctl_chain_print(ctl, json_object_get(report, "chain"));
    }
}

/* Gives the report, printed. */
static enum ctl_exit look(struct ctl *ctl, bool fetch, json_t **out)
{
    enum ctl_exit rc = probe(ctl, fetch, out);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(*out);
    else
        report_print(ctl, *out);
    return CTL_OK;
}

enum ctl_exit ctl_cert_check(struct ctl *ctl)
{
    json_t *report;
    enum ctl_exit rc = look(ctl, false, &report);

    if (rc)
        return rc;
    rc = ctl_true(report, "ok") ? CTL_OK : CTL_FAILED;
    json_decref(report);
    return rc;
}

/* --- fetch: what is missing is installed, once its fingerprint is confirmed */

static const json_t *link_of(const json_t *report, const char *fingerprint)
{
    const json_t *chain = json_object_get(report, "chain"), *link;
    size_t i;

    json_array_foreach(chain, i, link)
    {
        const char *own = ctl_str(json_object_get(link, "certificate"), "fingerprint");

        if (strcmp(own, fingerprint) == 0)
            return link;
    }
    return NULL;
}

static bool asked_yes(void)
{
    char line[16] = "";

    (void)fflush(stdout);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static enum ctl_exit confirm(struct ctl *ctl, const json_t *link, const char *fingerprint)
{
    const char *accept = ctl_opt(ctl, "accept");
    char normal[CTL_FINGERPRINT_MAX];

    if (accept) {
        if (ctl_fingerprint_normalise(accept, normal) && strcmp(normal, fingerprint) == 0)
            return CTL_OK;
        ctl_complain(ctl, "denied",
                     "what is missing is %s, not what was to be accepted: nothing was changed",
                     fingerprint);
        return CTL_FAILED;
    }
    if (ctl->line->json || !isatty(STDIN_FILENO)) {
        ctl_complain(ctl, "usage", "compare the fingerprint, then repeat with --accept %s",
                     fingerprint);
        return CTL_FAILED;
    }
    printf("Trust '%s' in %s?\nCompare its fingerprint with what its owner tells you. [y/N] ",
           ctl_str(link, "subject"), store_of(ctl));
    if (asked_yes())
        return CTL_OK;
    printf("nothing was changed\n");
    return CTL_FAILED;
}

static enum ctl_exit install(struct ctl *ctl, const json_t *link)
{
    json_t *answer, *body = json_pack("{s:s}", "base64", ctl_str(link, "der"));
    enum ctl_exit rc;

    rc = ctl_call(ctl, "POST", ctl_path("/v1/trust/%s", store_of(ctl)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("trusted now in %s: %s\n", store_of(ctl), ctl_str(link, "subject"));
    json_decref(answer);
    return CTL_OK;
}

static enum ctl_exit fetched(struct ctl *ctl, const json_t *report)
{
    const char *fingerprint = ctl_str(report, "missing");
    const json_t *link = link_of(report, fingerprint);
    enum ctl_exit rc;

    if (!*fingerprint || !link) {
        if (ctl_true(report, "ok") && !ctl->line->json)
            printf("nothing is missing\n");
        return ctl_true(report, "ok") ? CTL_OK : CTL_FAILED;
    }
    rc = confirm(ctl, link, fingerprint);
    return rc ? rc : install(ctl, link);
}

enum ctl_exit ctl_cert_fetch(struct ctl *ctl)
{
    json_t *report;
    enum ctl_exit rc = look(ctl, true, &report);

    if (rc)
        return rc;
    rc = fetched(ctl, report);
    json_decref(report);
    return rc;
}
