/* Control of logging in: accounts, and the ways in of each client access server. */
#include <stdlib.h>

#include "gw_bytes.h"
#include "mock_control.h"

static json_t *account_json(const struct mock_account *account, gw_time now)
{
    static const char *const rights[] = { "nobody", "everybody", "some" };
    json_t *json = json_object();

    mock_control_put_text(json, "name", account->name);
    mock_control_put_text(json, "mailbox", account->mailbox);
    mock_control_put_text(json, "impersonate", rights[account->rights]);
    mock_control_put(json, "password_expired", json_boolean(account->expired));
    mock_control_put_int(json, "bad_passwords", account->bad_passwords);
    mock_control_put(json, "locked_out", json_boolean(now < account->locked_until));
    return json;
}

enum gw_code mock_control_accounts(struct mock_control_call *call)
{
    const struct mock_account *account;
    json_t *list = json_array();
    size_t pos = 0;

    while ((account = mock_account_next(call->mx->org, &pos)))
        (void)json_array_append_new(list, account_json(account, call->now.mono));
    mock_control_put(call->answer, "accounts", list);
    return GW_OK;
}

enum gw_code mock_control_tokens_expire(struct mock_control_call *call)
{
    mock_tokens_expire(mock_auth_tokens(call->mx->auth));
    return GW_OK;
}

enum gw_code mock_control_policy(struct mock_control_call *call)
{
    static const char *const protection[] = { "off", "allow", "require" };
    struct mock_cas *cas = mock_control_cas(call);
    const struct mock_auth_policy *policy = cas ? mock_cas_policy(cas) : NULL;
    json_t *list;

    if (!cas)
        return call->err.code;
    list = json_array();
    for (size_t i = 0; i < policy->offers; i++)
        (void)json_array_append_new(list, json_string(mock_scheme_name(policy->offer[i])));
    mock_control_put(call->answer, "auth", list);
    mock_control_put_text(call->answer, "extended_protection", protection[policy->protection]);
    mock_control_put_text(call->answer, "challenges", policy->joined ? "joined" : "lines");
    mock_control_put(call->answer, "ntlm_v1", json_boolean(policy->ntlm_v1));
    return GW_OK;
}

enum gw_code mock_control_policy_set(struct mock_control_call *call)
{
    struct mock_cas *cas = mock_control_cas(call);
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    rc = mock_json_only(call->body, "request", "auth extended_protection challenges ntlm_v1",
                        &call->err);
    if (!rc)
        rc = mock_scenario_policy(mock_cas_policy(cas), call->body, &call->err);
    return rc ? rc : mock_control_policy(call);
}

enum gw_code mock_control_ca(struct mock_control_call *call)
{
    enum gw_code rc = mock_scenario_ca(call->mx, &call->err);

    if (!rc)
        mock_control_put_text(call->answer, "pem", mock_ca_root_pem(call->mx->ca));
    return rc;
}

/* Without a fault, the certificate of the settings comes back when there is one. */
enum gw_code mock_control_certificate(struct mock_control_call *call)
{
    struct mock_exchange *mx = call->mx;
    struct mock_cas *cas = mock_control_cas(call);
    char *cert_pem = NULL, *key_pem = NULL;
    enum gw_code rc;

    if (!cas)
        return call->err.code;
    if (mx->cert_pem && !json_object_size(call->body)) {
        rc = mock_cas_set_certificate(cas, mx->cert_pem, mx->key_pem, &call->err);
    } else {
        rc = mock_scenario_certificate(mx, call->body, mock_cas_name(cas), mock_cas_address(cas),
                                       &cert_pem, &key_pem, &call->err);
        if (!rc)
            rc = mock_cas_set_certificate(cas, cert_pem, key_pem, &call->err);
    }
    if (!rc)
        mock_control_put_text(call->answer, "certificate", cert_pem ? cert_pem : mx->cert_pem);
    free(cert_pem);
    gw_secret_free(&key_pem);
    return rc;
}

enum gw_code mock_control_push_trust(struct mock_control_call *call)
{
    struct gw_str pem = { NULL, 0 };
    enum gw_code rc = mock_json_only(call->body, "request", "pem", &call->err);

    if (!rc)
        rc = mock_json_text(call->body, "pem", &pem, &call->err);
    return rc ? rc : mock_push_trust(call->mx->push, pem, &call->err);
}
