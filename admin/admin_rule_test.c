/* /v1/users/{user}/rule-test */
#include <stdlib.h>

#include "admin_priv.h"
#include "admin_users.h"
#include "bridge_book.h"
#include "gw_buf.h"
#include "gw_mem.h"

static void on_tested(const struct gw_err *result, json_t *answer, void *ctx)
{
    struct admin_call *call = ctx;

    call->work = NULL; /* it is over: nothing to cancel */
    net_http_on_gone(call->x, NULL, NULL);
    if (result->code)
        admin_reply_error(call, result);
    else
        admin_reply(call, 200, answer);
}

static void on_gone(void *ctx)
{
    struct admin_call *call = ctx;
    const struct admin_host *host = call->api->args.host;

    host->rule_test_cancel(call->work, host->ctx);
    call->work = NULL;
    admin_call_free(&call);
}

static struct gw_str text_of(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);

    return (struct gw_str){ json_string_value(text), json_string_length(text) };
}

/* Gives: free(). NULL: none were said. */
static enum gw_code rules_read(const json_t *list, struct admin_rule_line **out, size_t *count,
                               struct gw_err *err)
{
    const json_t *r;
    size_t i;

    *out = NULL;
    *count = 0;
    if (!list)
        return GW_OK;
    if (!json_is_array(list) || json_array_size(list) > BRIDGE_SCOPE_RULES_MAX)
        return gw_fail(err, GW_INVALID, "'rules' is a list of at most %d", BRIDGE_SCOPE_RULES_MAX);
    *out = gw_realloc(NULL, json_array_size(list) + 1, sizeof(**out));
    json_array_foreach(list, i, r)
    {
        (*out)[i] = (struct admin_rule_line){ text_of(r, "name"), text_of(r, "rule") };
        if (!(*out)[i].name.p || !(*out)[i].rule.p)
            return gw_fail(err, GW_INVALID, "each of the rules has a name and a rule");
        ++*count;
    }
    return GW_OK;
}

static enum gw_code start(struct admin_call *call, struct gw_str jid, struct admin_rule_line *rules,
                          size_t count, struct admin_rule_test **out, struct gw_err *err)
{
    const struct admin_host *host = call->api->args.host;
    struct admin_rule_test_args args = {
        .user = jid, .day = text_of(call->body, "day"), .rules = rules, .rule_count = count
    };

    return host->rule_test(&args, on_tested, call, out, err, host->ctx);
}

void admin_rule_test(struct admin_call *call)
{
    struct admin_rule_line *rules = NULL;
    struct admin_rule_test *test = NULL;
    struct dir_user user;
    struct gw_buf jid;
    struct gw_err err;
    enum gw_code rc;
    size_t count;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    rc = admin_user_find(call, &jid, &user, &err);
    if (!rc)
        rc = rules_read(json_object_get(call->body, "rules"), &rules, &count, &err);
    if (!rc)
        rc = start(call, gw_buf_str(&jid), rules, count, &test, &err);
    free(rules);
    gw_buf_done(&jid);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    call->work = test;
    net_http_on_gone(call->x, on_gone, call);
}
