/* A command line, read by a table. The command's words come first; --json, --socket, --help and
 * --version are understood anywhere; "--" ends the options, and so does nothing else: "-5" is a value. */
#include <stdlib.h>
#include <string.h>

#include "admin_ctl.h"
#include "gw_mem.h"

struct reader {
    const struct ctl_command *commands;
    struct ctl_line *line;
    struct gw_buf *wrong;
    char **argv;
    int argc, at;
    bool options_end;
};

static void complain(struct reader *r, const char *before, struct gw_str about, const char *after)
{
    if (r->wrong->len == 0) /* the first one counts */
        gw_buf_addf(r->wrong, "%s%.*s%s", before, GW_STR_ARG(about), after);
}

/* --- the command's words */

/* 'words' begins with the first 'count' of the line's words; then *rest is what follows. */
static bool words_match(const char *words, const struct ctl_line *line, struct gw_str *rest)
{
    struct gw_str word;
    size_t i;

    *rest = gw_str_of(words);
    for (i = 0; i < line->words_count; i++) {
        if (!gw_str_cut(*rest, " ", &word, rest)) {
            word = *rest;
            *rest = gw_str_sub(*rest, rest->len, rest->len);
        }
        if (word.len == 0 || !gw_str_is(word, line->words[i]))
            return false;
    }
    return true;
}

static void take_word(struct reader *r, const char *word)
{
    struct ctl_line *line = r->line;
    const struct ctl_command *c;
    struct gw_str rest;
    bool begins = false;

    line->words[line->words_count++] = word;
    for (c = r->commands; c->words; c++) {
        if (!words_match(c->words, line, &rest))
            continue;
        begins = true;
        if (rest.len == 0)
            line->command = c;
    }
    if (begins)
        return;
    line->words_count--;
    complain(r, "there is no command '", gw_str_of(word), "'");
}

static bool is_help_word(const struct ctl_line *line, const char *word)
{
    return line->words_count == 0 && strcmp(word, "help") == 0;
}

static void take_argument(struct reader *r, const char *text)
{
    struct ctl_line *line = r->line;

    if (!gw_str_is_utf8(gw_str_of(text)) && *text)
        complain(r, "an argument is not UTF-8", GW_STR(""), "");
    else if (line->command)
        line->args[line->args_count++] = text;
    else if (is_help_word(line, text))
        line->help = true;
    else if (r->wrong->len == 0)
        take_word(r, text);
}

/* --- options */

static const char *option_value(struct reader *r, struct gw_str name, struct gw_str inline_value)
{
    const char *value;

    if (inline_value.p)
        value = inline_value.p; /* the rest of an argument: ends with NUL */
    else if (r->at + 1 < r->argc && strncmp(r->argv[r->at + 1], "--", 2) != 0)
        value = r->argv[++r->at];
    else
        value = NULL;
    if (!value)
        complain(r, "'--", name, "' needs a value");
    else if (*value && !gw_str_is_utf8(gw_str_of(value)))
        complain(r, "the value of '--", name, "' is not UTF-8");
    return value;
}

static const char *option_flag(struct reader *r, struct gw_str name, struct gw_str inline_value)
{
    if (inline_value.p)
        complain(r, "'--", name, "' takes no value");
    return "";
}

static bool take_global(struct reader *r, struct gw_str name, struct gw_str value)
{
    struct ctl_line *line = r->line;

    if (gw_str_is(name, "socket")) {
        line->socket = option_value(r, name, value);
        if (line->socket && !*line->socket)
            complain(r, "the value of '--", name, "' is empty");
        return true;
    }
    if (gw_str_is(name, "json"))
        line->json = true;
    else if (gw_str_is(name, "help"))
        line->help = true;
    else if (gw_str_is(name, "version"))
        line->version = true;
    else
        return false;
    (void)option_flag(r, name, value);
    return true;
}

static bool take_own(struct reader *r, struct gw_str name, struct gw_str value)
{
    const struct ctl_command *command = r->line->command;
    size_t i;

    for (i = 0; command && command->options && command->options[i].name; i++) {
        const struct ctl_option *o = &command->options[i];
        const char **slot = &r->line->value[i];

        if (!gw_str_is(name, o->name))
            continue;
        if (*slot)
            complain(r, "'--", name, "' is there twice");
        *slot = o->value ? option_value(r, name, value) : option_flag(r, name, value);
        return true;
    }
    return false;
}

static void take_option(struct reader *r, const char *text)
{
    struct gw_str name = gw_str_of(text + 2), value = { NULL, 0 };

    if (gw_str_cut(name, "=", &name, &value) && !value.p)
        value = GW_STR("");
    if (take_global(r, name, value) || take_own(r, name, value))
        return;
    if (r->line->command)
        complain(r, "there is no option '--", name, "' here");
    else
        complain(r, "there is no option '--", name, "', or it must follow the command");
}

/* "-5" is a value; of the short options there is "-h" only. */
static bool is_argument(const struct reader *r, const char *text)
{
    return r->options_end || text[0] != '-' || text[1] == '\0' ||
           (text[1] >= '0' && text[1] <= '9');
}

static void take(struct reader *r, const char *text)
{
    if (is_argument(r, text))
        take_argument(r, text);
    else if (strcmp(text, "--") == 0)
        r->options_end = true;
    else if (strcmp(text, "-h") == 0)
        r->line->help = true;
    else if (text[1] == '-')
        take_option(r, text);
    else
        complain(r, "there is no option '", gw_str_of(text), "'");
}

/* --- how many arguments there must be: "KEY VALUE", "[USER]", "NAME..." */

static void check_arguments(struct reader *r)
{
    const struct ctl_line *line = r->line;
    struct gw_str rest = gw_str_of(line->command->args), name;
    size_t i;

    for (i = 0; rest.len > 0; i++) {
        bool many = false;

        if (!gw_str_cut(rest, " ", &name, &rest)) {
            name = rest;
            rest = GW_STR("");
        }
        many = gw_str_ends(name, "...");
        if (i >= line->args_count && name.p[0] != '[')
            complain(r, "", name, " is missing");
        else if (i < line->args_count && !*line->args[i] && !gw_str_is(name, "VALUE"))
            complain(r, "", name, " is empty");
        if (many && i < line->args_count)
            i = line->args_count - 1;
    }
    if (line->args_count > i)
        complain(r, "'", gw_str_of(line->args[i]), "' is too much");
}

static void check_line(struct reader *r)
{
    const struct ctl_line *line = r->line;

    if (line->help || line->version)
        return;
    if (!line->command && line->words_count)
        complain(r, "'", gw_str_of(line->words[line->words_count - 1]), "' needs a further word");
    else if (!line->command)
        complain(r, "a command is missing", GW_STR(""), "");
    else
        check_arguments(r);
}

bool ctl_line_parse(const struct ctl_command *commands, int argc, char **argv,
                    struct ctl_line *line, struct gw_buf *wrong)
{
    struct reader r = {
        .commands = commands, .line = line, .wrong = wrong, .argv = argv, .argc = argc
    };

    *line = (struct ctl_line){ 0 };
    line->args = gw_realloc(NULL, (size_t)argc + 1, sizeof(*line->args));
    for (r.at = 1; r.at < argc; r.at++)
        take(&r, argv[r.at]);
    check_line(&r);
    return wrong->len == 0;
}

void ctl_line_done(struct ctl_line *line)
{
    free(line->args);
    line->args = NULL;
}
