/* mock-exchange: the command line. Its options make a scenario, which is laid over that of the file. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "mock_exchange.h"
#include "mock_json.h"

enum { SCENARIO_MAX = 64 * 1024 * 1024 };

static const char help[] =
    "mock-exchange - an Exchange organisation to test calendar gateways against\n"
    "\n"
    "usage: mock-exchange [OPTIONS] [SCENARIO.json]\n"
    "\n"
    "  --cas [NAME=][http[s]://]ADDRESS:PORT\n"
    "                        a client access server; may be given several times; port 0: any free\n"
    "                        one. Without http or https: https when there is a certificate\n"
    "  --account NAME:PASSWORD\n"
    "                        a service account that may impersonate everybody\n"
    "  --users N             mailboxes user0001 ... of the domain\n"
    "  --domain DOMAIN       of these; default: example\n"
    "  --meetings N          random meetings in the next 8 hours for each of them\n"
    "  --control ADDRESS:PORT\n"
    "                        where to be told what to do, as JSON over HTTP; default: "
    "127.0.0.1:0.\n"
    "                        Whoever reaches it may do everything: keep it on loopback\n"
    "  --minute-ms N         how long a minute of StatusFrequency and of retries is; default: "
    "60000\n"
    "  --exchange VERSION    2007 (SP1), 2010 (SP2), 2013 (SP1), 2016, 2019 (default) or SE\n"
    "  --tls-cert FILE --tls-key FILE\n"
    "                        PEM, for https; without them certificates are made here (GET /ca)\n"
    "  --schema FOLDER       requests that validate.xsd in it forbids are refused, as Exchange "
    "does it\n"
    "  --accept NAMES        with --schema: what known clients do wrong all the same: version "
    "(names\n"
    "                        of versions that the schema does not know), mail-tips (text instead "
    "of\n"
    "                        MailTipsRequested), watermark (m:Watermark). Without --schema: all\n"
    "  --record FOLDER       every answer and push call is written to a file there\n"
    "  --log LEVEL           off, error, warn, info (default) or debug, on standard error\n"
    "  --help, --version\n"
    "\n"
    "Without --account: svc:secret. Without --cas, here or in the file: one on 127.0.0.1, any "
    "port.\n"
    "When all ports are open, one line of JSON on standard output says where they are. SIGTERM "
    "and\n"
    "SIGINT end it.\n"
    "\n"
    "Example: two servers, fifty users, minutes as short as seconds; then a meeting in 5 seconds:\n"
    "  mock-exchange --cas 127.0.0.1:8091 --cas 127.0.0.1:8092 --users 50 --domain example \\\n"
    "      --account svc:secret --control 127.0.0.1:8090 --minute-ms 1000 &\n"
    "  curl http://127.0.0.1:8090/users/user0001@example/meetings \\\n"
    "      --json '{\"start\": \"+5s\", \"for\": \"30s\", \"subject\": \"Plans\"}'\n"
    "  curl http://127.0.0.1:8090/\n"
    "\n"
    "GET /help at the control address lists what it can be asked; CONTROL.md explains it, and the\n"
    "members of a scenario. In a browser that address shows calendars, to be changed by hand.\n";

static void on_log(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "%s %s: %.*s\n", gw_log_level_name(level), component, GW_STR_ARG(line));
}

static void on_signal(int signo, void *ctx)
{
    gw_debug("mock", "stop signal=%d", signo);
    net_loop_stop(ctx);
}

struct options {
    json_t *scenario; /* from the command line */
    json_t *group;    /* users of --users */
    const char *file;
    bool done; /* --help, --version */
};

static json_t *list_of(json_t *scenario, const char *member)
{
    json_t *list = json_object_get(scenario, member);

    if (!list) {
        list = json_array();
        (void)json_object_set_new(scenario, member, list);
    }
    return list;
}

/* "NAME=..." is a name only when there is no "://" before the '='. */
static void cas_option(json_t *scenario, const char *text)
{
    const char *equals = strchr(text, '=');
    json_t *cas = json_object();

    if (equals) {
        (void)json_object_set_new(cas, "name", json_stringn(text, (size_t)(equals - text)));
        text = equals + 1;
    }
    (void)json_object_set_new(cas, "listen", json_string(text));
    (void)json_array_append_new(list_of(scenario, "cas"), cas);
}

static bool account_option(json_t *scenario, const char *text)
{
    const char *colon = strchr(text, ':');
    json_t *account;

    if (!colon || colon == text) {
        fprintf(stderr, "mock-exchange: --account is NAME:PASSWORD\n");
        return false;
    }
    account = json_object();
    (void)json_object_set_new(account, "name", json_stringn(text, (size_t)(colon - text)));
    (void)json_object_set_new(account, "password", json_string(colon + 1));
    (void)json_array_append_new(list_of(scenario, "accounts"), account);
    return true;
}

static bool number_option(json_t *object, const char *member, const char *option, const char *text)
{
    int64_t n;

    if (!gw_str_to_int(gw_str_of(text), 0, INT32_MAX, &n)) {
        fprintf(stderr, "mock-exchange: --%s is a whole number, not '%s'\n", option, text);
        return false;
    }
    (void)json_object_set_new(object, member, json_integer(n));
    return true;
}

static bool meetings_option(struct options *o, const char *text)
{
    json_t *rand = json_object();

    (void)json_object_set_new(o->group, "random", rand);
    return number_option(rand, "per_user", "meetings", text);
}

static bool log_option(const char *text)
{
    enum gw_log_level level;

    if (!gw_log_level_parse(gw_str_of(text), &level)) {
        fprintf(stderr, "mock-exchange: --log is off, error, warn, info or debug, not '%s'\n",
                text);
        return false;
    }
    (void)gw_log_set_level(NULL, level);
    return true;
}

static bool text_option(json_t *object, const char *member, const char *text)
{
    return !json_object_set_new(object, member, json_string(text));
}

/* "version,watermark" */
static bool accept_option(json_t *scenario, const char *text)
{
    struct gw_str rest = gw_str_of(text), name;
    json_t *list = list_of(scenario, "accept");

    while (gw_str_cut(rest, ",", &name, &rest))
        (void)json_array_append_new(list, json_stringn(name.p, name.len));
    (void)json_array_append_new(list, json_stringn(rest.p, rest.len));
    return true;
}

static bool option_take(struct options *o, int option, const char *text)
{
    switch (option) {
    case 'c':
        cas_option(o->scenario, text);
        return true;
    case 'a':
        return account_option(o->scenario, text);
    case 'u':
        return number_option(o->group, "count", "users", text);
    case 'd':
        return text_option(o->group, "domain", text);
    case 'm':
        return meetings_option(o, text);
    case 'C':
        return text_option(o->scenario, "control", text);
    case 'M':
        return number_option(o->scenario, "minute_ms", "minute-ms", text);
    case 'x':
        return text_option(o->scenario, "version", text);
    case 't':
        return text_option(o->scenario, "tls_cert", text);
    case 'k':
        return text_option(o->scenario, "tls_key", text);
    case 's':
        return text_option(o->scenario, "schema", text);
    case 'A':
        return accept_option(o->scenario, text);
    case 'r':
        return text_option(o->scenario, "record", text);
    case 'l':
        return log_option(text);
    case 'h':
        o->done = true;
        return fputs(help, stdout) >= 0;
    case 'V':
        o->done = true;
        return puts("mock-exchange " KALENDS_VERSION) >= 0;
    default:
        fprintf(stderr, "try 'mock-exchange --help'\n");
        return false;
    }
}

static bool options_read(struct options *o, int argc, char **argv)
{
    static const struct option option[] = { { "cas", required_argument, NULL, 'c' },
                                            { "account", required_argument, NULL, 'a' },
                                            { "users", required_argument, NULL, 'u' },
                                            { "domain", required_argument, NULL, 'd' },
                                            { "meetings", required_argument, NULL, 'm' },
                                            { "control", required_argument, NULL, 'C' },
                                            { "minute-ms", required_argument, NULL, 'M' },
                                            { "exchange", required_argument, NULL, 'x' },
                                            { "tls-cert", required_argument, NULL, 't' },
                                            { "tls-key", required_argument, NULL, 'k' },
                                            { "schema", required_argument, NULL, 's' },
                                            { "accept", required_argument, NULL, 'A' },
                                            { "record", required_argument, NULL, 'r' },
                                            { "log", required_argument, NULL, 'l' },
                                            { "help", no_argument, NULL, 'h' },
                                            { "version", no_argument, NULL, 'V' },
                                            { NULL, 0, NULL, 0 } };
    int c;

    while (!o->done && (c = getopt_long(argc, argv, "h", option, NULL)) != -1)
        if (!option_take(o, c, optarg))
            return false;
    if (argc - optind > 1) {
        fprintf(stderr, "mock-exchange: one scenario file at most\n");
        return false;
    }
    o->file = argv[optind];
    return true;
}

/* The file's members, with those of the command line in front, or instead. */
static bool scenario_merge(json_t *scenario, json_t *options)
{
    const char *member;
    json_t *value;

    json_object_foreach(options, member, value)
    {
        json_t *list = json_object_get(scenario, member);

        if (json_is_array(value) && json_is_array(list))
            (void)json_array_extend(value, list);
        (void)json_object_set(scenario, member, value);
    }
    return true;
}

/* NULL, and said why. */
static json_t *file_load(const char *name)
{
    json_error_t where = { .line = 0 };
    struct gw_buf text;
    char block[4096];
    json_t *json;
    size_t len;
    FILE *f = fopen(name, "rb");

    if (!f) {
        fprintf(stderr, "mock-exchange: cannot read '%s': %s\n", name, strerror(errno));
        return NULL;
    }
    gw_buf_init(&text, SCENARIO_MAX);
    while ((len = fread(block, 1, sizeof(block), f)) > 0)
        gw_buf_add(&text, block, len);
    fclose(f);
    json = text.failed ? NULL : mock_json_parse(gw_buf_str(&text), &where);
    if (text.failed)
        fprintf(stderr, "mock-exchange: '%s' is too large\n", name);
    else if (!json)
        fprintf(stderr, "mock-exchange: %s, line %d: %s\n", name, where.line, where.text);
    gw_buf_done(&text);
    return json;
}

static json_t *scenario_load(const struct options *o)
{
    json_t *scenario = o->file ? file_load(o->file) : json_object(), *account;

    if (!scenario)
        return NULL;
    if (json_object_get(o->group, "count"))
        (void)json_array_append(list_of(o->scenario, "users"), o->group);
    scenario_merge(scenario, o->scenario);
    if (json_is_object(scenario) && !json_object_get(scenario, "accounts")) {
        account = json_pack("{s:s, s:s}", "name", "svc", "password", "secret");
        (void)json_array_append_new(list_of(scenario, "accounts"), account);
    }
    if (json_is_object(scenario) && !json_object_get(scenario, "cas"))
        cas_option(scenario, "127.0.0.1:0");
    if (json_is_object(scenario) && !json_object_get(scenario, "control"))
        (void)json_object_set_new(scenario, "control", json_string("127.0.0.1:0"));
    return scenario;
}

static bool scenario_apply(struct mock_exchange *mx, const struct options *o)
{
    json_t *scenario = scenario_load(o);
    char *text = scenario ? json_dumps(scenario, JSON_COMPACT) : NULL;
    struct gw_err err;
    bool ok = text && !mock_exchange_apply(mx, gw_str_of(text), &err);

    if (text && !ok)
        fprintf(stderr, "mock-exchange: %s\n", err.msg);
    else if (scenario && !text)
        fprintf(stderr, "mock-exchange: the scenario is not a JSON object\n");
    free(text);
    json_decref(scenario);
    return ok;
}

static int run(const struct options *o)
{
    struct net_loop *loop = net_loop_new();
    struct net_signal *stop[2] = { net_signal_new(loop, SIGTERM, on_signal, loop),
                                   net_signal_new(loop, SIGINT, on_signal, loop) };
    struct mock_exchange *mx = mock_exchange_new(loop);
    bool ok = scenario_apply(mx, o);
    struct gw_buf ready;

    if (ok) {
        gw_buf_init(&ready, 1024 * 1024);
        mock_exchange_ready_write(mx, &ready);
        puts(ready.p);
        fflush(stdout);
        gw_buf_done(&ready);
        net_loop_run(loop);
    }
    mock_exchange_free(&mx);
    net_signal_free(&stop[0]);
    net_signal_free(&stop[1]);
    net_loop_free(&loop);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options o = { .scenario = json_object(), .group = json_object() };
    int rc = 2;

    gw_log_set_sink(on_log, NULL);
    if (options_read(&o, argc, argv))
        rc = o.done ? 0 : run(&o);
    json_decref(o.scenario);
    json_decref(o.group);
    return rc;
}
