/* kalendsd: command line, user to run as, and the daemon's life. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gd.h"
#include "gd_log.h"
#include "gw_log.h"

enum { HELP_MAX = 64 * 1024 };

static void help(void)
{
    struct gw_buf out;

    gw_buf_init(&out, HELP_MAX);
    gw_buf_addf(
        &out,
        "kalendsd %s: shows what Exchange calendars say as presence\n"
        "\n"
        "usage: kalendsd [--data DIR] [--config FILE] [--notification-port N]\n"
        "\n"
        "  --data DIR     data directory; made when its parent is there\n"
        "  --config FILE  configuration file, 'key = value' lines; default %s\n"
        "  --notification-port N\n"
        "                 sets calendar.notification_port: the way out when another program has\n"
        "                 taken the port that was set\n"
        "  --help, --version\n"
        "\n"
        "It stays in the foreground. SIGTERM and SIGINT end it, SIGHUP opens the log file and\n"
        "the certificate anew. Everything but the keys below is set while it runs: see\n"
        "kalendsctl --help.\n"
        "\n"
        "Keys of the configuration file:\n",
        KALENDS_VERSION, GD_CONFIG_DEFAULT_FILE);
    gd_config_help(&out);
    gw_buf_add_cstr(&out, "\nExample: a first start, as a user of your own\n"
                          "  kalendsd --data ~/kalends\n"
                          "  kalendsctl --socket ~/kalends/control.sock domain add example.com\n");
    fwrite(out.p, 1, out.len, stdout);
    gw_buf_done(&out);
}

struct options {
    const char *data, *config, *notification_port;
    bool done;
};

/* False: wrong, and said so. */
static bool options_read(int argc, char **argv, struct options *out)
{
    static const struct option options[] = { { "data", required_argument, NULL, 'd' },
                                             { "config", required_argument, NULL, 'c' },
                                             { "notification-port", required_argument, NULL, 'n' },
                                             { "help", no_argument, NULL, 'h' },
                                             { "version", no_argument, NULL, 'v' },
                                             { NULL, 0, NULL, 0 } };
    int c;

    while ((c = getopt_long(argc, argv, "d:c:h", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            out->data = optarg;
            break;
        case 'c':
            out->config = optarg;
            break;
        case 'n':
            out->notification_port = optarg;
            break;
        case 'h':
            help();
            out->done = true;
            return true;
        case 'v':
            printf("kalendsd %s\n", KALENDS_VERSION);
            out->done = true;
            return true;
        default:
            fprintf(stderr, "kalendsd: see kalendsd --help\n");
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kalendsd: '%s' is one argument too many; see kalendsd --help\n",
                argv[optind]);
        return false;
    }
    return true;
}

/* Before anything is opened: no port of ours needs root, and what is made belongs to the user. */
static enum gw_code become(const struct gd_config *config, struct gw_err *err)
{
    const struct passwd *user;

    if (!config->user[0])
        return GW_OK;
    user = getpwnam(config->user);
    if (!user)
        return gw_fail(err, GW_INVALID, "there is no user '%s' to run as", config->user);
    if (user->pw_uid == geteuid())
        return GW_OK;
    if (mkdir(config->data, 0750) == 0 && chown(config->data, user->pw_uid, user->pw_gid) != 0)
        return gw_fail(err, GW_INTERNAL, "data directory '%s' cannot be given to '%s': %s",
                       config->data, config->user, strerror(errno));
    if (initgroups(config->user, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0)
        return gw_fail(err, GW_INVALID, "cannot become user '%s': %s; start kalendsd as root",
                       config->user, strerror(errno));
    return GW_OK;
}

static enum gw_code log_start(const struct gd_config *config, struct gw_err *err)
{
    enum gw_code rc = gd_log_levels_set(gw_str_of(config->log_levels), err);

    return rc ? rc : gd_log_open(config->log, err);
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct gd gd = { 0 };
    struct gw_err err;
    enum gw_code rc;

    if (!options_read(argc, argv, &options))
        return 2;
    if (options.done)
        return 0;
    umask(0007);
    gd.notification_port = options.notification_port;
    rc = gd_config_load(options.config, options.data, &gd.config, &err);
    if (!rc) {
        rc = become(&gd.config, &err);
        if (!rc)
            rc = log_start(&gd.config, &err);
        if (!rc)
            rc = gd_start(&gd, &err);
        if (!rc)
            gd_run(&gd);
        gd_done(&gd);
        gd_config_done(&gd.config);
    }
    if (rc)
        fprintf(stderr, "kalendsd: %s\n", err.msg);
    gd_log_close();
    return rc ? 1 : 0;
}
