/* Users here who come with a SIP client say who they are with a password (RFC 3261 22.1), whatever the
 * list of peers says: none of them is on it. A server that has asked them itself is named with its
 * network in sip.domains. */
#include <stdio.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "sip_priv.h"

enum {
    FAILURES_MAX = 100 /* of all users of one network, in five minutes; a site behind one address */
};

/* Which hashes are asked for, the best one first: a client takes the first that it knows (RFC 8760 2.4).
 * There are clients that give up when they see one that they do not know: baresip 1.0. */
static bool is_offered(const struct sip_core *core, enum sip_hash hash)
{
    return core->settings->login != (hash == SIP_SHA256 ? SIP_DIGESTS_MD5 : SIP_DIGESTS_SHA256);
}

static void challenge(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                      struct gw_str realm, bool is_stale)
{
    struct gw_buf value;

    gw_buf_init(&value, SIP_URI_MAX);
    sip_answer_begin(core, m, from, 401, GW_STR(""));
    for (int hash = 0; hash < SIP_HASH_COUNT; hash++) {
        if (!is_offered(core, (enum sip_hash)hash))
            continue;
        gw_buf_reset(&value);
        sip_digest_challenge(core->digest,
                             &(struct sip_challenge){ .realm = realm,
                                                      .host = from->host,
                                                      .hash = (enum sip_hash)hash,
                                                      .is_stale = is_stale },
                             core->now.mono, &value);
        sip_write_header(&core->out, "WWW-Authenticate", gw_buf_str(&value));
    }
    gw_buf_done(&value);
    sip_answer_once(core, m, from); /* nothing is kept of a stranger */
}

/* The user of whom the request is: whose bindings they are, else who sends it. */
static const struct sip_uri *claimed(const struct sip_msg *m)
{
    return m->method == SIP_REGISTER ? &m->to.uri : &m->from.uri;
}

static bool has_to_log_in(const struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, struct gw_str who, struct gw_str domain)
{
    switch (m->method) {
    case SIP_ACK:
    case SIP_CANCEL: /* RFC 3261 22.1: neither can be asked */
    case SIP_OPTIONS:
        return false;
    case SIP_PUBLISH:
    case SIP_REGISTER: /* whoever vouches for them: it is the user himself who does this */
        return true;
    default:
        return pres_user_is_known(core->pres, who) && !sip_vouches(core, domain, from);
    }
}

/* The response for this realm, if there is one. */
static bool response_find(const struct sip_msg *m, struct gw_arena *arena, struct gw_str realm,
                          struct sip_response *out)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    while (sip_msg_next(m, SIP_AUTHORIZATION, &pos, &value)) {
        if (sip_response_read(value, arena, out) && gw_str_eq(out->realm, realm))
            return true;
    }
    return false;
}

void sip_network_of(const struct sip_peer *from, char out[PRES_NETWORK_MAX])
{
    bool is_v6 = gw_str_find(from->host, ':') >= 0;
    char peer[PRES_NETWORK_MAX];

    (void)snprintf(peer, sizeof(peer), "%s%.*s%s:0", is_v6 ? "[" : "", GW_STR_ARG(from->host),
                   is_v6 ? "]" : "");
    (void)pres_network_of(gw_str_of(peer), out);
}

/* Does the response prove that it is 'who'? If not, *why says what is wrong. */
static enum sip_proof prove(struct sip_core *core, const struct sip_msg *m, struct gw_str who,
                            const struct sip_response *r, const char **why)
{
    struct sip_ha1 ha1 = { .has = { false } };
    struct gw_str id = who;
    enum sip_proof proof;

    (void)gw_str_cut(who, "@", &id, NULL);
    *why = "is another user than it says";
    if (!gw_str_ieq(r->user, id))
        return SIP_PROOF_WRONG;
    *why = "the response is for another address"; /* RFC 7616 3.4.6 */
    if (!gw_str_eq(r->uri, m->target.text))
        return SIP_PROOF_WRONG;
    *why = "wrong password";
    if (!core->credentials(who, &ha1, why, core->credentials_ctx))
        ha1 = (struct sip_ha1){ .has = { false } };
    for (int hash = 0; hash < SIP_HASH_COUNT; hash++)
        ha1.has[hash] &= is_offered(core, (enum sip_hash)hash);
    proof = sip_digest_check(core->digest, r, &ha1, m->method_name, core->now.mono);
    gw_wipe(&ha1, sizeof(ha1));
    return proof;
}

static enum sip_login log_in(struct sip_core *core, const struct sip_msg *m,
                             const struct sip_peer *from, struct gw_str who, struct gw_str realm)
{
    char network[PRES_NETWORK_MAX], quoted[GW_QUOTE_MAX];
    struct sip_response r;
    const char *why;

    if (!response_find(m, &core->msg->arena, realm, &r)) {
        challenge(core, m, from, realm, false);
        return SIP_LOGIN_ANSWERED;
    }
    /* What comes with another's address, and a nonce that was not sent there, is no failure of his; nor is
     * it looked at, or passwords could be tried in this way. */
    if (!sip_digest_has_asked(core->digest, r.nonce, from->host)) {
        challenge(core, m, from, realm, true);
        return SIP_LOGIN_ANSWERED;
    }
    sip_network_of(from, network);
    if (!pres_guard_allows(core->guard, network, who, FAILURES_MAX, core->now.mono)) {
        core->counters.logins_failed++;
        sip_refuse(core, m, from, 403);
        return SIP_LOGIN_ANSWERED;
    }
    switch (prove(core, m, who, &r, &why)) {
    case SIP_PROOF_RIGHT:
        pres_guard_succeeded(core->guard, network, who);
        gw_buf_add_str(&core->login, who);
        return SIP_LOGIN_IN;
    case SIP_PROOF_STALE:
        challenge(core, m, from, realm, true);
        return SIP_LOGIN_ANSWERED;
    case SIP_PROOF_WRONG:
        pres_guard_failed(core->guard, network, who, core->now.mono);
        core->counters.logins_failed++;
        gw_info("sip", "login refused user=%s peer=%.*s reason=\"%s\"", gw_quote(who, quoted),
                GW_STR_ARG(from->host), why);
        challenge(core, m, from, realm, false);
        return SIP_LOGIN_ANSWERED;
    }
    return SIP_LOGIN_ANSWERED;
}

bool sip_login_is_on(const struct sip_core *core)
{
    return core->credentials && core->settings->login != SIP_DIGESTS_OFF;
}

bool sip_login_is_possible(const struct sip_core *core, struct gw_str user)
{
    struct sip_ha1 ha1 = { .has = { false } };
    const char *why;
    bool is_possible =
        sip_login_is_on(core) && core->credentials(user, &ha1, &why, core->credentials_ctx);

    gw_wipe(&ha1, sizeof(ha1));
    return is_possible;
}

enum sip_login sip_log_in(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from)
{
    enum sip_login result = SIP_LOGIN_NONE;
    struct gw_str who, domain;
    struct gw_buf buf;

    gw_buf_reset(&core->login);
    if (!sip_login_is_on(core))
        return SIP_LOGIN_NONE;
    gw_buf_init(&buf, SIP_URI_MAX);
    who = sip_address_of(claimed(m), &buf);
    if (gw_str_cut(who, "@", NULL, &domain) && pres_domain_is_local(core->pres, domain) &&
        has_to_log_in(core, m, from, who, domain))
        result = log_in(core, m, from, who, domain);
    gw_buf_done(&buf);
    return result;
}

/* A stranger who says that he is one of ours learns from the answer not even who is a user. */
bool sip_log_in_ask(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct gw_str who, domain;
    struct gw_buf buf;
    bool is_ours;

    if (!sip_login_is_on(core))
        return false;
    gw_buf_init(&buf, SIP_URI_MAX);
    who = sip_address_of(&m->from.uri, &buf);
    is_ours = gw_str_cut(who, "@", NULL, &domain) && pres_domain_is_local(core->pres, domain);
    if (is_ours)
        challenge(core, m, from, domain, false);
    gw_buf_done(&buf);
    return is_ours;
}
