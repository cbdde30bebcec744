/* The configuration file: 'key = value' lines, '#' comments. Keys, ranges and help are one table. */
#include "gd_config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_FILE_MAX = 256 * 1024 };

static const char *const no_yes[] = { "no", "yes", NULL };

#define AT(member) offsetof(struct gd_config, member)

static const struct gw_param config_table[] = {
    { .key = "data",
      .shown_as = "Data directory",
      .help = "folder of the store, the certificates and the control socket",
      .type = GW_PARAM_TEXT,
      .offset = AT(data),
      .min = 1,
      .max = 4000,
      .def = "/var/lib/kalends" },
    { .key = "seal_key",
      .shown_as = "Seal key",
      .help =
          "file of 32 random bytes that secrets in the store and private keys are sealed with; "
          "empty: "
          "the service manager's credential kalends.seal-key, else seal.key in the data directory",
      .type = GW_PARAM_TEXT,
      .offset = AT(seal_key),
      .min = 0,
      .max = 4000,
      .def = "" },
    { .key = "user",
      .shown_as = "User",
      .help = "user to run as, when started as root",
      .type = GW_PARAM_TEXT,
      .offset = AT(user),
      .min = 0,
      .max = 64,
      .def = "" },
    { .key = "log",
      .shown_as = "Log",
      .help = "'stderr', 'syslog', or the path of a file",
      .type = GW_PARAM_TEXT,
      .offset = AT(log),
      .min = 1,
      .max = 4000,
      .def = "stderr" },
    { .key = "log_levels",
      .shown_as = "Log levels",
      .help = "off, error, warn, info or debug; of single components: 'info, xmpp=debug'",
      .type = GW_PARAM_TEXT,
      .offset = AT(log_levels),
      .min = 0,
      .max = 1000,
      .def = "info" },
    { .key = "xmpp_listen",
      .shown_as = "XMPP address",
      .help = "address that XMPP clients connect to",
      .type = GW_PARAM_TEXT,
      .offset = AT(xmpp_listen),
      .min = 1,
      .max = 64,
      .def = "::" },
    { .key = "xmpp_port",
      .shown_as = "XMPP port",
      .help = "port for XMPP clients; 0: any free one",
      .type = GW_PARAM_INT,
      .offset = AT(xmpp_port),
      .min = 0,
      .max = 65535,
      .def = "5222" },
    { .key = "xmpp_tls_port",
      .shown_as = "XMPP port with TLS",
      .help = "port for XMPP clients that begin with TLS, without STARTTLS; 0: any free one",
      .type = GW_PARAM_INT,
      .offset = AT(xmpp_tls_port),
      .min = 0,
      .max = 65535,
      .def = "5223",
      .word = "off" },
    { .key = "sip_listen",
      .shown_as = "SIP address",
      .help = "address that SIP peers connect to",
      .type = GW_PARAM_TEXT,
      .offset = AT(sip_listen),
      .min = 1,
      .max = 64,
      .def = "::" },
    { .key = "sip_port",
      .shown_as = "SIP port",
      .help = "port for SIP over UDP and TCP; 0: any free one",
      .type = GW_PARAM_INT,
      .offset = AT(sip_port),
      .min = 0,
      .max = 65535,
      .def = "5060",
      .word = "off" },
    { .key = "federation_port",
      .shown_as = "Federation port",
      .help = "port, at xmpp_listen, that XMPP servers of other domains connect to while "
              "federation.xmpp is on",
      .type = GW_PARAM_INT,
      .offset = AT(federation_port),
      .min = 1,
      .max = 65535,
      .def = "5269" },
    { .key = "api_listen",
      .shown_as = "API address",
      .help = "address of the API over HTTPS, while the parameter api.port is not off",
      .type = GW_PARAM_TEXT,
      .offset = AT(api_listen),
      .min = 1,
      .max = 64,
      .def = "::" },
    { .key = "notification_listen",
      .shown_as = "Notification address",
      .help = "address that Exchange sends its notifications to; the port is the parameter "
              "calendar.notification_port",
      .type = GW_PARAM_TEXT,
      .offset = AT(notification_listen),
      .min = 1,
      .max = 64,
      .def = "::" },
    { .key = "notification_url_host",
      .shown_as = "Notification URL host",
      .help = "host name or address that Exchange calls back; empty: this machine's full name",
      .type = GW_PARAM_TEXT,
      .offset = AT(notification_url_host),
      .min = 0,
      .max = 255,
      .def = "" },
    { .key = "lab_minute_ms",
      .shown_as = "Lab: milliseconds a minute",
      .help = "for tests only: how long a minute of status frequency and out-of-office polling is",
      .type = GW_PARAM_INT,
      .offset = AT(lab_minute_ms),
      .min = 10,
      .max = 60000,
      .def = "60000" },
    { .key = "lab_allow_http",
      .shown_as = "Lab: gateways without TLS",
      .help = "for labs only: accept gateways over plain HTTP",
      .type = GW_PARAM_CHOICE,
      .offset = AT(lab_allow_http),
      .def = "no",
      .choices = no_yes },
};

enum { CONFIG_KEYS = sizeof(config_table) / sizeof(config_table[0]) };

static enum gw_code unknown_key(const char *file, unsigned line, struct gw_str key,
                                struct gw_err *err)
{
    return gw_fail(err, GW_INVALID,
                   "%s:%u: unknown key '%.*s'; 'kalendsd --help' lists the keys of this file", file,
                   line, GW_STR_ARG(gw_str_utf8_cut(key, 40)));
}

static enum gw_code parse_line(struct gw_str text, const char *file, unsigned line,
                               struct gd_config *c, struct gw_err *err)
{
    const struct gw_param *param;
    struct gw_str key, value;

    text = gw_str_trim(text);
    if (text.len == 0 || text.p[0] == '#')
        return GW_OK;
    if (!gw_str_is_utf8(text))
        return gw_fail(err, GW_INVALID, "%s:%u: not UTF-8 text", file, line);
    if (!gw_str_cut(text, "=", &key, &value))
        return gw_fail(err, GW_INVALID, "%s:%u: expected 'key = value'", file, line);
    key = gw_str_trim(key);
    param = gw_param_find(config_table, CONFIG_KEYS, key);
    if (!param)
        return unknown_key(file, line, key, err);
    if (gw_param_set(param, c, gw_str_trim(value), err))
        return gw_fail_prefix(err, "%s:%u: ", file, line);
    return GW_OK;
}

enum gw_code gd_config_parse(struct gw_str text, const char *file, struct gd_config *c,
                             struct gw_err *err)
{
    enum gw_code rc = GW_OK;
    struct gw_str line;
    unsigned number = 0;

    while (!rc && text.len > 0) {
        if (!gw_str_cut(text, "\n", &line, &text)) {
            line = text;
            text = GW_STR("");
        }
        rc = parse_line(line, file, ++number, c, err);
    }
    return rc;
}

static enum gw_code read_all(int fd, const char *file, struct gw_buf *out, struct gw_err *err)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0)
        gw_buf_add(out, piece, (size_t)n);
    if (n < 0)
        return gw_fail(err, GW_INVALID, "configuration file '%s' cannot be read: %s", file,
                       strerror(errno));
    if (out->failed)
        return gw_fail(err, GW_INVALID, "configuration file '%s' is larger than %d bytes", file,
                       CONFIG_FILE_MAX);
    return GW_OK;
}

static enum gw_code config_read(const char *file, bool may_miss, struct gd_config *c,
                                struct gw_err *err)
{
    struct gw_buf text;
    enum gw_code rc;
    int fd;

    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && may_miss && errno == ENOENT)
        return GW_OK;
    if (fd < 0)
        return gw_fail(err, GW_INVALID, "configuration file '%s' cannot be opened: %s", file,
                       strerror(errno));
    gw_buf_init(&text, CONFIG_FILE_MAX);
    rc = read_all(fd, file, &text, err);
    if (!rc)
        rc = gd_config_parse(gw_buf_str(&text), file, c, err);
    gw_buf_done(&text);
    close(fd);
    return rc;
}

enum gw_code gd_config_load(const char *file, const char *data, struct gd_config *out,
                            struct gw_err *err)
{
    enum gw_code rc;

    *out = (struct gd_config){ 0 };
    gw_param_defaults(config_table, CONFIG_KEYS, out);
    rc = config_read(file ? file : GD_CONFIG_DEFAULT_FILE, !file, out, err);
    if (!rc && data)
        rc = gw_param_set(&config_table[0], out, gw_str_of(data), err);
    if (rc)
        gd_config_done(out);
    return rc;
}

void gd_config_done(struct gd_config *c)
{
    gw_param_settings_done(config_table, CONFIG_KEYS, c);
}

void gd_config_help(struct gw_buf *out)
{
    size_t i;

    for (i = 0; i < CONFIG_KEYS; i++) {
        const struct gw_param *p = &config_table[i];

        gw_buf_addf(out, "  %-23s %s", p->key, p->help);
        if (p->type == GW_PARAM_INT) {
            gw_buf_add_cstr(out, " (");
            gw_param_range_write(p, out);
            gw_buf_add_char(out, ')');
        }
        gw_buf_addf(out, "; default %s\n", p->def[0] ? p->def : "empty");
    }
}
