/* The HTTP client over libcurl. Each slot has one multi handle of its own, which holds at most one
 * connection, so that a request can only go out on the connection that the slot stands for.
 *
 * libcurl works inside curl_multi_socket_action(), called when the loop says that a socket or the
 * timer is ready. Its callbacks only collect; the owner's are called when it has returned, so that
 * they may cancel, start and free as they like. */
#include "net_http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "net_priv.h"

enum { END_POINT_MAX = 64 }; /* SHA-512 */

struct net_http_sessions {
    CURLSH *share;
    unsigned refs;
};

struct net_http_slot {
    struct net_loop *loop;
    const struct net_tls_policy *tls;
    struct net_http_sessions *sessions; /* or NULL */
    char *unix_path, *user_agent;
    CURLM *multi; /* NULL: not connected and never was */
    CURL *easy;
    struct net_timer *timer;
    struct net_defer soon; /* libcurl's timer of 0 ms, or a result that waits */
    struct gw_list sockets;

    bool busy, freed;
    bool in_callback; /* of the owner; they do not nest, since all come from the loop */
    unsigned run;     /* counts requests: has the callback started another one? */
    net_http_data_fn *on_data;
    net_http_done_fn *done;
    void *ctx;
    struct gw_buf end_point; /* of the connection; empty before its first answer */
    char *origin;            /* "https://host:port", for messages */
    char *request_body;
    struct curl_slist *request_headers;
    unsigned timeout_ms;
    size_t body_max, body_seen;
    struct gw_buf headers; /* of the answer, as they came */
    bool headers_end;      /* the empty line came */
    bool sent;             /* or about to be */
    bool once;             /* it is not sent again */
    struct gw_buf body;    /* for on_data: what it has not got yet */
    struct gw_err failure; /* what a callback of ours ended the transfer with */
    char curl_says[CURL_ERROR_SIZE];
};

struct slot_socket {
    struct gw_list link;
    struct net_http_slot *slot;
    struct net_watch *watch;
};

/* What the owner gets, with what is not for its eyes. */
struct answer {
    struct net_http_answer public;
    struct gw_buf headers, body;
};

static void slot_act(struct net_http_slot *slot, curl_socket_t fd, int events);

/* --- libcurl's callbacks --- */

static void on_socket_ready(int fd, int events, void *ctx)
{
    const struct slot_socket *sock = ctx;
    int mask = 0;

    if (events & NET_IO_READ)
        mask |= CURL_CSELECT_IN;
    if (events & NET_IO_WRITE)
        mask |= CURL_CSELECT_OUT;
    slot_act(sock->slot, fd, mask);
}

static void socket_free(struct slot_socket *sock)
{
    gw_list_remove(&sock->link);
    net_watch_free(&sock->watch);
    free(sock);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct net_http_slot *slot = ctx;
    struct slot_socket *sock = socket_ctx;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (sock)
            socket_free(sock);
        (void)curl_multi_assign(slot->multi, fd, NULL);
        return 0;
    }
    if (!sock) {
        sock = gw_new(struct slot_socket);
        sock->slot = slot;
        sock->watch = net_watch_new(slot->loop, fd, on_socket_ready, sock);
        gw_list_append(&slot->sockets, &sock->link);
        (void)curl_multi_assign(slot->multi, fd, sock);
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= NET_IO_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= NET_IO_WRITE;
    net_watch_set(sock->watch, events);
    return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct net_http_slot *slot = ctx;

    (void)multi;
    net_defer_cancel(&slot->soon);
    if (timeout_ms == 0)
        net_defer_set(slot->loop, &slot->soon);
    net_timer_set(slot->timer, timeout_ms > 0
                                   ? gw_time_after(net_loop_now(slot->loop).mono, timeout_ms)
                                   : GW_NEVER);
    return 0;
}

/* libcurl lends the TLS session while an answer comes in, not after it. */
static void learn_end_point(struct net_http_slot *slot)
{
    struct curl_tlssessioninfo *tls = NULL;

    if (!slot->end_point.len && !curl_easy_getinfo(slot->easy, CURLINFO_TLS_SSL_PTR, &tls) && tls &&
        tls->internals)
        (void)net_tls_end_point(tls->internals, &slot->end_point);
}

/* Over a new connection or a warm one: the request leaves now. When a warm one ends without an answer
 * libcurl takes a new one by itself. */
static int on_curl_connected(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
    struct net_http_slot *slot = ctx;

    (void)peer;
    (void)own;
    (void)peer_port;
    (void)own_port;
    if (slot->sent && slot->once)
        return CURL_PREREQFUNC_ABORT;
    slot->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* A status line begins the headers anew: those of "100 Continue" are not the answer's. */
static size_t on_curl_header(char *p, size_t size, size_t count, void *ctx)
{
    struct net_http_slot *slot = ctx;
    size_t len = size * count;

    if (gw_str_starts((struct gw_str){ p, len }, "HTTP/")) {
        gw_buf_reset(&slot->headers);
        slot->headers_end = false;
        if (slot->tls)
            learn_end_point(slot);
    }
    slot->headers_end |= *p == '\r' || *p == '\n';
    gw_buf_add(&slot->headers, p, len);
    if (!slot->headers.failed)
        return len;
    (void)gw_fail(&slot->failure, GW_LIMIT, "the headers of the answer are larger than %u bytes",
                  (unsigned)NET_HTTP_HEADERS_MAX);
    return 0;
}

static size_t on_curl_body(char *p, size_t size, size_t count, void *ctx)
{
    struct net_http_slot *slot = ctx;
    size_t len = size * count;
    bool bounded = !slot->on_data || slot->body_max;

    if (bounded && len > slot->body_max - slot->body_seen) {
        (void)gw_fail(&slot->failure, GW_LIMIT, "the answer is larger than %zu bytes",
                      slot->body_max);
        return 0;
    }
    slot->body_seen += len;
    gw_buf_add(&slot->body, p, len);
    return len;
}

static CURLcode on_curl_ssl_ctx(CURL *easy, void *ssl_ctx, void *ctx)
{
    struct net_http_slot *slot = ctx;

    (void)easy;
    gw_buf_reset(&slot->end_point);
    if (!slot->tls) {
        (void)gw_fail(&slot->failure, GW_INVALID, "https is not set up for '%s'", slot->origin);
        return CURLE_SSL_CERTPROBLEM;
    }
    net_tls_defaults(ssl_ctx, NET_TLS_CLIENT);
    net_tls_reason_of_ctx(ssl_ctx, &slot->failure);
    return slot->tls->apply(ssl_ctx, slot->tls->ctx, &slot->failure) ? CURLE_SSL_CERTPROBLEM
                                                                     : CURLE_OK;
}

/* --- results --- */

static enum gw_code code_of(const struct net_http_slot *slot, CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return GW_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return GW_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
        return GW_DENIED;
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED: /* a name or password in the URL */
    case CURLE_SSL_CERTPROBLEM:
        return GW_INVALID;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or a scheme that is not HTTP at all */
        return slot->headers.len || strncmp(slot->origin, "http", 4) == 0 ? GW_BADMSG : GW_INVALID;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP_RETURNED_ERROR:
        return GW_BADMSG;
    case CURLE_OUT_OF_MEMORY: /* what libcurl calls a header line over its own limit */
        return GW_LIMIT;
    default:
        return slot->headers.len ? GW_BADMSG : GW_UNREACHABLE;
    }
}

static void describe(const struct net_http_slot *slot, CURLcode result, struct gw_err *err)
{
    const char *says = result == CURLE_ABORTED_BY_CALLBACK ? "it closed the connection"
                       : slot->curl_says[0]                ? slot->curl_says
                                                           : curl_easy_strerror(result);
    enum gw_code code = code_of(slot, result);

    if (slot->failure.code &&
        (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CONNECT_ERROR)) {
        (void)gw_fail(err, GW_DENIED, "certificate of '%s' refused: %s", slot->origin,
                      slot->failure.msg);
        return;
    }
    /* A verify callback may have complained and then let the peer pass: not this failure. */
    if (slot->failure.code &&
        (slot->failure.code != GW_DENIED || result == CURLE_SSL_CERTPROBLEM)) {
        *err = slot->failure;
        return;
    }
    switch (code) {
    case GW_TIMEOUT:
        (void)gw_fail(err, code, "no whole answer from '%s' within %u ms", slot->origin,
                      slot->timeout_ms);
        break;
    case GW_DENIED:
        (void)gw_fail(err, code, "certificate of '%s' refused: %s", slot->origin, says);
        break;
    case GW_INVALID:
        (void)gw_fail(err, code, "wrong address '%s': %s", slot->origin, says);
        break;
    case GW_BADMSG:
    case GW_LIMIT:
        (void)gw_fail(err, code, "bad answer from '%s': %s", slot->origin, says);
        break;
    default:
        (void)gw_fail(err, code, "no answer from '%s': %s", slot->origin, net_tls_words(says));
        break;
    }
}

/* Headers may hold a password. */
static void forget_request(struct net_http_slot *slot)
{
    for (struct curl_slist *h = slot->request_headers; h; h = h->next)
        gw_wipe(h->data, strlen(h->data));
    curl_slist_free_all(slot->request_headers);
    slot->request_headers = NULL;
    free(slot->request_body);
    slot->request_body = NULL;
    gw_buf_done(&slot->headers);
    gw_buf_done(&slot->body);
}

static void slot_close(struct net_http_slot *slot)
{
    struct gw_list *link;

    if (!slot->multi)
        return;
    (void)curl_multi_cleanup(slot->multi);
    curl_easy_cleanup(slot->easy);
    slot->multi = NULL;
    slot->easy = NULL;
    while ((link = gw_list_pop(&slot->sockets)))
        socket_free(GW_CONTAINER(link, struct slot_socket, link));
    net_timer_set(slot->timer, GW_NEVER);
    net_defer_cancel(&slot->soon);
}

static void slot_destroy(struct net_http_slot *slot)
{
    slot_close(slot);
    forget_request(slot);
    net_timer_free(&slot->timer);
    net_http_sessions_unref(&slot->sessions);
    gw_buf_done(&slot->end_point);
    free(slot->origin);
    free(slot->unix_path);
    free(slot->user_agent);
    free(slot);
    curl_global_cleanup(); /* counted */
}

/* False when the slot was freed meanwhile, and must not be touched. */
static bool leave_callback(struct net_http_slot *slot)
{
    slot->in_callback = false;
    if (!slot->freed)
        return true;
    slot_destroy(slot);
    return false;
}

/* The transfer has ended; the slot is free for the next one when the owner hears of it. */
static void slot_finish(struct net_http_slot *slot, CURLcode result)
{
    struct answer a = { .public = { .slot = slot } };
    struct gw_err err = { 0 };
    long status = 0, connects = 0;

    (void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    (void)curl_multi_remove_handle(slot->multi, slot->easy);
    if (!result && !slot->headers_end) /* libcurl is content with a piece of the headers */
        result = CURLE_PARTIAL_FILE;
    if (result)
        describe(slot, result, &err);
    a.headers = slot->headers;
    a.body = slot->body;
    gw_buf_init(&slot->headers, 0);
    gw_buf_init(&slot->body, 0);
    a.public.code = err.code;
    a.public.error = err.code ? err.msg : NULL;
    a.public.status = (int)status;
    a.public.body = gw_buf_str(&a.body);
    a.public.new_connection = connects > 0;
    a.public.sent = slot->sent;
    forget_request(slot);
    slot->busy = false;
    slot->in_callback = true;
    slot->done(&a.public, slot->ctx);
    gw_buf_done(&a.headers);
    gw_buf_done(&a.body);
    (void)leave_callback(slot);
}

/* Gives what has come to whom reads a stream. False when the owner has ended the request. */
static bool slot_hand_over(struct net_http_slot *slot)
{
    struct gw_buf piece = slot->body;
    unsigned run = slot->run;

    if (!slot->on_data || !piece.len)
        return true;
    gw_buf_init(&slot->body, piece.max);
    slot->in_callback = true;
    slot->on_data(gw_buf_str(&piece), slot->ctx);
    gw_buf_done(&piece);
    return leave_callback(slot) && slot->busy && slot->run == run;
}

/* After libcurl has worked: pieces and the result. */
static void slot_settle(struct net_http_slot *slot)
{
    const CURLMsg *msg;
    int left;

    if (!slot_hand_over(slot))
        return;
    msg = curl_multi_info_read(slot->multi, &left);
    if (msg && msg->msg == CURLMSG_DONE)
        slot_finish(slot, msg->data.result);
}

static void slot_act(struct net_http_slot *slot, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(slot->multi, fd, events, &running);
    if (slot->busy)
        slot_settle(slot);
}

static void on_timer(struct gw_now now, void *ctx)
{
    (void)now;
    slot_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(struct net_defer *d)
{
    slot_act(GW_CONTAINER(d, struct net_http_slot, soon), CURL_SOCKET_TIMEOUT, 0);
}

/* --- headers of the answer --- */

/* Cuts one line, with its folded continuation, from the front; false at the end. */
static bool next_line(struct gw_str *rest, struct gw_str *line)
{
    ptrdiff_t end;

    if (!rest->len)
        return false;
    end = gw_str_find(*rest, '\n');
    *line = end < 0 ? *rest : gw_str_sub(*rest, 0, (size_t)end + 1);
    *rest = gw_str_sub(*rest, line->len, rest->len);
    return true;
}

struct gw_str net_http_answer_header(const struct net_http_answer *answer, const char *name,
                                     unsigned nth)
{
    const struct answer *a = (const struct answer *)(const void *)answer; /* its first member */
    struct gw_str rest = gw_buf_str(&a->headers), line, key, value;

    while (next_line(&rest, &line)) {
        if (!gw_str_cut(line, ":", &key, &value) || !gw_str_iis(key, name))
            continue;
        if (!nth--)
            return gw_str_trim(value);
    }
    return (struct gw_str){ 0 };
}

/* --- sessions --- */

/* All on the thread of the loop: there is nothing to lock. */
struct net_http_sessions *net_http_sessions_new(void)
{
    struct net_http_sessions *s = gw_new(struct net_http_sessions);

    s->refs = 1;
    if (curl_global_init(CURL_GLOBAL_ALL) || !(s->share = curl_share_init()) ||
        curl_share_setopt(s->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION))
        abort(); /* out of memory */
    return s;
}

void net_http_sessions_unref(struct net_http_sessions **sp)
{
    struct net_http_sessions *s = *sp;

    *sp = NULL;
    if (!s || --s->refs)
        return;
    (void)curl_share_cleanup(s->share);
    curl_global_cleanup();
    free(s);
}

/* --- slots --- */

struct gw_str net_http_slot_end_point(const struct net_http_slot *slot)
{
    return gw_buf_str(&slot->end_point);
}

bool net_http_slot_has_sent(const struct net_http_slot *slot)
{
    return slot->busy && slot->sent;
}

int net_http_slot_status(const struct net_http_slot *slot)
{
    long status = 0;

    if (slot->easy)
        (void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

struct net_http_slot *net_http_slot_new(struct net_loop *loop,
                                        const struct net_http_slot_args *args)
{
    struct net_http_slot *slot = gw_new(struct net_http_slot);

    if (curl_global_init(CURL_GLOBAL_ALL)) /* counted */
        abort();                           /* out of memory */
    slot->loop = loop;
    slot->tls = args->tls;
    slot->sessions = args->sessions;
    if (slot->sessions)
        slot->sessions->refs++;
    slot->unix_path = args->unix_path ? gw_str_dup(gw_str_of(args->unix_path)) : NULL;
    slot->user_agent = args->user_agent ? gw_str_dup(gw_str_of(args->user_agent)) : NULL;
    slot->timer = net_timer_new(loop, on_timer, slot);
    net_defer_init(&slot->soon, on_soon);
    gw_list_init(&slot->sockets);
    gw_buf_init(&slot->end_point, END_POINT_MAX);
    return slot;
}

void net_http_slot_free(struct net_http_slot **slotp)
{
    struct net_http_slot *slot = *slotp;

    if (!slot)
        return;
    *slotp = NULL;
    net_http_cancel(slot);
    slot->freed = true;
    if (!slot->in_callback)
        slot_destroy(slot);
}

void net_http_cancel(struct net_http_slot *slot)
{
    slot->busy = false;
    slot_close(slot);
    forget_request(slot);
}

/* --- requests --- */

static void set_connection_options(struct net_http_slot *slot)
{
    CURL *easy = slot->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not even the environment's */
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for the resolver thread */
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (slot->unix_path)
        (void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, slot->unix_path);
    if (slot->user_agent)
        (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, slot->user_agent);
    /* Verification is the policy's. */
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, slot->sessions ? 1L : 0L);
    if (slot->sessions)
        (void)curl_easy_setopt(easy, CURLOPT_SHARE, slot->sessions->share);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_curl_ssl_ctx);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_curl_connected);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->curl_says);
}

static void slot_open(struct net_http_slot *slot)
{
    if (slot->multi)
        return;
    slot->multi = curl_multi_init();
    slot->easy = curl_easy_init();
    if (!slot->multi || !slot->easy)
        abort(); /* out of memory */
    (void)curl_multi_setopt(slot->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl_multi_setopt(slot->multi, CURLMOPT_SOCKETDATA, slot);
    (void)curl_multi_setopt(slot->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(slot->multi, CURLMOPT_TIMERDATA, slot);
    (void)curl_multi_setopt(slot->multi, CURLMOPT_MAXCONNECTS, 1L);
    set_connection_options(slot);
}

static void set_method(struct net_http_slot *slot, const struct net_http_request *request)
{
    CURL *easy = slot->easy;
    bool is_head = strcmp(request->method, "HEAD") == 0;
    bool has_body = request->body.len || strcmp(request->method, "POST") == 0 ||
                    strcmp(request->method, "PUT") == 0;

    (void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* forgets the last method */
    if (is_head)
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (has_body) {
        slot->request_body = gw_str_dup(request->body);
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, slot->request_body);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_head ? NULL : request->method);
}

static void add_header(struct net_http_slot *slot, const char *header)
{
    struct curl_slist *list = curl_slist_append(slot->request_headers, header);

    if (!list)
        abort(); /* out of memory */
    slot->request_headers = list;
}

/* libcurl adds two headers of its own when a body is sent; "Name:" keeps it from that. */
static void set_headers(struct net_http_slot *slot, const struct net_http_request *request)
{
    static const char *const unwanted[] = { "Expect:", "Content-Type:" };
    bool given[] = { false, false };

    for (const char *const *h = request->headers; h && *h; h++) {
        for (size_t i = 0; i < 2; i++)
            given[i] |= strncasecmp(*h, unwanted[i], strlen(unwanted[i])) == 0;
        if (strpbrk(*h, "\r\n")) {
            (void)gw_fail(&slot->failure, GW_INVALID, "line break in a header for '%s'",
                          slot->origin);
            continue;
        }
        add_header(slot, *h);
    }
    for (size_t i = 0; i < 2; i++)
        if (!given[i])
            add_header(slot, unwanted[i]);
    (void)curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->request_headers);
}

/* Scheme, host and port of a URL, without what a path may hold. */
static char *origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host - url) + 3 : 0;

    len += strcspn(url + len, "/?#");
    return gw_str_dup((struct gw_str){ url, len });
}

/* What goes over a warm connection leaves before anything else comes in, which might have forbidden it.
 * What there is to tell already waits for the next round. */
static void slot_leave(struct net_http_slot *slot)
{
    int running;

    (void)curl_multi_socket_action(slot->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    if (!running || slot->body.len)
        net_defer_set(slot->loop, &slot->soon);
}

void net_http_start(struct net_http_slot *slot, const struct net_http_request *request,
                    net_http_data_fn *on_data, net_http_done_fn *done, void *ctx)
{
    assert(!slot->busy);
    slot->busy = true;
    slot->run++;
    slot->on_data = on_data;
    slot->done = done;
    slot->ctx = ctx;
    slot->timeout_ms = request->timeout_ms;
    slot->body_max = request->body_max;
    slot->body_seen = 0;
    slot->headers_end = slot->sent = false;
    slot->once = request->once;
    slot->failure = (struct gw_err){ 0 };
    slot->curl_says[0] = '\0';
    free(slot->origin);
    slot->origin = origin_of(request->url);
    gw_buf_init(&slot->headers, NET_HTTP_HEADERS_MAX);
    gw_buf_init(&slot->body, on_data ? SIZE_MAX : request->body_max);
    slot_open(slot);
    set_method(slot, request);
    set_headers(slot, request);
    (void)curl_easy_setopt(slot->easy, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (slot->failure.code) /* a request that must not go out: an address that fails at once */
        (void)curl_easy_setopt(slot->easy, CURLOPT_URL, "");
    (void)curl_multi_add_handle(slot->multi, slot->easy);
    slot_leave(slot);
}
