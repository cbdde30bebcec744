/* Calls to one Exchange server over warm connections.
 *
 *   WAITING --account proven, or first in line--> SENT --answer--> done
 *      '----- fate of the first in line, or refused at once -----> FAILED --next round--> done
 *
 * An answer is parsed, and everything of the client is brought in order, before done is called:
 * it may start and cancel calls, and free the client. A stream is a call whose answer is given out
 * while it comes. */
#include "ews_client_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_conn.h"
#include "ews_priv.h"
#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_mem.h"

static void on_conn_done(const struct net_http_answer *http, const struct ews_status *login,
                         void *ctx);
static void on_stream_data(struct gw_str piece, void *ctx);

/* ---- slots ------------------------------------------------------------------------------------ */

static void slot_free(struct ews_slot *slot)
{
    gw_list_remove(&slot->link);
    slot->client->slot_count--;
    ews_conn_free(&slot->conn);
    free(slot);
}

static struct ews_slot *slot_new(struct ews_client *client)
{
    struct ews_conn_args args = { .loop = client->loop,
                                  .account = client->account,
                                  .tls = client->tls,
                                  .sessions = client->sessions,
                                  .host = client->host };
    struct ews_slot *slot = gw_new(struct ews_slot);

    slot->client = client;
    slot->conn = ews_conn_new(&args);
    gw_list_init(&slot->link);
    client->slot_count++;
    return slot;
}

static struct ews_slot *slot_take(struct ews_client *client)
{
    struct ews_slot *slot;

    if (gw_list_is_empty(&client->idle))
        slot = slot_new(client);
    else
        slot = GW_CONTAINER(client->idle.next, struct ews_slot, link);
    gw_list_remove(&slot->link);
    gw_list_append(&client->busy, &slot->link);
    return slot;
}

static void slot_give_back(struct ews_slot *slot)
{
    struct ews_client *client = slot->client;

    slot->call = NULL;
    if (slot->outdated) {
        slot_free(slot);
        return;
    }
    gw_list_remove(&slot->link);
    slot->idle_until = gw_time_after(ews_client_now(client), client->idle_ms);
    gw_list_prepend(&client->idle, &slot->link);
    if (slot->link.next == &client->idle)
        net_timer_set(client->idle_timer, slot->idle_until);
}

/* The last of the idle ones has waited longest. */
static void on_idle_timer(struct gw_now now, void *ctx)
{
    struct ews_client *client = ctx;
    struct gw_list *it, *before;

    for (it = client->idle.prev; it != &client->idle; it = before) {
        struct ews_slot *slot = GW_CONTAINER(it, struct ews_slot, link);

        before = it->prev;
        if (slot->idle_until > now.mono) {
            net_timer_set(client->idle_timer, slot->idle_until);
            return;
        }
        slot_free(slot);
    }
}

static void slots_free(struct gw_list *list)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(list, it, tmp)
    slot_free(GW_CONTAINER(it, struct ews_slot, link));
}

/* ---- calls ------------------------------------------------------------------------------------ */

static void call_free(struct ews_call *call)
{
    struct ews_client *client = call->client;

    gw_list_remove(&call->link);
    client->call_count--;
    ews_identity_unref(&call->identity);
    gw_buf_done(&call->body);
    free(call->mailboxes);
    free(call->mailbox);
    free(call->own_folder);
    free(call->anchor);
    free(call->affinity);
    free(call->url);
    ews_stream_free(&call->stream);
    net_timer_free(&call->stream_timer);
    free(call);
}

void ews_call_fail(struct ews_call *call, const struct ews_status *fate)
{
    struct ews_client *client = call->client;

    call->state = EWS_CALL_FAILED;
    call->fate = *fate;
    gw_list_remove(&call->link);
    gw_list_append(&client->failed, &call->link);
    net_timer_set(client->failed_timer, ews_client_now(client));
}

/* The connection goes with it. */
void ews_call_recall(struct ews_call *call, const struct ews_status *fate)
{
    ews_conn_cancel(call->slot->conn);
    slot_give_back(call->slot);
    call->slot = NULL;
    if (call->stream_timer)
        net_timer_set(call->stream_timer, GW_NEVER);
    ews_call_fail(call, fate);
    ews_turn_shown(call);
}

/* The connection of a cancelled call goes with it: its answer would come to nobody. */
static void call_cancel(struct ews_call *call)
{
    if (call->state == EWS_CALL_SENT) {
        ews_conn_cancel(call->slot->conn);
        slot_give_back(call->slot);
        gw_list_remove(&call->link);
        ews_turn_shown(call);
    }
    call_free(call);
}

static void calls_cancel(struct gw_list *list)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(list, it, tmp)
    call_cancel(GW_CONTAINER(it, struct ews_call, link));
}

/* RFC 9562 version 4. Exchange logs it, so that both logs can be laid beside each other. */
static void guid_write(char out[37])
{
    char hex[33];

    gw_random_hex(hex, 16);
    hex[12] = '4';
    hex[16] = "89ab"[hex[16] & 3];
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static const char *call_url(const struct ews_call *call)
{
    return call->url ? call->url : call->client->url;
}

/* In the time of an answer a stream would have been refused: where a proxy holds it back, others do not
 * wait for what it has shown. Unless the password is not known to be good: then it ends. */
static gw_time stream_look_at(const struct ews_call *call)
{
    gw_time answered =
        gw_time_after(ews_client_now(call->client),
                      call->identity->proven ? (int64_t)call->client->timeout_ms : EWS_TRY_MS);
    gw_time deadline = ews_stream_deadline(call->stream);

    return answered < deadline ? answered : deadline;
}

static void conn_start(struct ews_call *call, const char *const *headers)
{
    struct ews_client *client = call->client;
    struct net_http_request request = { .method = "POST",
                                        .url = call_url(call),
                                        .headers = headers,
                                        .body = gw_buf_str(&call->body),
                                        .timeout_ms = client->timeout_ms,
                                        .body_max = ews_answer_body_max(call->request.op) };

    if (call->stream) {
        request.timeout_ms = 0;
        request.body_max = 0;
        ews_stream_begin(call->stream, ews_client_now(client));
        net_timer_set(call->stream_timer, stream_look_at(call));
    }
    ews_conn_start(call->slot->conn, &request, call->stream ? on_stream_data : NULL, on_conn_done,
                   call->slot);
}

enum { HEADERS_MAX = 10, HEADER_TEXT_MAX = 64 + EWS_AFFINITY_MAX };

/* Header lines, in place. */
struct headers {
    const char *v[HEADERS_MAX + 1];
    unsigned count;
    char text[3][HEADER_TEXT_MAX];
    unsigned texts;
};

static void headers_add(struct headers *h, const char *line)
{
    h->v[h->count++] = line;
}

static void headers_addf(struct headers *h, const char *name, const char *value)
{
    char *text = h->text[h->texts++];

    snprintf(text, HEADER_TEXT_MAX, "%s: %s", name, value);
    headers_add(h, text);
}

/* Without an anchor 2013 and later may be slow, or fail to find the mailbox's server at all. The
 * calls of a group must reach one server, whoever they are for. */
static void headers_add_route(struct headers *h, const struct ews_call *call)
{
    if (call->anchor || call->mailbox)
        headers_addf(h, "X-AnchorMailbox", call->anchor ? call->anchor : call->mailbox);
    if (call->anchor)
        headers_add(h, "X-PreferServerAffinity: true");
    if (call->affinity)
        headers_addf(h, "Cookie", call->affinity);
}

void ews_call_send(struct ews_call *call)
{
    struct ews_client *client = call->client;
    struct headers headers = { 0 };
    char id[37];

    guid_write(id);
    headers_add(&headers, "Content-Type: text/xml; charset=utf-8");
    headers_add(&headers, "Accept: text/xml");
    headers_add(&headers, "return-client-request-id: true");
    headers_addf(&headers, "client-request-id", id);
    headers_add_route(&headers, call);
    call->state = EWS_CALL_SENT;
    gw_list_remove(&call->link);
    gw_list_append(&client->sent, &call->link);
    call->identity = ews_identity_ref(client->account->identity);
    call->epoch = call->identity->epoch;
    call->doubt = call->identity->doubt;
    call->shows = ews_turn_is_showing(client);
    call->sent_at = ews_client_now(client);
    call->identity->shown += call->shows;
    call->slot = slot_take(client);
    call->slot->call = call;
    conn_start(call, headers.v);
    gw_buf_done(&call->body);
}

/* ---- delivery --------------------------------------------------------------------------------- */

static void client_unref(struct ews_client *client)
{
    if (--client->refs)
        return;
    net_timer_free(&client->idle_timer);
    net_timer_free(&client->failed_timer);
    net_http_sessions_unref(&client->sessions);
    free(client->url);
    free(client->host);
    free(client);
}

/* Those that fail from now on are for the next round: a caller that tries again at once must not
 * hold the loop. */
static void on_failed_timer(struct gw_now now, void *ctx)
{
    struct ews_client *client = ctx;

    (void)now;
    client->refs++;
    while (!gw_list_is_empty(&client->failed)) {
        struct gw_list *link = client->failed.next;

        gw_list_remove(link);
        gw_list_append(&client->delivering, link);
    }
    while (!gw_list_is_empty(&client->delivering)) {
        struct ews_call *call = GW_CONTAINER(client->delivering.next, struct ews_call, link);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a freed call has left the list */
        struct ews_answer answer = { .op = call->request.op, .status = call->fate };
        ews_done_fn *done = call->done;
        void *done_ctx = call->ctx;

        call_free(call);
        done(&answer, done_ctx);
    }
    client_unref(client);
}

static void log_answer(const struct ews_call *call, const struct net_http_answer *http,
                       const struct ews_answer *answer)
{
    static const char *const trace[] = { "request-id", "X-FEServer", "X-TargetBEServer",
                                         "X-BEServer", "X-DiagInfo" };
    const struct ews_status *s = &answer->status;
    struct gw_buf line;

    if (!gw_log_is_on("ews", GW_LOG_DEBUG))
        return;
    gw_buf_init(&line, 1000);
    gw_buf_addf(&line, "%s url=%s http=%d result=%s code=%s", ews_op_name(answer->op),
                call_url(call), http ? http->status : 0, ews_class_name(s->class), s->code);
    if (call->mailbox) {
        gw_buf_add_cstr(&line, " mailbox=");
        gw_buf_add_quoted(&line, gw_str_of(call->mailbox), 80);
    }
    for (size_t i = 0; http && s->class != EWS_OK && i < sizeof(trace) / sizeof(trace[0]); i++) {
        struct gw_str value = net_http_answer_header(http, trace[i], 0);

        if (!value.len)
            continue;
        gw_buf_addf(&line, " %s=", trace[i]);
        gw_buf_add_quoted(&line, value, 80);
    }
    gw_debug("ews", "%.*s", GW_STR_ARG(gw_buf_str(&line)));
    gw_buf_done(&line);
}

static void learn_version(struct ews_client *client, const struct ews_answer *answer)
{
    const struct ews_dialect *best;

    if (!answer->server_major)
        return;
    client->server_major = answer->server_major;
    client->server_minor = answer->server_minor;
    best = ews_dialect_of_server(answer->server_major, answer->server_minor);
    if (client->ceiling && ews_dialect_is_newer(best, client->ceiling))
        best = client->ceiling;
    client->dialect = best;
}

/* One step down for all the calls of one dialect; whoever called tries again. */
static void lower_version(struct ews_call *call, struct ews_status *status)
{
    struct ews_client *client = call->client;
    const struct ews_dialect *lower = ews_dialect_lower(call->dialect);

    if (!lower) {
        status->class = EWS_MAILBOX;
        return;
    }
    if (!client->ceiling || ews_dialect_is_newer(client->ceiling, lower))
        client->ceiling = lower;
    if (ews_dialect_is_newer(client->dialect, client->ceiling))
        client->dialect = client->ceiling;
}

/* All headers of that name in one text. */
static struct gw_str join_headers(const struct net_http_answer *answer, const char *name,
                                  const char *separator, struct gw_buf *out)
{
    struct gw_str value;

    for (unsigned i = 0; (value = net_http_answer_header(answer, name, i)).p; i++) {
        if (i)
            gw_buf_add_cstr(out, separator);
        gw_buf_add_str(out, value);
    }
    return gw_buf_str(out);
}

static void parse_answer(const struct ews_call *call, const struct net_http_answer *answer,
                         struct gw_arena *arena, struct ews_answer *out)
{
    struct gw_buf cookies;
    struct ews_http http = { .code = answer->code,
                             .error = answer->error,
                             .status = answer->status,
                             .body = answer->body,
                             .now = net_loop_now(call->client->loop).utc };

    gw_buf_init(&cookies, NET_HTTP_HEADERS_MAX);
    if (!answer->code) {
        http.content_type = net_http_answer_header(answer, "Content-Type", 0);
        http.location = net_http_answer_header(answer, "Location", 0);
        http.retry_after = net_http_answer_header(answer, "Retry-After", 0);
        http.date = net_http_answer_header(answer, "Date", 0);
        http.cas_error = net_http_answer_header(answer, "X-CasErrorCode", 0);
        http.set_cookies = join_headers(answer, "Set-Cookie", "\n", &cookies);
    }
    if (call->stream)
        ews_stream_finish(call->stream, &http, out);
    else
        ews_answer_parse(&call->request, &http, arena, out);
    gw_buf_done(&cookies);
}

/* The call is over; it is gone, and all is in order, before whoever called hears of it. counted: the
 * account knows already of the refusal. */
static void call_finish(struct ews_call *call, struct ews_answer *answer, bool counted)
{
    struct ews_client *client = call->client;
    struct ews_stream *stream = call->stream; /* the answer may be borrowed from it */
    ews_done_fn *done = call->done;
    void *done_ctx = call->ctx;

    call->stream = NULL;
    if (answer->status.class == EWS_VERSION)
        lower_version(call, &answer->status);
    learn_version(client, answer);
    ews_turn_learn(call, &answer->status, counted);
    slot_give_back(call->slot);
    gw_list_remove(&call->link);
    if (answer->status.backoff_ms > 0)
        ews_turn_hold_back(client, &answer->status);
    ews_turn_shown(call);
    call_free(call);

    client->refs++;
    done(answer, done_ctx);
    ews_stream_free(&stream);
    if (!client->freed)
        ews_turn_next(client);
    client_unref(client);
}

static void on_conn_done(const struct net_http_answer *http, const struct ews_status *login,
                         void *ctx)
{
    const struct ews_slot *slot = ctx;
    struct gw_arena arena;
    struct ews_answer answer = { .op = slot->call->request.op };

    gw_arena_init(&arena, EWS_ANSWER_ARENA);
    if (login)
        answer.status = *login;
    else
        parse_answer(slot->call, http, &arena, &answer);
    log_answer(slot->call, http, &answer);
    call_finish(slot->call, &answer, login);
    gw_arena_done(&arena);
}

/* ---- streams ---------------------------------------------------------------------------------- */

/* Others need not wait for its end to know that the account is good. */
static void stream_prove_account(struct ews_call *call)
{
    static const struct ews_status good = { .class = EWS_OK, .alive = true };
    struct ews_client *client = call->client;

    if (!ews_stream_was_heard(call->stream))
        return;
    client->heard_at = ews_client_now(client);
    if (!ews_turn_is_proven(client) && ews_turn_is_trial(call))
        ews_turn_learn(call, &good, false);
    ews_turn_shown(call);
    ews_turn_next(client);
}

static void on_stream_data(struct gw_str piece, void *ctx)
{
    const struct ews_slot *slot = ctx;
    struct ews_call *call = slot->call;

    if (!ews_stream_feed(call->stream, piece, ews_client_now(call->client)))
        return; /* cancelled */
    net_timer_set(call->stream_timer, ews_stream_deadline(call->stream));
    stream_prove_account(call);
}

static void on_stream_timer(struct gw_now now, void *ctx)
{
    struct ews_call *call = ctx;
    struct ews_answer answer;

    bool unknown = !call->identity->proven && ews_conn_is_showing(call->slot->conn);

    if (now.mono < ews_stream_deadline(call->stream) && !unknown) {
        net_timer_set(call->stream_timer, ews_stream_deadline(call->stream));
        ews_turn_shown(call);
        return;
    }
    ews_conn_cancel(call->slot->conn);
    ews_stream_finish(call->stream, NULL, &answer);
    log_answer(call, NULL, &answer);
    call_finish(call, &answer, false);
}

/* ---- the public functions --------------------------------------------------------------------- */

static enum gw_code host_check(const char *host, struct gw_err *err)
{
    struct gw_str s = gw_str_of(host);
    char quoted[GW_QUOTE_MAX];

    if (!s.len || s.len > 255)
        return gw_fail(err, GW_INVALID, "host is %s", s.len ? "longer than 255 bytes" : "missing");
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("/\\@?#[]%<>\"'", s.p[i]))
            return gw_fail(err, GW_INVALID, "host is not a name or an IP address: %s",
                           gw_quote(s, quoted));
    return GW_OK;
}

static char *url_new(const struct ews_client_args *args)
{
    bool ipv6 = strchr(args->host, ':') != NULL;
    struct gw_buf url;

    gw_buf_init(&url, 512);
    gw_buf_addf(&url, "%s://%s%s%s:%u/EWS/Exchange.asmx", args->allow_http ? "http" : "https",
                ipv6 ? "[" : "", args->host, ipv6 ? "]" : "", args->port);
    return gw_buf_take(&url);
}

enum gw_code ews_client_new(struct net_loop *loop, const struct ews_client_args *args,
                            struct ews_client **out, struct gw_err *err)
{
    struct ews_client *client;
    enum gw_code rc = host_check(args->host, err);

    if (rc)
        return rc;
    if (!args->port || !args->timeout_ms)
        return gw_fail(err, GW_INVALID, "%s is missing", args->port ? "timeout" : "port");
    client = gw_new(struct ews_client);
    client->loop = loop;
    client->refs = 1;
    client->url = url_new(args);
    client->host = gw_str_dup(gw_str_of(args->host));
    client->account = args->account;
    client->tls = args->allow_http ? NULL : args->tls;
    client->sessions = net_http_sessions_new();
    client->timeout_ms = args->timeout_ms;
    client->calls_max = args->calls_max ? args->calls_max : EWS_CALLS_MAX;
    client->idle_ms = args->idle_ms ? args->idle_ms : EWS_IDLE_MS;
    client->silence_ms = args->silence_ms;
    gw_list_init(&client->waiting);
    gw_list_init(&client->sent);
    gw_list_init(&client->failed);
    gw_list_init(&client->delivering);
    gw_list_init(&client->idle);
    gw_list_init(&client->busy);
    client->idle_timer = net_timer_new(loop, on_idle_timer, client);
    client->failed_timer = net_timer_new(loop, on_failed_timer, client);
    client->dialect = ews_dialect_default();
    gw_list_append(&client->account->clients, &client->account_link);
    *out = client;
    return GW_OK;
}

void ews_client_free(struct ews_client **clientp)
{
    struct ews_client *client = *clientp;

    if (!client)
        return;
    *clientp = NULL;
    client->freed = true;
    calls_cancel(&client->waiting);
    calls_cancel(&client->sent);
    gw_list_remove(&client->account_link);
    calls_cancel(&client->failed);
    calls_cancel(&client->delivering);
    slots_free(&client->idle);
    slots_free(&client->busy);
    net_timer_set(client->idle_timer, GW_NEVER);
    net_timer_set(client->failed_timer, GW_NEVER);
    client_unref(client);
}

void ews_client_set_timeout(struct ews_client *client, unsigned timeout_ms)
{
    client->timeout_ms = timeout_ms;
}

void ews_client_reconnect(struct ews_client *client)
{
    struct gw_list *it, *tmp;

    slots_free(&client->idle);
    GW_LIST_EACH(&client->busy, it, tmp)
    GW_CONTAINER(it, struct ews_slot, link)->outdated = true;
}

struct ews_client *ews_client_of_account(struct gw_list *link)
{
    return GW_CONTAINER(link, struct ews_client, account_link);
}

static bool write_refused(const struct ews_request *request, struct ews_call *call,
                          struct ews_status *why)
{
    bool mailbox =
        ews_op_info(request->op)->impersonates && ews_address_check(request->mailbox, NULL);
    struct gw_err err;
    enum gw_code rc = ews_request_write(request, call->dialect, &call->body, &err);

    if (rc == GW_NOTFOUND)
        ews_status_set(why, EWS_UNSUPPORTED, "unsupported", "not sent: %s", err.msg);
    else if (rc)
        ews_status_set(why, mailbox ? EWS_MAILBOX : EWS_BUG, "invalid-request", "not sent: %s",
                       err.msg);
    return rc != GW_OK;
}

/* Why a call must not even wait for its turn. */
static bool start_refused(const struct ews_client *client, const struct ews_request *request,
                          struct ews_call *call, struct ews_status *why)
{
    if (client->call_count > client->calls_max) {
        ews_status_set(why, EWS_CONNECTION_LIMIT, "calls-max",
                       "not sent: %u calls are in flight already", client->calls_max);
        return true;
    }
    return write_refused(request, call, why) ||
           ews_identity_is_locked(client->account->identity, ews_client_now(client), why);
}

static struct gw_str mailbox_of(const struct ews_request *request)
{
    return ews_op_info(request->op)->impersonates ? request->mailbox : request->speaker;
}

/* In one block with their texts. */
static struct gw_str *mailboxes_dup(const struct ews_request *request)
{
    size_t count = request->mailbox_count, size = count * sizeof(struct gw_str);
    struct gw_str *v;
    char *text;

    for (size_t i = 0; i < count; i++)
        size += request->mailboxes[i].len;
    v = gw_realloc(NULL, 1, size);
    text = (char *)(v + count);
    for (size_t i = 0; i < count; i++) {
        v[i] = (struct gw_str){ text, request->mailboxes[i].len };
        if (v[i].len)
            memcpy(text, request->mailboxes[i].p, v[i].len);
        text += v[i].len;
    }
    return v;
}

/* Waits for its turn, and is not yet in line. */
static struct ews_call *call_new(struct ews_client *client, const struct ews_request *request,
                                 ews_done_fn *done, void *ctx)
{
    struct ews_call *call = gw_new(struct ews_call);

    assert(client->account->identity);
    call->client = client;
    call->state = EWS_CALL_WAITING;
    call->request = (struct ews_request){ .op = request->op,
                                          .mailbox_count = request->mailbox_count,
                                          .sub_mode = request->sub_mode,
                                          .hours = request->hours,
                                          .item_fields = request->item_fields,
                                          .folder_count = request->folder_count,
                                          .from = request->from,
                                          .to = request->to };
    call->dialect = client->dialect;
    call->done = done;
    call->ctx = ctx;
    gw_buf_init(&call->body, EWS_REQUEST_MAX);
    if (ews_op_info(request->op)->names_mailboxes)
        call->request.mailboxes = call->mailboxes = mailboxes_dup(request);
    if (mailbox_of(request).len)
        call->mailbox = gw_str_dup(mailbox_of(request));
    if (request->speaker.len)
        call->request.speaker = gw_str_of(call->mailbox);
    if (request->anchor.len)
        call->anchor = gw_str_dup(request->anchor);
    if (request->affinity.len)
        call->affinity = gw_str_dup(request->affinity);
    if (request->url.len)
        call->url = gw_str_dup(request->url);
    if (request->own_folder.len) {
        call->own_folder = gw_str_dup(request->own_folder);
        call->request.own_folder = gw_str_of(call->own_folder);
    }
    return call;
}

/* With a token of an application. */
static struct ews_request request_of(const struct ews_client *client,
                                     const struct ews_request *request)
{
    struct ews_request r = *request;

    if (client->account->auth == EWS_AUTH_OAUTH && !ews_op_info(r.op)->impersonates)
        r.speaker = ews_speaker_of(&r);
    return r;
}

static void call_line_up(struct ews_call *call, const struct ews_request *request)
{
    struct ews_client *client = call->client;
    struct ews_status why;

    gw_list_append(&client->waiting, &call->link);
    client->call_count++;
    if (start_refused(client, request, call, &why))
        ews_call_fail(call, &why);
    else
        ews_turn_next(client);
}

struct ews_call *ews_client_start(struct ews_client *client, const struct ews_request *request,
                                  ews_done_fn *done, void *ctx)
{
    struct ews_request r = request_of(client, request);
    struct ews_call *call = call_new(client, &r, done, ctx);

    assert(request->op != EWS_OP_STREAM);
    call_line_up(call, &r);
    return call;
}

struct ews_call *ews_client_stream_start(struct ews_client *client,
                                         const struct ews_request *request,
                                         ews_stream_event_fn *on_event, ews_done_fn *done,
                                         void *ctx)
{
    struct ews_call *call = call_new(client, request, done, ctx);

    assert(request->op == EWS_OP_STREAM);
    call->stream = ews_stream_new(client->silence_ms, on_event, ctx);
    call->stream_timer = net_timer_new(client->loop, on_stream_timer, call);
    call_line_up(call, request);
    return call;
}

void ews_call_cancel(struct ews_call **callp)
{
    struct ews_call *call = *callp;
    struct ews_client *client;

    if (!call)
        return;
    *callp = NULL;
    client = call->client;
    call_cancel(call);
    ews_turn_next(client);
}

void ews_client_state(const struct ews_client *client, struct ews_client_state *out)
{
    *out = (struct ews_client_state){
        .calls = client->call_count,
        .connections = client->slot_count,
        .server_major = client->server_major,
        .server_minor = client->server_minor,
        .version = client->dialect->version,
        .account_proven = ews_turn_is_proven(client),
        .blocked_until =
            ews_identity_locked_until(client->account->identity, ews_client_now(client)),
    };
}
