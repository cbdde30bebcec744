/* The connection check, made as the gateway itself would connect:
 *
 *   PROBE --reached, verified--> MAILBOX --accepted--> SUBSCRIBE --accepted--> HEAR --notified--> done
 *     '------------- failed: what comes after is skipped; nothing is heard in time --------------^ */
#include "gd_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert_probe.h"
#include "gd_gateways.h"
#include "gd_notify.h"
#include "gw_bytes.h"
#include "gw_mem.h"

#define TEST_REACH   "Exchange reachability"
#define TEST_TLS     "SSL connection / certificate verification"
#define TEST_MAILBOX "Account and impersonation"
#define TEST_SUB     "Subscription"
#define TEST_NOTIFY  "Notification round trip"

enum {
    TEXT_MAX = 512 + EWS_URL_MAX,
    HEAR_QUARTERS = 4, /* of a minute: Exchange notifies as soon as it has subscribed */
    TOKEN_BYTES = 16
};

struct admin_check {
    struct gw_list link;
    struct gd *gd;
    char *name;
    admin_check_step_fn *step;
    admin_check_done_fn *done;
    void *done_ctx;

    struct cert_probe *probe;
    struct ews_call *call;
    struct gd_notify_wait *wait;
    struct net_timer *timer;
    char token[2 * TOKEN_BYTES + 1];
    bool account_only, heard;
};

static void check_free(struct admin_check **checkp)
{
    struct admin_check *c = *checkp;

    *checkp = NULL;
    gw_list_remove(&c->link);
    ews_call_cancel(&c->call);
    cert_probe_cancel(&c->probe);
    gd_notify_wait_cancel(&c->wait);
    net_timer_free(&c->timer);
    free(c->name);
    free(c);
}

static void tell(struct admin_check *c, const char *test, enum admin_check_result result,
                 const char *verdict, const char *text)
{
    c->step(
        &(struct admin_check_step){
            .test = test, .result = result, .verdict = verdict, .text = text },
        c->done_ctx);
}

static void finish(struct admin_check *c)
{
    admin_check_done_fn *done = c->done;
    void *ctx = c->done_ctx;

    check_free(&c);
    done(ctx);
}

/* --- what Exchange answered */

struct mailbox_words {
    enum ews_class class;
    const char *verdict;
};

static const struct mailbox_words mailbox_words[] = {
    { EWS_OK, "Accepted" },
    { EWS_CREDENTIALS, "Failed: account or password refused" },
    { EWS_PERMISSION, "Failed: impersonation is not allowed" },
    { EWS_MAILBOX, "Failed: the account is accepted, the mailbox is not available" },
    { EWS_BUSY, "Failed: Exchange asks us to wait" },
    { EWS_CONFIG, "Failed: configuration" },
    { EWS_SERVER_DOWN, "Failed: network error" },
};

static const char *mailbox_verdict(enum ews_class class)
{
    for (size_t i = 0; i < sizeof(mailbox_words) / sizeof(mailbox_words[0]); i++)
        if (mailbox_words[i].class == class)
            return mailbox_words[i].verdict;
    return "Failed";
}

static void tell_answer(struct admin_check *c, const char *test, const struct ews_status *status,
                        const char *good)
{
    char text[TEXT_MAX];

    if (status->class == EWS_OK) {
        tell(c, test, ADMIN_CHECK_OK, "Accepted", good);
        return;
    }
    snprintf(text, sizeof(text), "%s (%s)", status->text, status->code);
    tell(c, test, ADMIN_CHECK_FAILED, mailbox_verdict(status->class), text);
}

/* Those that come after the test that has failed. */
static void skip_after(struct admin_check *c, const char *failed, const char *why)
{
    static const char *const test[] = { TEST_REACH, TEST_TLS, TEST_MAILBOX, TEST_SUB, TEST_NOTIFY };
    bool after = false;

    for (size_t i = 0; i < sizeof(test) / sizeof(test[0]); i++) {
        if (after)
            tell(c, test[i], ADMIN_CHECK_SKIPPED, "Not tried", why);
        after = after || strcmp(test[i], failed) == 0;
    }
    finish(c);
}

/* A user whose mailbox can be asked for: the first one there is. */
static bool calendar_user(const struct gd *gd, struct dir_user *out)
{
    size_t pos = 0;

    while (dir_user_next(gd->dir, &pos, out))
        if (gd_user_has_calendar(out))
            return true;
    return false;
}

/* --- a subscription, and what Exchange says to it: a real round trip */

static void url_write(const struct admin_check *c, struct gw_buf *out)
{
    gd_notify_url(c->gd->notify, out);
    gw_buf_add_cstr(out, c->token);
}

static int64_t hear_ms(const struct admin_check *c)
{
    return c->gd->config.lab_minute_ms / HEAR_QUARTERS;
}

static void on_silence(struct gw_now now, void *ctx)
{
    struct admin_check *c = ctx;
    char text[TEXT_MAX];
    const char *trust = gd_notify_is_https(c->gd->notify)
                            ? " Do they trust the certificate 'cup' (the log tells who refuses it)?"
                            : "";
    struct gw_buf url;

    (void)now;
    gw_buf_init(&url, EWS_URL_MAX);
    gd_notify_url(c->gd->notify, &url);
    snprintf(
        text, sizeof(text),
        "Exchange has not called %.*s within %g s: can its servers resolve that name, and is the "
        "port open?%s Until then changes come by streaming or polling",
        GW_STR_ARG(gw_buf_str(&url)), (double)hear_ms(c) / GW_SECOND_MS, trust);
    gw_buf_done(&url);
    tell(c, TEST_NOTIFY, ADMIN_CHECK_FAILED, "Failed: nothing was received", text);
    finish(c);
}

static void notified(struct admin_check *c)
{
    tell(c, TEST_NOTIFY, ADMIN_CHECK_OK, "Received", "");
    finish(c);
}

static void on_over(struct gw_now now, void *ctx)
{
    (void)now;
    notified(ctx);
}

/* May come before the answer to Subscribe; told outside of the listener. */
static void on_heard(void *ctx)
{
    struct admin_check *c = ctx;

    c->wait = NULL;
    c->heard = true;
    if (c->call)
        return;
    net_timer_free(&c->timer);
    c->timer = net_timer_new(c->gd->loop, on_over, c);
    net_timer_set(c->timer, net_loop_now(c->gd->loop).mono);
}

static void on_subscribed(const struct ews_answer *answer, void *ctx)
{
    struct admin_check *c = ctx;

    c->call = NULL;
    tell_answer(c, TEST_SUB, &answer->status, "");
    if (answer->status.class != EWS_OK) {
        skip_after(c, TEST_SUB, "");
        return;
    }
    if (c->heard) {
        notified(c);
        return;
    }
    c->timer = net_timer_new(c->gd->loop, on_silence, c);
    net_timer_set(c->timer, gw_time_after(net_loop_now(c->gd->loop).mono, hear_ms(c)));
}

/* One of its own, which ends with its first notification. */
static void subscribe_step(struct admin_check *c)
{
    struct gd_gateway_target target;
    struct dir_user user;
    struct gw_buf url;

    if (!gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target))
        return; /* changed meanwhile: the check was aborted before */
    if (!calendar_user(c->gd, &user)) {
        skip_after(c, TEST_MAILBOX, "needs a user that is enabled for calendars");
        return;
    }
    if (c->gd->settings.sched.source != SCHED_MODE_PUSH) {
        skip_after(c, TEST_MAILBOX, "calendar.source is not 'push'");
        return;
    }
    gw_random_hex(c->token, TOKEN_BYTES);
    gw_buf_init(&url, EWS_URL_MAX);
    url_write(c, &url);
    c->wait = gd_notify_wait_start(c->gd->notify, gw_str_of(c->token), on_heard, c);
    c->call = ews_client_start(target.client,
                               &(struct ews_request){ .op = EWS_OP_SUBSCRIBE,
                                                      .sub_mode = EWS_SUB_PUSH,
                                                      .mailbox = user.mail,
                                                      .notify_url = gw_buf_str(&url),
                                                      .status_frequency_min = 1 },
                               on_subscribed, c);
    gw_buf_done(&url);
}

/* --- the account, and a mailbox that it may see */

static void on_answer(const struct ews_answer *answer, void *ctx)
{
    const struct ews_status *status = &answer->status;
    struct admin_check *c = ctx;
    char text[TEXT_MAX];

    c->call = NULL;
    snprintf(text, sizeof(text), "Exchange version %d.%d%s", answer->server_major,
             answer->server_minor,
             c->account_only ? "; impersonation is not tried before a user is enabled for calendars"
                             : "");
    tell_answer(c, TEST_MAILBOX, status, text);
    if (status->class == EWS_OK)
        subscribe_step(c);
    else
        skip_after(c, TEST_MAILBOX, "");
}

/* Nobody is enabled yet: the free/busy time of a mailbox that need not exist takes the account, and
 * leaves impersonation untried. */
static void account_step(struct admin_check *c, struct ews_client *client)
{
    gw_utc now = net_loop_now(c->gd->loop).utc;
    struct gw_str mailbox = GW_STR("kalends-check@localhost.localdomain");

    c->account_only = true;
    c->call = ews_client_start(client,
                               &(struct ews_request){ .op = EWS_OP_AVAILABILITY,
                                                      .mailboxes = &mailbox,
                                                      .mailbox_count = 1,
                                                      .from = now - now % GW_DAY_MS,
                                                      .to = now - now % GW_DAY_MS + GW_DAY_MS },
                               on_answer, c);
}

/* Reading the automatic reply of one user needs the account and the right to impersonate, and
 * changes nothing. */
static void mailbox_step(struct admin_check *c)
{
    struct gd_gateway_target target;
    struct dir_user user;

    if (!gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target))
        return; /* changed meanwhile: the check was aborted before */
    if (calendar_user(c->gd, &user))
        c->call = ews_client_start(target.client,
                                   &(struct ews_request){ .op = EWS_OP_OOF, .mailbox = user.mail },
                                   on_answer, c);
    else
        account_step(c, target.client);
}

/* --- reached, and its certificate */

static void tell_certificate(struct admin_check *c, const struct cert_report *report, bool plain)
{
    bool good = report->verdict == CERT_VERIFIED;

    if (plain)
        tell(c, TEST_TLS, ADMIN_CHECK_SKIPPED, "Not used",
             "plain HTTP: anybody on the way can read the password; for labs only");
    else
        c->step(&(struct admin_check_step){ .test = TEST_TLS,
                                            .result = good ? ADMIN_CHECK_OK : ADMIN_CHECK_FAILED,
                                            .verdict = cert_verdict_name(report->verdict),
                                            .text = good ? report->protocol : report->text,
                                            .chain = report->chain },
                c->done_ctx);
}

static void on_probed(const struct cert_report *report, void *ctx)
{
    struct gd_gateway_target target;
    struct admin_check *c = ctx;

    c->probe = NULL;
    if (!gd_gateway_target(c->gd->gateways, gw_str_of(c->name), &target))
        return; /* changed meanwhile: the check was aborted before */
    tell(c, TEST_REACH, report->reached ? ADMIN_CHECK_OK : ADMIN_CHECK_FAILED,
         report->reached ? "Reachable" : "Unreachable",
         report->reached ? report->peer : report->reached_text);
    if (!report->reached) {
        skip_after(c, TEST_REACH, "");
        return;
    }
    tell_certificate(c, report, target.http);
    if (target.http || report->verdict == CERT_VERIFIED)
        mailbox_step(c);
    else
        skip_after(c, TEST_TLS, "");
}

struct admin_check *gd_check_start(struct gd *gd, struct gw_str name, admin_check_step_fn *step,
                                   admin_check_done_fn *done, void *done_ctx)
{
    struct gd_gateway_target target;
    struct admin_check *c;

    if (!gd_gateway_target(gd->gateways, name, &target))
        return NULL;
    c = gw_new(struct admin_check);
    *c = (struct admin_check){
        .gd = gd, .name = gw_str_dup(name), .step = step, .done = done, .done_ctx = done_ctx
    };
    gw_list_append(&gd->checks, &c->link);
    c->probe = cert_probe_start(gd->loop,
                                &(struct cert_probe_args){ .store = gd->certs,
                                                           .set = CERT_TRUST_EXCHANGE,
                                                           .host = target.host,
                                                           .port = target.port,
                                                           .plain = target.http },
                                on_probed, c);
    return c;
}

void gd_check_cancel(struct admin_check *check)
{
    check_free(&check);
}

void gd_checks_abort(struct gd *gd, struct gw_str name)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&gd->checks, it, tmp)
    {
        struct admin_check *c = GW_CONTAINER(it, struct admin_check, link);

        if (!gw_str_is(name, c->name))
            continue;
        tell(c, c->probe ? TEST_REACH : TEST_MAILBOX, ADMIN_CHECK_FAILED, "Failed",
             "the gateway was changed while it was being checked");
        finish(c);
    }
}
