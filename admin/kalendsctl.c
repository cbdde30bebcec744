/* kalendsctl: from the command line to one command, and its exit status. */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_ctl.h"
#include "net_http_client.h"
#include "net_loop.h"

#define DEFAULT_SOCKET "/var/lib/kalends/control.sock"

enum { TEXT_MAX = 64 * 1024 };

const char *ctl_arg(const struct ctl *ctl, size_t index)
{
    return index < ctl->line->args_count ? ctl->line->args[index] : NULL;
}

const char *ctl_opt(const struct ctl *ctl, const char *name)
{
    const struct ctl_option *o = ctl->line->command->options;
    size_t i;

    for (i = 0; o && o[i].name; i++)
        if (strcmp(o[i].name, name) == 0)
            return ctl->line->value[i];
    return NULL;
}

/* "own-account" is the member "own_account". */
static const char *member_of(const char *option, char out[64])
{
    snprintf(out, 64, "%s", option);
    for (char *p = out; *p; p++)
        if (*p == '-')
            *p = '_';
    return out;
}

json_t *ctl_options_json(const struct ctl *ctl)
{
    const struct ctl_option *o = ctl->line->command->options;
    json_t *body = json_object();
    const char *value;
    char member[64];
    int64_t number;
    size_t i;

    for (i = 0; o && o[i].name; i++) {
        value = ctl->line->value[i];
        if (!value || o[i].field == CTL_NO_FIELD)
            continue;
        member_of(o[i].name, member);
        if (o[i].field == CTL_TRUE)
            json_object_set_new(body, member, json_true());
        else if (o[i].field == CTL_NUMBER &&
                 gw_str_to_int(gw_str_of(value), INT64_MIN, INT64_MAX, &number))
            json_object_set_new(body, member, json_integer(number));
        else if (o[i].field == CTL_YES_NO && (!strcmp(value, "yes") || !strcmp(value, "no")))
            json_object_set_new(body, member, json_boolean(*value == 'y'));
        else /* not what it must be: the daemon says what it must be */
            json_object_set_new(body, member, json_string(value));
    }
    return body;
}

static void complain_text(bool json, const char *code, struct gw_str text)
{
    json_t *object;

    if (json) {
        object = json_pack("{s:s%, s:s}", "error", text.p, text.len, "code", code);
        (void)json_dumpf(object, stderr, JSON_COMPACT);
        (void)fputc('\n', stderr);
        json_decref(object);
        return;
    }
    (void)fprintf(stderr, "kalendsctl: %.*s\n", GW_STR_ARG(text));
}

void ctl_complain(const struct ctl *ctl, const char *code, const char *fmt, ...)
{
    char raw[2048];
    struct gw_buf text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    (void)fflush(stdout); /* what was printed before comes before */
    gw_buf_init(&text, TEXT_MAX);
    ctl_text_add(&text, gw_str_of(raw));
    complain_text(ctl->line->json, code, gw_buf_str(&text));
    gw_buf_done(&text);
}

/* --- help and wrong command lines */

static enum ctl_exit help(const struct ctl_line *line)
{
    struct gw_buf out;

    gw_buf_init(&out, TEXT_MAX);
    (void)ctl_help_write(ctl_commands, line->words, line->words_count, &out);
    (void)fwrite(out.p, 1, out.len, stdout);
    gw_buf_done(&out);
    return CTL_OK;
}

static enum ctl_exit usage(const struct ctl_line *line, struct gw_str wrong)
{
    struct gw_buf out;

    gw_buf_init(&out, TEXT_MAX);
    ctl_text_add(&out, wrong);
    complain_text(line->json, "usage", gw_buf_str(&out));
    gw_buf_reset(&out);
    if (line->command)
        ctl_usage_write(line->command, &out);
    else if (line->words_count)
        ctl_group_write(ctl_commands, line->words, line->words_count, &out);
    else
        gw_buf_add_cstr(&out, "'kalendsctl --help' lists the commands.\n");
    if (!line->json)
        (void)fwrite(out.p, 1, out.len, stderr);
    gw_buf_done(&out);
    return CTL_USAGE;
}

/* --- running */

static const char *socket_path(const struct ctl_line *line)
{
    const char *env = getenv("KALENDS_SOCKET");

    if (line->socket)
        return line->socket;
    return env && *env ? env : DEFAULT_SOCKET;
}

static enum ctl_exit run(const struct ctl_line *line)
{
    struct ctl ctl = { .line = line, .socket = socket_path(line) };
    struct net_http_slot_args args = { .unix_path = ctl.socket,
                                       .user_agent = "kalendsctl/" KALENDS_VERSION };
    enum ctl_exit rc;

    ctl.loop = net_loop_new();
    ctl.now = net_loop_now(ctl.loop).utc;
    ctl.slot = net_http_slot_new(ctl.loop, &args);
    rc = line->command->run(&ctl);
    net_http_slot_free(&ctl.slot);
    net_loop_free(&ctl.loop);
    return rc;
}

int main(int argc, char **argv)
{
    struct ctl_line line;
    struct gw_buf wrong;
    enum ctl_exit rc;
    bool ok;

    (void)setlocale(LC_CTYPE, ""); /* for the width of characters */
    gw_buf_init(&wrong, TEXT_MAX);
    ok = ctl_line_parse(ctl_commands, argc, argv, &line, &wrong);
    if (line.help && (ok || line.command))
        rc = help(&line);
    else if (!ok)
        rc = usage(&line, gw_buf_str(&wrong));
    else if (line.version)
        rc = printf("kalendsctl %s\n", KALENDS_VERSION) > 0 ? CTL_OK : CTL_FAILED;
    else
        rc = run(&line);
    if ((fflush(stdout) || ferror(stdout)) && rc == CTL_OK)
        rc = CTL_FAILED; /* a full disk, a closed pipe */
    ctl_line_done(&line);
    gw_buf_done(&wrong);
    return (int)rc;
}
