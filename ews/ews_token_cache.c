/* The token that is kept.
 *
 *   no token --get--> fetching --answer--> token --margin before its end--> token, fetching --> ...
 *       ^                 '--failure--> told to who waits, and for a while to who comes
 *
 * Fetching begins when the secret may be shown once more (ews_identity.h). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews_account_priv.h"
#include "ews_priv.h"
#include "ews_token.h"
#include "gw_bytes.h"
#include "gw_mem.h"
#include "net_http_client.h"

enum {
    FETCH_MS = 10 * GW_SECOND_MS,
    MARGIN_MAX_MS = 5 * GW_MINUTE_MS, /* renewed so long before its end, or in its last quarter */
    PAUSE_MS = 10 * GW_SECOND_MS      /* after a failure */
};

struct ews_token {
    struct net_loop *loop;
    struct ews_token_args args;
    bool fetching;
    struct ews_trial trial;     /* of the secret */
    struct ews_try try;         /* that is out */
    struct net_http_slot *slot; /* NULL: nothing was sent */
    char *token;                /* NULL: none */
    gw_time renew_at, good_until, failed_until;
    struct ews_status failure;
    struct gw_list waiting;
    struct net_timer *timer; /* tells those who came after a failure */
};

static gw_time token_now(const struct ews_token *t)
{
    return net_loop_now(t->loop).mono;
}

/* Each is taken off the list first: it may come back, or end others. */
static void tell_all(struct ews_token *t, const struct ews_status *why)
{
    struct gw_list told, *link;

    gw_list_init(&told);
    while ((link = gw_list_pop(&t->waiting)))
        gw_list_append(&told, link);
    while ((link = gw_list_pop(&told))) {
        struct ews_token_wait *w = GW_CONTAINER(link, struct ews_token_wait, link);

        w->done(why ? NULL : t->token, why, w->ctx);
    }
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct ews_token *t = ctx;
    struct ews_status why = t->failure;

    (void)now;
    tell_all(t, &why);
}

static void take(struct ews_token *t, struct gw_buf *token, int64_t lifetime_s)
{
    int64_t ms = lifetime_s * GW_SECOND_MS;
    int64_t margin = ms / 4 < MARGIN_MAX_MS ? ms / 4 : MARGIN_MAX_MS;

    gw_secret_free(&t->token);
    t->token = gw_str_dup(gw_buf_str(token));
    t->good_until = gw_time_after(token_now(t), ms);
    t->renew_at = t->good_until - margin;
    t->failed_until = 0;
}

static void fail(struct ews_token *t, const struct ews_status *why)
{
    int64_t pause = why->backoff_ms > PAUSE_MS ? why->backoff_ms : PAUSE_MS;

    t->failure = *why;
    t->failed_until = gw_time_after(token_now(t), pause);
    gw_warn("ews", "no access token url=%s result=%s: %s", t->args.url, ews_class_name(why->class),
            why->text);
}

static void fetch_end(struct ews_token *t)
{
    ews_try_end(&t->try,
                t->slot && net_http_slot_has_sent(t->slot) ? EWS_TRY_SILENT : EWS_TRY_PASSED);
    net_http_slot_free(&t->slot); /* the next one is an hour away */
    ews_trial_end(&t->trial);
    t->fetching = false;
}

static void on_answer(const struct net_http_answer *answer, void *ctx)
{
    struct ews_token *t = ctx;
    struct ews_token_http http = { .code = answer->code,
                                   .error = answer->error,
                                   .status = answer->status,
                                   .body = answer->body,
                                   .now = net_loop_now(t->loop).utc };
    struct ews_status why;
    struct gw_buf token;
    int64_t lifetime_s;
    bool fine;

    if (!answer->code) {
        http.content_type = net_http_answer_header(answer, "Content-Type", 0);
        http.retry_after = net_http_answer_header(answer, "Retry-After", 0);
        http.date = net_http_answer_header(answer, "Date", 0);
    }
    gw_buf_init(&token, EWS_BEARER_MAX);
    fine = ews_token_parse(&http, &token, &lifetime_s, &why);
    if (fine)
        take(t, &token, lifetime_s);
    else
        fail(t, &why);
    ews_try_end(&t->try,
                !fine && why.class == EWS_CREDENTIALS ? EWS_TRY_REFUSED : ews_try_end_of(answer));
    if (token.p)
        gw_wipe(token.p, token.len);
    gw_buf_done(&token);
    fetch_end(t);
    tell_all(t, fine ? NULL : &why);
}

static void fetch_send(struct ews_token *t)
{
    struct net_http_slot_args slot = { .tls = t->args.tls,
                                       .user_agent = "Kalends/" KALENDS_VERSION };
    struct net_http_request request = {
        .method = "POST",
        .url = t->args.url,
        .headers = (const char *const[]){ "Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL },
        .body_max = EWS_TOKEN_BODY_MAX,
    };
    struct gw_buf body;

    gw_buf_init(&body, 16 * 1024);
    ews_token_request_write(t->args.client_id, t->args.identity->password, t->args.scope, &body);
    request.body = gw_buf_str(&body);
    ews_try_begin(&t->try, t->args.identity);
    request.timeout_ms = t->try.counts ? EWS_TRY_MS : FETCH_MS;
    t->slot = net_http_slot_new(t->loop, &slot);
    net_http_start(t->slot, &request, NULL, on_answer, t);
    gw_wipe(body.p, body.len);
    gw_buf_done(&body);
}

static void on_trial(void *ctx)
{
    struct ews_token *t = ctx;

    if (!ews_identity_is_locked(t->args.identity, token_now(t), &t->failure)) {
        fetch_send(t);
        return;
    }
    fetch_end(t);
    net_timer_set(t->timer, token_now(t));
}

static void fetch(struct ews_token *t)
{
    t->fetching = true;
    if (ews_trial_begin(&t->trial, t->args.identity, on_trial, t))
        on_trial(t);
}

struct ews_token *ews_token_new(struct net_loop *loop)
{
    struct ews_token *t = gw_new(struct ews_token);

    t->loop = loop;
    gw_list_init(&t->waiting);
    t->timer = net_timer_new(loop, on_timer, t);
    return t;
}

void ews_token_free(struct ews_token **tp)
{
    struct ews_token *t = *tp;

    if (!t)
        return;
    *tp = NULL;
    assert(gw_list_is_empty(&t->waiting));
    fetch_end(t);
    net_timer_free(&t->timer);
    gw_secret_free(&t->token);
    free(t);
}

void ews_token_set(struct ews_token *t, const struct ews_token_args *args)
{
    fetch_end(t);
    gw_secret_free(&t->token);
    t->args = args ? *args : (struct ews_token_args){ 0 };
    t->failed_until = 0;
    if (gw_list_is_empty(&t->waiting))
        return;
    if (args) {
        fetch(t);
        return;
    }
    ews_status_set(&t->failure, EWS_TRANSIENT, "token-changed",
                   "no access token: the login was changed meanwhile");
    net_timer_set(t->timer, token_now(t));
}

const char *ews_token_get(struct ews_token *t, struct ews_token_wait *wait)
{
    gw_time now = token_now(t);
    bool good = t->token && now < t->good_until;
    bool paused = now < t->failed_until;

    assert(t->args.url);
    if ((!good || now >= t->renew_at) && !t->fetching && !paused)
        fetch(t);
    gw_list_init(&wait->link);
    if (good)
        return t->token;
    gw_list_append(&t->waiting, &wait->link);
    if (!t->fetching)
        net_timer_set(t->timer, now);
    return NULL;
}

void ews_token_wait_cancel(struct ews_token_wait *wait)
{
    if (wait->link.next)
        gw_list_remove(&wait->link);
}

void ews_token_drop(struct ews_token *t, struct gw_str token)
{
    if (t->token && gw_str_is(token, t->token))
        gw_secret_free(&t->token);
}
