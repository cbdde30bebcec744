/* Help, from the table of commands. */
#include <string.h>

#include "admin_ctl.h"

enum { COLUMN = 34, OPTION_COLUMN = 24, LINE = 100 };

static const char about[] =
    "kalendsctl administers a running kalendsd over its Unix socket.\n"
    "\n"
    "Usage: kalendsctl [--socket PATH] [--json] COMMAND [ARGUMENT...] [OPTION...]\n"
    "\n";

static const char globals[] =
    "Everywhere:\n"
    "  --socket PATH         the daemon's socket; else $KALENDS_SOCKET, else\n"
    "                        /var/lib/kalends/control.sock\n"
    "  --json                answers for programs: JSON, errors too\n"
    "  -h, --help            help about a command or a group of commands\n"
    "  --                    ends the options: what follows is taken as it is\n";

static const char exits[] =
    "Exit status: 0 done, 1 refused or failed, 2 wrong command line, 3 kalendsd not reachable.\n"
    "\n"
    "Examples:\n"
    "  kalendsctl domain add example.org\n"
    "  kalendsctl gateway add cas1 --host mail.example.org --account 'EXAMPLE\\kalends'\n"
    "  kalendsctl user add ann@example.org --im --calendar\n"
    "  kalendsctl watch\n"
    "  kalendsctl explain ann@example.org\n";

static void pad(struct gw_buf *out, size_t since, size_t column)
{
    do
        gw_buf_add_char(out, ' ');
    while (out->len - since < column);
}

static void list_one(const struct ctl_command *c, struct gw_buf *out)
{
    size_t start = out->len;

    gw_buf_addf(out, "  %s%s%s", c->words, *c->args ? " " : "", c->args);
    pad(out, start, COLUMN);
    gw_buf_addf(out, "%s\n", c->help);
}

static bool begins(const char *words, const char *const *with, size_t count, bool *whole)
{
    struct gw_str rest = gw_str_of(words), word;
    size_t i;

    for (i = 0; i < count; i++) {
        if (!gw_str_cut(rest, " ", &word, &rest)) {
            word = rest;
            rest = GW_STR("");
        }
        if (!gw_str_is(word, with[i]))
            return false;
    }
    *whole = rest.len == 0;
    return true;
}

void ctl_usage_write(const struct ctl_command *c, struct gw_buf *out)
{
    const struct ctl_option *o;
    size_t start = out->len, len;

    gw_buf_addf(out, "Usage: kalendsctl %s%s%s", c->words, *c->args ? " " : "", c->args);
    for (o = c->options; o && o->name; o++) {
        len = strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0) + sizeof(" [--]") - 1;
        if (out->len - start + len > LINE) {
            gw_buf_add_char(out, '\n');
            start = out->len;
            pad(out, start, sizeof("Usage: kalendsctl") - 1);
        }
        gw_buf_addf(out, " [--%s%s%s]", o->name, o->value ? " " : "", o->value ? o->value : "");
    }
    gw_buf_add_char(out, '\n');
}

static void options_write(const struct ctl_command *c, struct gw_buf *out)
{
    const struct ctl_option *o;

    if (!c->options)
        return;
    gw_buf_add_cstr(out, "\nOptions:\n");
    for (o = c->options; o->name; o++) {
        size_t start = out->len;

        gw_buf_addf(out, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        pad(out, start, OPTION_COLUMN);
        gw_buf_addf(out, "%s\n", o->help);
    }
}

static void examples_write(const char *examples, struct gw_buf *out)
{
    struct gw_str rest = gw_str_of(examples), line;

    gw_buf_add_cstr(out, "\nExamples:\n");
    while (rest.len > 0) {
        if (!gw_str_cut(rest, "\n", &line, &rest)) {
            line = rest;
            rest = GW_STR("");
        }
        gw_buf_addf(out, "  kalendsctl %.*s\n", GW_STR_ARG(line));
    }
}

static void command_write(const struct ctl_command *c, struct gw_buf *out)
{
    ctl_usage_write(c, out);
    gw_buf_addf(out, "\n%c%s.\n", c->help[0] >= 'a' ? c->help[0] - 'a' + 'A' : c->help[0],
                c->help + 1);
    if (c->more)
        gw_buf_addf(out, "%s\n", c->more);
    options_write(c, out);
    gw_buf_addf(out, "\n%s", globals);
    examples_write(c->examples, out);
}

void ctl_group_write(const struct ctl_command *commands, const char *const *words, size_t count,
                     struct gw_buf *out)
{
    const struct ctl_command *c;
    bool whole;

    for (c = commands; c->words; c++)
        if (begins(c->words, words, count, &whole))
            list_one(c, out);
}

static void group_write(const struct ctl_command *commands, const char *const *words, size_t count,
                        struct gw_buf *out)
{
    const struct ctl_command *c;
    bool whole;
    size_t i;

    gw_buf_add_cstr(out, "Usage: kalendsctl");
    for (i = 0; i < count; i++)
        gw_buf_addf(out, " %s", words[i]);
    gw_buf_add_cstr(out, " COMMAND\n\nCommands:\n");
    ctl_group_write(commands, words, count, out);
    gw_buf_addf(out, "\n%s\nExamples:\n", globals);
    for (c = commands; c->words; c++) {
        struct gw_str first = gw_str_of(c->examples);

        if (!begins(c->words, words, count, &whole))
            continue;
        (void)gw_str_cut(first, "\n", &first, NULL);
        gw_buf_addf(out, "  kalendsctl %.*s\n", GW_STR_ARG(first));
    }
}

static void everything_write(const struct ctl_command *commands, struct gw_buf *out)
{
    gw_buf_addf(out, "%sCommands:\n", about);
    ctl_group_write(commands, NULL, 0, out);
    gw_buf_addf(out, "\n%s\n%s", globals, exits);
}

bool ctl_help_write(const struct ctl_command *commands, const char *const *words, size_t count,
                    struct gw_buf *out)
{
    const struct ctl_command *c, *found = NULL;
    bool whole, any = false;

    for (c = commands; c->words; c++) {
        if (!begins(c->words, words, count, &whole))
            continue;
        any = true;
        if (whole)
            found = c;
    }
    if (count == 0)
        everything_write(commands, out);
    else if (found)
        command_write(found, out);
    else if (any)
        group_write(commands, words, count, out);
    return any;
}
