/* Requests to the daemon's API. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin_ctl.h"
#include "admin_request.h"
#include "gw_bytes.h"
#include "net_http_client.h"
#include "net_loop.h"

enum {
    ANSWER_MAX = 64 * 1024 * 1024,
    LINE_MAX_LEN = 1024 * 1024, /* of a streamed answer */
    PATH_MAX_LEN = 16 * 1024,
    TIMEOUT_MS = 60 * 1000
};

struct exchange {
    struct ctl *ctl;
    ctl_line_fn *line; /* NULL: the answer is one document */
    void *line_ctx;
    struct gw_buf partial; /* of a streamed answer: the line that is still to end */
    struct net_timer *leave;
    bool raw;   /* the answer's text is not for a terminal as it is */
    bool begun; /* a line came */
    bool left;  /* 'line' has seen enough */
    enum ctl_exit result;
    json_t *answer;
};

/* --- paths */

char *ctl_path(const char *fmt, ...)
{
    struct gw_buf out;
    va_list ap;

    gw_buf_init(&out, PATH_MAX_LEN);
    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        if (fmt[0] == '%' && fmt[1] == 's') {
            gw_percent_write(gw_str_of(va_arg(ap, const char *)), &out);
            fmt++;
        } else {
            gw_buf_add_char(&out, *fmt);
        }
    }
    va_end(ap);
    return gw_buf_take(&out); /* NULL: too long */
}

/* --- answers made fit for a terminal */

/* Gives: free(). */
static char *text_cleaned(const char *p, size_t len)
{
    struct gw_buf text;

    gw_buf_init(&text, SIZE_MAX);
    ctl_text_add(&text, (struct gw_str){ p, len });
    return gw_buf_take(&text);
}

static json_t *cleaned(const json_t *json);

static json_t *object_cleaned(const json_t *json)
{
    json_t *copy = json_object(), *value;
    const char *name;
    char *clean;

    json_object_foreach((json_t *)json, name, value)
    {
        clean = text_cleaned(name, strlen(name));
        json_object_set_new(copy, clean, cleaned(value));
        free(clean);
    }
    return copy;
}

static json_t *cleaned(const json_t *json)
{
    json_t *copy, *value;
    char *clean;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_STRING:
        clean = text_cleaned(json_string_value(json), json_string_length(json));
        copy = json_string(clean);
        free(clean);
        return copy;
    case JSON_ARRAY:
        copy = json_array();
        json_array_foreach(json, i, value) json_array_append_new(copy, cleaned(value));
        return copy;
    case JSON_OBJECT:
        return object_cleaned(json);
    default:
        return json_incref((json_t *)json);
    }
}

static json_t *document(const struct ctl *ctl, struct gw_str text)
{
    json_t *json = json_loadb(text.len ? text.p : "", text.len, JSON_DECODE_ANY, NULL), *clean;

    if (!json || ctl->line->json)
        return json;
    clean = cleaned(json);
    json_decref(json);
    return clean;
}

/* --- failures */

/* Why nobody answers at the socket, in the system's words: what a library says of it is vaguer. */
static int connect_errno(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, why;

    if (strlen(path) >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    why = connect(fd, (const struct sockaddr *)&address, sizeof(address)) ? errno : 0;
    (void)close(fd);
    return why;
}

static void say_unreachable(const struct ctl *ctl)
{
    int why = connect_errno(ctl->socket);

    switch (why) {
    case 0:
        ctl_complain(ctl, "unreachable", "kalendsd at '%s' broke the connection off: try again",
                     ctl->socket);
        break;
    case EACCES:
    case EPERM:
        ctl_complain(ctl, "denied",
                     "no permission to use '%s': become root or the user that kalendsd runs as",
                     ctl->socket);
        break;
    case ENAMETOOLONG:
        ctl_complain(ctl, "invalid", "the path of a socket cannot be that long: '%s'", ctl->socket);
        break;
    default:
        ctl_complain(ctl, "unreachable",
                     "no kalendsd at '%s' (%s): start it with 'kalendsd --data DIRECTORY', or name "
                     "the socket with --socket or KALENDS_SOCKET",
                     ctl->socket, strerror(why));
    }
}

static enum ctl_exit refused(const struct ctl *ctl, int status, const json_t *answer)
{
    const char *why = ctl_str(answer, "error");

    if (*why)
        ctl_complain(ctl, ctl_str(answer, "code"), "%s", why);
    else
        ctl_complain(ctl, "badmsg", "'%s' answers with HTTP status %d: is it kalendsd's socket?",
                     ctl->socket, status);
    return CTL_FAILED;
}

static enum ctl_exit judge(const struct ctl *ctl, const struct net_http_answer *a,
                           const json_t *answer, bool needed)
{
    if (a->code == GW_UNREACHABLE || (a->code == GW_BADMSG && connect_errno(ctl->socket))) {
        say_unreachable(ctl);
        return CTL_UNREACHABLE;
    }
    if (a->code) {
        ctl_complain(ctl, gw_code_name(a->code), "%s", a->error ? a->error : "no answer");
        return CTL_FAILED;
    }
    if (a->status < 200 || a->status > 299)
        return refused(ctl, a->status, answer);
    if (needed && !answer) {
        ctl_complain(ctl, "badmsg", "'%s' does not answer with JSON: is it kalendsd's socket?",
                     ctl->socket);
        return CTL_FAILED;
    }
    return CTL_OK;
}

/* --- one document */

static void on_done(const struct net_http_answer *a, void *ctx)
{
    struct exchange *e = ctx;

    e->answer = a->code  ? NULL
                : e->raw ? json_loadb(a->body.len ? a->body.p : "", a->body.len, 0, NULL)
                         : document(e->ctl, a->body);
    e->result = judge(e->ctl, a, e->answer, true);
    net_loop_stop(e->ctl->loop);
}

/* Frees path; the body is copied. */
static bool start(struct exchange *e, const char *method, char *path, const char *type,
                  struct gw_str body, net_http_data_fn *on_data, net_http_done_fn *done)
{
    char header[64];
    const char *const headers[] = { header, NULL };
    struct net_http_request request = { .method = method,
                                        .headers = type ? headers : NULL,
                                        .body = body,
                                        .timeout_ms = on_data ? 0 : TIMEOUT_MS,
                                        .body_max = on_data ? 0 : ANSWER_MAX };
    struct gw_buf url;
    bool fits = path != NULL;

    (void)snprintf(header, sizeof(header), "Content-Type: %s", type ? type : "");
    gw_buf_init(&url, PATH_MAX_LEN + 64);
    gw_buf_addf(&url, "http://kalendsd%s", path ? path : "");
    request.url = url.p;
    if (fits)
        net_http_start(e->ctl->slot, &request, on_data, done, e);
    else
        ctl_complain(e->ctl, "invalid", "an argument is too long");
    gw_buf_done(&url);
    free(path);
    return fits;
}

static enum ctl_exit one_document(struct exchange *e, const char *method, char *path,
                                  const char *type, struct gw_str body, json_t **out)
{
    if (!start(e, method, path, type, body, NULL, on_done))
        return CTL_FAILED;
    net_loop_run(e->ctl->loop);
    if (e->result == CTL_OK)
        *out = e->answer;
    else
        json_decref(e->answer);
    return e->result;
}

enum ctl_exit ctl_call(struct ctl *ctl, const char *method, char *path, json_t *body, json_t **out)
{
    struct exchange e = { .ctl = ctl };
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    enum ctl_exit rc =
        one_document(&e, method, path, body ? "application/json" : NULL, gw_str_of(text), out);

    if (text)
        gw_secret_free(&text); /* there may be a password in it */
    json_decref(body);
    return rc;
}

enum ctl_exit ctl_call_raw(struct ctl *ctl, const char *method, char *path, json_t **out)
{
    struct exchange e = { .ctl = ctl, .raw = true };

    return one_document(&e, method, path, NULL, GW_STR(""), out);
}

enum ctl_exit ctl_send(struct ctl *ctl, const char *method, char *path, const char *type,
                       struct gw_str body, json_t **out)
{
    struct exchange e = { .ctl = ctl };

    return one_document(&e, method, path, type, body, out);
}

enum ctl_exit ctl_change(struct ctl *ctl, const char *method, char *path, json_t *body,
                         const char *before, const char *after)
{
    struct gw_buf subject;
    json_t *answer;
    enum ctl_exit rc;

    rc = ctl_call(ctl, method, path, body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        gw_buf_init(&subject, PATH_MAX_LEN);
        ctl_text_add(&subject, gw_str_of(ctl_arg(ctl, 0)));
        printf("%s'%s'%s\n", before, subject.p ? subject.p : "", after);
        gw_buf_done(&subject);
    }
    json_decref(answer);
    return CTL_OK;
}

/* --- a stream of lines */

static void stream_leave(struct exchange *e)
{
    e->left = true;
    net_timer_set(e->leave, net_loop_now(e->ctl->loop).mono); /* not from inside the slot */
}

static void take_line(struct exchange *e, struct gw_str text)
{
    json_t *json;

    text = gw_str_trim(text);
    if (text.len == 0 || e->left)
        return; /* an empty line keeps the connection alive */
    json = document(e->ctl, text);
    e->begun = true;
    if (json && !e->line(json, e->line_ctx))
        stream_leave(e);
    json_decref(json);
}

static void on_piece(struct gw_str piece, void *ctx)
{
    struct exchange *e = ctx;
    struct gw_str rest, line;
    size_t used = 0;

    gw_buf_add_str(&e->partial, piece);
    rest = gw_buf_str(&e->partial);
    while (gw_str_cut(rest, "\n", &line, &rest)) {
        take_line(e, line);
        used += line.len + 1;
    }
    gw_buf_consume(&e->partial, used);
    if (e->partial.failed && !e->left) {
        ctl_complain(e->ctl, "limit", "a line of the answer is longer than %d bytes", LINE_MAX_LEN);
        e->result = CTL_FAILED;
        stream_leave(e);
    }
}

static void on_leave(struct gw_now now, void *ctx)
{
    struct exchange *e = ctx;

    (void)now;
    net_http_cancel(e->ctl->slot);
    net_loop_stop(e->ctl->loop);
}

static void on_stream_end(const struct net_http_answer *a, void *ctx)
{
    struct exchange *e = ctx;
    json_t *answer = NULL;

    if (a->code == GW_OK && (a->status < 200 || a->status > 299)) /* a refusal: one document */
        answer = document(e->ctl, gw_buf_str(&e->partial));
    else
        take_line(e, gw_buf_str(&e->partial));
    if (e->begun && !e->left && a->code) {
        ctl_complain(e->ctl, "unreachable", "kalendsd at '%s' has gone", e->ctl->socket);
        e->result = CTL_UNREACHABLE;
    } else if (!e->left) {
        e->result = judge(e->ctl, a, answer, false);
    }
    json_decref(answer);
    net_loop_stop(e->ctl->loop);
}

enum ctl_exit ctl_stream(struct ctl *ctl, const char *method, char *path, ctl_line_fn *line,
                         void *ctx)
{
    struct exchange e = { .ctl = ctl, .line = line, .line_ctx = ctx };

    e.leave = net_timer_new(ctl->loop, on_leave, &e);
    gw_buf_init(&e.partial, LINE_MAX_LEN);
    if (start(&e, method, path, NULL, GW_STR(""), on_piece, on_stream_end))
        net_loop_run(ctl->loop);
    else
        e.result = CTL_FAILED;
    gw_buf_done(&e.partial);
    net_timer_free(&e.leave);
    return e.result;
}
