/* Throttling as JSON: on, off, or with other limits than those of the version. */
#include "mock_control.h"

/* What is known of the defaults; EwsCutoffBalance is what is commonly quoted. */
static void defaults(const struct mock_product *product, struct mock_throttle_policy *policy)
{
    *policy = (struct mock_throttle_policy){ .on = product->newest >= MOCK_V2010,
                                             .by_account = product->newest < MOCK_V2013,
                                             .concurrency = product->newest < MOCK_V2013 ? 10 : 27,
                                             .burst_ms = 300000,
                                             .recharge_ms = 900000,
                                             .cutoff_ms = 3000000,
                                             .cost_ms = 10 };
    if (product->newest < MOCK_V2013) /* 2010 has percents of a minute instead of these */
        policy->recharge_ms = 0;
}

static enum gw_code limits_read(const json_t *json, struct mock_throttle_policy *policy,
                                struct gw_err *err)
{
    static const char *const charge[] = { "mailbox", "account", NULL };
    int word = policy->by_account;
    enum gw_code rc = mock_json_only(
        json, "throttle", "charge concurrency burst_ms recharge_ms cutoff_ms cost_ms", err);

    if (!rc)
        rc = mock_json_word(json, "charge", charge, &word, err);
    if (!rc)
        rc = mock_json_int(json, "concurrency", 0, INT32_MAX, &policy->concurrency, err);
    if (!rc)
        rc = mock_json_int(json, "burst_ms", 0, INT32_MAX, &policy->burst_ms, err);
    if (!rc)
        rc = mock_json_int(json, "recharge_ms", 0, INT32_MAX, &policy->recharge_ms, err);
    if (!rc)
        rc = mock_json_int(json, "cutoff_ms", 0, INT32_MAX, &policy->cutoff_ms, err);
    if (!rc)
        rc = mock_json_int(json, "cost_ms", 0, INT32_MAX, &policy->cost_ms, err);
    policy->by_account = word;
    policy->on = true;
    return rc;
}

enum gw_code mock_scenario_throttle(struct mock_exchange *mx, const json_t *json,
                                    const struct mock_product *product, int64_t minute_ms,
                                    struct gw_err *err)
{
    const json_t *throttle = json_object_get(json, "throttle");
    struct mock_throttle_policy policy = *mock_throttle_policy(mx->throttle);
    enum gw_code rc = GW_OK;

    if (!throttle && minute_ms == policy.minute_ms)
        return GW_OK;
    if (throttle)
        defaults(product, &policy);
    if (json_is_false(throttle))
        policy.on = false;
    else if (throttle && !json_is_true(throttle))
        rc = limits_read(throttle, &policy, err);
    if (rc)
        return rc;
    policy.minute_ms = minute_ms;
    mock_throttle_set(mx->throttle, &policy);
    return GW_OK;
}

json_t *mock_control_throttled(const struct mock_throttle *throttle)
{
    const struct mock_throttle_totals *totals = mock_throttle_totals(throttle);
    json_t *json = json_object();

    mock_control_put_int(json, "busy", (int64_t)totals->busy);
    mock_control_put_int(json, "connections", (int64_t)totals->connections);
    mock_control_put_int(json, "in_back_off", (int64_t)totals->hasty);
    return json;
}
