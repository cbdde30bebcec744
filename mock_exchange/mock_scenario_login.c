/* Of a scenario: how to log in at a client access server, which certificate it has, and what all of
 * them have in common. */
#include "mock_scenario.h"

#include <stdio.h>

static bool is_offered(const struct mock_auth_policy *policy, enum mock_scheme scheme)
{
    for (size_t i = 0; i < policy->offers; i++)
        if (policy->offer[i] == scheme)
            return true;
    return false;
}

static enum gw_code offers_read(const json_t *list, struct mock_auth_policy *policy,
                                struct gw_err *err)
{
    policy->offers = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        enum mock_scheme scheme = MOCK_SCHEME_NEGOTIATE;

        while (scheme < MOCK_SCHEMES && !gw_str_iis(gw_str_of(name), mock_scheme_name(scheme)))
            scheme++;
        if (scheme == MOCK_SCHEMES || is_offered(policy, scheme))
            break;
        if (scheme <= MOCK_SCHEME_NTLM && !mock_gss_has_ntlm())
            return gw_fail(err, GW_INVALID, "'auth': %s needs the package gss-ntlmssp", name);
        policy->offer[policy->offers++] = scheme;
    }
    if (!json_is_array(list) || policy->offers < json_array_size(list))
        return gw_fail(err, GW_INVALID,
                       "'auth' is a list of: negotiate, ntlm, basic, bearer; each once at most");
    return GW_OK;
}

enum gw_code mock_scenario_policy(struct mock_auth_policy *out, const json_t *json,
                                  struct gw_err *err)
{
    static const char *const protection[] = { "off", "allow", "require", NULL };
    static const char *const challenges[] = { "lines", "joined", NULL };
    struct mock_auth_policy policy = *out;
    int word[2] = { (int)policy.protection, policy.joined };
    const json_t *auth = json_object_get(json, "auth");
    enum gw_code rc = auth ? offers_read(auth, &policy, err) : GW_OK;

    if (!rc)
        rc = mock_json_word(json, "extended_protection", protection, &word[0], err);
    if (!rc)
        rc = mock_json_word(json, "challenges", challenges, &word[1], err);
    if (!rc)
        rc = mock_json_bool(json, "ntlm_v1", &policy.ntlm_v1, err);
    if (rc)
        return rc;
    policy.protection = (enum mock_protection)word[0];
    policy.joined = word[1];
    *out = policy;
    return GW_OK;
}

enum gw_code mock_scenario_logins(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct gw_str keytab = { NULL, 0 };
    char path[4096];
    enum gw_code rc = mock_json_text(json, "keytab", &keytab, err);

    if (!rc)
        rc = mock_json_int(json, "lockout_tries", 0, INT32_MAX, &mx->lockout_tries, err);
    if (!rc)
        rc = mock_json_int(json, "lockout_min", 1, INT32_MAX, &mx->lockout_min, err);
    if (!rc)
        rc = mock_json_int(json, "token_min", 1, INT32_MAX, &mx->token_min, err);
    if (rc)
        return rc;
    if (keytab.len >= sizeof(path))
        return gw_fail(err, GW_INVALID, "'keytab' is too long");
    snprintf(path, sizeof(path), "%.*s", GW_STR_ARG(keytab));
    if (keytab.p)
        mock_gss_set_keytab(mock_auth_gss(mx->auth), keytab.len ? path : NULL);
    return GW_OK;
}

void mock_scenario_logins_scale(struct mock_exchange *mx)
{
    int64_t minute_ms = mock_subs_minute(mx->subs);

    mock_org_set_lockout(mx->org, (unsigned)mx->lockout_tries, mx->lockout_min * minute_ms);
    mock_tokens_set_life(mock_auth_tokens(mx->auth), mx->token_min * minute_ms);
}

enum gw_code mock_scenario_ca(struct mock_exchange *mx, struct gw_err *err)
{
    return mx->ca ? GW_OK : mock_ca_new(net_loop_now(mx->loop).utc, &mx->ca, err);
}

/* "tls": {"fault": "expired", "names": ["cas1.example"]} */
enum gw_code mock_scenario_certificate(struct mock_exchange *mx, const json_t *json,
                                       const char *name, const char *address, char **cert_pem,
                                       char **key_pem, struct gw_err *err)
{
    const char *words[MOCK_CERT_FAULTS + 1] = { NULL };
    struct gw_str names[MOCK_TEXTS_MAX + 3];
    struct mock_cert_spec spec = { .names = names };
    int fault = MOCK_CERT_RIGHT;
    enum gw_code rc = json ? mock_json_only(json, "tls", "fault names", err) : GW_OK;

    for (int i = 0; i < MOCK_CERT_FAULTS; i++)
        words[i] = mock_cert_fault_name((enum mock_cert_fault)i);
    if (!rc)
        rc = mock_json_word(json, "fault", words, &fault, err);
    if (!rc)
        rc = mock_scenario_texts(json, "names", names, &spec.count, err);
    if (!rc)
        rc = mock_scenario_ca(mx, err);
    if (rc)
        return rc;
    spec.fault = (enum mock_cert_fault)fault;
    names[spec.count++] = gw_str_of(name);
    names[spec.count++] = gw_str_of(address);
    names[spec.count++] = GW_STR("localhost");
    return mock_ca_issue(mx->ca, &spec, net_loop_now(mx->loop).utc, cert_pem, key_pem, err);
}
