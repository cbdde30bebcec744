/* The log's sink. Lines come from the loop and from the store's thread: each one is written by one
 * write() to a descriptor that never changes its number, so no lock is needed. */
#include "gd_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_time.h"

enum { LOG_LINE_MAX = 2048 };

static struct {
    int fd;
    char *path; /* NULL: not a file */
} sink = { STDERR_FILENO, NULL };

static gw_utc log_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (gw_utc)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void write_fd(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    char when[GW_UTC_TEXT_MAX];
    struct gw_buf out;

    (void)ctx;
    gw_buf_init(&out, LOG_LINE_MAX);
    gw_buf_addf(&out, "%s %-5s %s: %.*s\n", gw_utc_text(log_now(), when), gw_log_level_name(level),
                component, GW_STR_ARG(line));
    if (write(sink.fd, out.p, out.len) < 0) {
        /* A full disk or a closed terminal: there is nobody left to tell. */
    }
    gw_buf_done(&out);
}

static void write_syslog(enum gw_log_level level, const char *component, struct gw_str line,
                         void *ctx)
{
    int priority = level == GW_LOG_ERROR  ? LOG_ERR
                   : level == GW_LOG_WARN ? LOG_WARNING
                   : level == GW_LOG_INFO ? LOG_INFO
                                          : LOG_DEBUG;

    (void)ctx;
    syslog(priority, "%s: %.*s", component, GW_STR_ARG(line));
}

static enum gw_code open_file(const char *path, int *fd, struct gw_err *err)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (*fd < 0)
        return gw_fail(err, GW_INVALID, "log file '%s' cannot be opened for writing: %s", path,
                       strerror(errno));
    return GW_OK;
}

enum gw_code gd_log_open(const char *target, struct gw_err *err)
{
    enum gw_code rc;
    int fd;

    gd_log_close();
    if (strcmp(target, "syslog") == 0) {
        openlog("kalendsd", LOG_PID, LOG_DAEMON);
        gw_log_set_sink(write_syslog, NULL);
        return GW_OK;
    }
    if (strcmp(target, "stderr") != 0) {
        rc = open_file(target, &fd, err);
        if (rc)
            return rc;
        sink.fd = fd;
        sink.path = gw_str_dup(gw_str_of(target));
    }
    gw_log_set_sink(write_fd, NULL);
    return GW_OK;
}

void gd_log_reopen(void)
{
    struct gw_err err;
    int fd;

    if (!sink.path)
        return;
    if (open_file(sink.path, &fd, &err)) {
        gw_error("gatewayd", "%s; the old file stays in use", err.msg);
        return;
    }
    if (dup3(fd, sink.fd, O_CLOEXEC) < 0)
        gw_error("gatewayd", "log file cannot be replaced: %s", strerror(errno));
    close(fd);
}

void gd_log_close(void)
{
    gw_log_set_sink(NULL, NULL);
    if (sink.path)
        close(sink.fd);
    gw_secret_free(&sink.path);
    sink.fd = STDERR_FILENO;
}

static enum gw_code one_level(struct gw_str item, struct gw_err *err)
{
    struct gw_str component = { NULL, 0 };
    struct gw_str name = item;
    enum gw_log_level level;
    char text[32];

    if (gw_str_cut(item, "=", &component, &name)) {
        component = gw_str_trim(component);
        name = gw_str_trim(name);
    }
    if (!gw_log_level_parse(name, &level))
        return gw_fail(
            err, GW_INVALID,
            "'%.*s' is not a log level: use off, error, warn, info or debug, alone or as "
            "component=level",
            GW_STR_ARG(gw_str_sub(name, 0, 40)));
    if (!component.p)
        return gw_log_set_level(NULL, level);
    if (component.len == 0 || component.len >= sizeof(text))
        return gw_fail(err, GW_INVALID, "log level without a component before '='");
    memcpy(text, component.p, component.len);
    text[component.len] = '\0';
    if (gw_log_set_level(text, level))
        return gw_fail(err, GW_LIMIT, "too many components with a log level of their own");
    return GW_OK;
}

enum gw_code gd_log_levels_set(struct gw_str text, struct gw_err *err)
{
    struct gw_str item;
    enum gw_code rc = GW_OK;

    while (!rc && gw_str_next(&text, ",", &item))
        if (item.len > 0)
            rc = one_level(item, err);
    return rc;
}
