/* What libxml2 leaves open is decided here, before it sees a byte: how deep, how many elements, how
 * many attributes (it compares each with each), no DTD at all. For streams it also finds where a
 * stanza ends. Whether the rest is well-formed is libxml2's business: the scanner accepts more than
 * XML, never less, and where both see a tag they see the same one, since the only bytes that
 * matter here are ASCII and the text is UTF-8. */
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "xml_priv.h"

enum { OPEN_FIRST = 8 };

void xml_scan_done(struct xml_scan *s)
{
    free(s->open);
    s->open = NULL;
    s->open_cap = 0;
}

static enum xml_token refuse(struct xml_scan *s, enum xml_token how, const char *reason)
{
    s->reason = reason;
    return how;
}

static void take(struct gw_str *data, size_t len)
{
    data->p += len;
    data->len -= len;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool may_start_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (unsigned char)c >= 0x80;
}

static void scan_text(struct xml_scan *s, struct gw_str *data)
{
    ptrdiff_t at = gw_str_find(*data, '<');

    if (at < 0) {
        take(data, data->len);
        return;
    }
    take(data, (size_t)at + 1);
    s->state = XML_SCAN_LT;
}

static void until(struct xml_scan *s, enum xml_token token, char stop)
{
    s->state = XML_SCAN_UNTIL;
    s->until = token;
    s->stop = stop;
    s->run = 0;
}

static enum xml_token scan_lt(struct xml_scan *s, struct gw_str *data)
{
    char c = data->p[0];

    s->name = 2166136261; /* FNV-1a */
    if (may_start_name(c)) {
        s->state = XML_SCAN_START_NAME;
        return XML_TOKEN_NONE;
    }
    take(data, 1);
    if (c == '/') {
        s->state = XML_SCAN_END_NAME;
    } else if (c == '!') {
        s->state = XML_SCAN_BANG;
        s->run = 0;
    } else if (c == '?') {
        if (s->is_stream && (s->depth || s->is_declared))
            return refuse(s, XML_TOKEN_FORBIDDEN, "processing instruction");
        s->is_declared = true;
        until(s, XML_TOKEN_PI, '?');
    } else {
        return refuse(s, XML_TOKEN_BROKEN, "'<' without a name");
    }
    return XML_TOKEN_NONE;
}

/* "<!--", "<![CDATA[", and nothing else. */
static enum xml_token scan_bang(struct xml_scan *s, struct gw_str *data)
{
    static const char comment[] = "--", cdata[] = "[CDATA[";
    const char *want;
    char c = data->p[0];

    if (!s->run)
        s->stop = c;
    if (s->stop != '-' && s->stop != '[')
        return refuse(s, XML_TOKEN_FORBIDDEN, "document type declaration");
    if (s->stop == '-' && s->is_stream)
        return refuse(s, XML_TOKEN_FORBIDDEN, "comment");
    want = s->stop == '-' ? comment : cdata;
    if (c != want[s->run++])
        return refuse(s, XML_TOKEN_BROKEN, "'<!' without a meaning");
    take(data, 1);
    if (want[s->run])
        return XML_TOKEN_NONE;
    if (want == comment)
        until(s, XML_TOKEN_COMMENT, '-');
    else
        until(s, XML_TOKEN_CDATA, ']');
    return XML_TOKEN_NONE;
}

/* To "?>", "-->" or "]]>": a run of one byte, and '>'. */
static enum xml_token scan_until(struct xml_scan *s, struct gw_str *data)
{
    unsigned enough = s->until == XML_TOKEN_PI ? 1 : 2;

    for (size_t i = 0; i < data->len; i++) {
        char c = data->p[i];

        if (c == s->stop) {
            s->run += s->run < enough;
        } else if (c == '>' && s->run == enough) {
            take(data, i + 1);
            s->state = XML_SCAN_TEXT;
            return s->until;
        } else {
            s->run = 0;
        }
    }
    take(data, data->len);
    return XML_TOKEN_NONE;
}

/* A hash is enough: two names that collide are told apart by libxml2. */
static void scan_name(struct xml_scan *s, struct gw_str *data, enum xml_scan_state next)
{
    size_t i = 0;

    for (; i < data->len; i++) {
        char c = data->p[i];

        if ((unsigned char)c <= '>' &&
            (c == '>' || c == '/' || c == '=' || c == '<' || is_white(c))) {
            s->state = next;
            break;
        }
        s->name = (s->name ^ (unsigned char)c) * 16777619;
    }
    s->is_slash = false;
    s->attrs = 0;
    take(data, i);
}

static enum xml_token start_ends(struct xml_scan *s)
{
    s->state = XML_SCAN_TEXT;
    if (++s->nodes > s->nodes_max)
        return refuse(s, XML_TOKEN_LIMIT, "too many elements");
    if (s->depth >= s->depth_max)
        return refuse(s, XML_TOKEN_LIMIT, "elements nested too deep");
    if (s->is_slash)
        return XML_TOKEN_EMPTY;
    if (s->depth == s->open_cap) {
        s->open_cap = s->open_cap ? s->open_cap * 2 : OPEN_FIRST;
        s->open = gw_realloc(s->open, s->open_cap, sizeof(*s->open));
    }
    s->open[s->depth++] = s->name;
    return XML_TOKEN_START;
}

static enum xml_token scan_start(struct xml_scan *s, struct gw_str *data)
{
    for (size_t i = 0; i < data->len; i++) {
        char c = data->p[i];

        if (c == '>') {
            take(data, i + 1);
            return start_ends(s);
        }
        if (c == '"' || c == '\'') {
            take(data, i + 1);
            s->stop = c;
            s->state = XML_SCAN_QUOTED;
            return XML_TOKEN_NONE;
        }
        if (c == '=' && ++s->attrs > s->attrs_max)
            return refuse(s, XML_TOKEN_LIMIT, "too many attributes");
        if (c == '<' || c == '\0')
            return refuse(s, XML_TOKEN_BROKEN, "start tag without an end");
        s->is_slash = c == '/';
    }
    take(data, data->len);
    return XML_TOKEN_NONE;
}

static enum xml_token scan_quoted(struct xml_scan *s, struct gw_str *data)
{
    for (size_t i = 0; i < data->len; i++) {
        char c = data->p[i];

        if (c == '<')
            return refuse(s, XML_TOKEN_BROKEN, "'<' in an attribute value");
        if (c == s->stop) {
            take(data, i + 1);
            s->is_slash = false;
            s->state = XML_SCAN_START;
            return XML_TOKEN_NONE;
        }
    }
    take(data, data->len);
    return XML_TOKEN_NONE;
}

static enum xml_token scan_end(struct xml_scan *s, struct gw_str *data)
{
    for (size_t i = 0; i < data->len; i++) {
        if (is_white(data->p[i]))
            continue;
        if (data->p[i] != '>')
            return refuse(s, XML_TOKEN_BROKEN, "end tag without an end");
        if (!s->depth || s->open[s->depth - 1] != s->name)
            return refuse(s, XML_TOKEN_BROKEN, "end tag that does not match its start tag");
        s->depth--;
        take(data, i + 1);
        s->state = XML_SCAN_TEXT;
        return XML_TOKEN_END;
    }
    take(data, data->len);
    return XML_TOKEN_NONE;
}

static enum xml_token scan_step(struct xml_scan *s, struct gw_str *data)
{
    switch (s->state) {
    case XML_SCAN_TEXT:
        scan_text(s, data);
        return XML_TOKEN_NONE;
    case XML_SCAN_LT:
        return scan_lt(s, data);
    case XML_SCAN_BANG:
        return scan_bang(s, data);
    case XML_SCAN_UNTIL:
        return scan_until(s, data);
    case XML_SCAN_START_NAME:
        scan_name(s, data, XML_SCAN_START);
        return XML_TOKEN_NONE;
    case XML_SCAN_START:
        return scan_start(s, data);
    case XML_SCAN_QUOTED:
        return scan_quoted(s, data);
    case XML_SCAN_END_NAME:
        scan_name(s, data, XML_SCAN_END);
        return XML_TOKEN_NONE;
    case XML_SCAN_END:
        return scan_end(s, data);
    }
    return XML_TOKEN_NONE;
}

enum xml_token xml_scan_next(struct xml_scan *s, struct gw_str *data)
{
    enum xml_token token = XML_TOKEN_NONE;

    while (data->len && token == XML_TOKEN_NONE)
        token = scan_step(s, data);
    return token;
}

bool xml_encoding_is_ours(struct gw_str text)
{
    struct gw_str value;
    char quote;

    if (!gw_str_starts(text, "<?xml") || text.len < 6 || !is_white(text.p[5]))
        return true;
    if (!gw_str_cut(text, "?>", &text, NULL) || !gw_str_cut(text, "encoding", NULL, &text))
        return true;
    text = gw_str_trim(text);
    if (!gw_str_starts(text, "="))
        return false;
    text = gw_str_trim(gw_str_sub(text, 1, text.len));
    if (!text.len || (text.p[0] != '"' && text.p[0] != '\''))
        return false;
    quote = text.p[0];
    if (!gw_str_cut(gw_str_sub(text, 1, text.len), (char[]){ quote, '\0' }, &value, NULL))
        return false;
    return gw_str_iis(value, "utf-8") || gw_str_iis(value, "us-ascii");
}
