/* Not libxml2's HTML parser: for each tag that opens it looks through all that are open, which a reply of
 * nothing but tags makes slow. What is wanted here is text and where its lines end; one look at each
 * byte tells that. */
#include "bridge_plain.h"

#include <string.h>

enum { LINE_MAX_BYTES = 4096, TAG_NAME_MAX = 16, UTF8_MAX = 4 };

/* ---- characters */

static const struct {
    const char *name;
    uint32_t cp;
} entities[] = {
    { "amp", '&' },       { "lt", '<' },       { "gt", '>' },       { "quot", '"' },
    { "apos", '\'' },     { "nbsp", ' ' },     { "ensp", ' ' },     { "emsp", ' ' },
    { "shy", 0xad },      { "auml", 0xe4 },    { "ouml", 0xf6 },    { "uuml", 0xfc },
    { "Auml", 0xc4 },     { "Ouml", 0xd6 },    { "Uuml", 0xdc },    { "szlig", 0xdf },
    { "agrave", 0xe0 },   { "aacute", 0xe1 },  { "acirc", 0xe2 },   { "aring", 0xe5 },
    { "aelig", 0xe6 },    { "ccedil", 0xe7 },  { "egrave", 0xe8 },  { "eacute", 0xe9 },
    { "ecirc", 0xea },    { "euml", 0xeb },    { "igrave", 0xec },  { "iacute", 0xed },
    { "icirc", 0xee },    { "ntilde", 0xf1 },  { "ograve", 0xf2 },  { "oacute", 0xf3 },
    { "ocirc", 0xf4 },    { "oslash", 0xf8 },  { "ugrave", 0xf9 },  { "uacute", 0xfa },
    { "ucirc", 0xfb },    { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 },
    { "rsquo", 0x2019 },  { "ldquo", 0x201c }, { "rdquo", 0x201d }, { "bull", 0x2022 },
    { "hellip", 0x2026 }, { "euro", 0x20ac },
};

static void utf8_add(struct gw_buf *out, uint32_t cp)
{
    if (cp < 0x80) {
        gw_buf_add_char(out, (char)cp);
    } else if (cp < 0x800) {
        gw_buf_add_char(out, (char)(0xc0 | cp >> 6));
        gw_buf_add_char(out, (char)(0x80 | (cp & 0x3f)));
    } else if (cp < 0x10000) {
        gw_buf_add_char(out, (char)(0xe0 | cp >> 12));
        gw_buf_add_char(out, (char)(0x80 | (cp >> 6 & 0x3f)));
        gw_buf_add_char(out, (char)(0x80 | (cp & 0x3f)));
    } else {
        gw_buf_add_char(out, (char)(0xf0 | cp >> 18));
        gw_buf_add_char(out, (char)(0x80 | (cp >> 12 & 0x3f)));
        gw_buf_add_char(out, (char)(0x80 | (cp >> 6 & 0x3f)));
        gw_buf_add_char(out, (char)(0x80 | (cp & 0x3f)));
    }
}

static bool is_space(uint32_t cp)
{
    return cp <= ' ' || (cp >= 0x7f && cp <= 0xa0) || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000;
}

/* Byte order marks, joiners, and what turns the direction of writing or hides text. */
static bool is_invisible(uint32_t cp)
{
    return cp == 0xad || (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || (cp >= 0xd800 && cp <= 0xdfff) || cp == 0xfeff ||
           (cp >= 0xfff0 && cp <= 0xfffb) || (cp & 0xfffe) == 0xfffe || cp >= 0xe0000;
}

/* ---- lines */

struct plain {
    struct gw_buf line;
    struct gw_buf *out;
    size_t from; /* of out, where the text begins */
    bool ended;  /* a signature has begun, or there is enough */
};

static bool is_one_of(uint32_t cp, const char *chars)
{
    struct gw_str rest = gw_str_of(chars);
    uint32_t c;
    size_t n;

    while ((n = gw_utf8_decode(rest, &c)) > 0) {
        if (c == cp)
            return true;
        rest = gw_str_sub(rest, n, rest.len);
    }
    return false;
}

/* "-- ", "_____", "―――": nothing but lines. */
static bool is_separator(struct gw_str line)
{
    uint32_t cp;
    size_t count = 0, n;

    for (; (n = gw_utf8_decode(line, &cp)) > 0; line = gw_str_sub(line, n, line.len), count++)
        if (!is_one_of(cp, "-_=*~\xe2\x80\x95\xe2\x80\x94\xe2\x94\x80\xe2\x94\x81\xe3\x83\xbc"))
            return false;
    return count >= 2;
}

static bool is_closing(struct gw_str line)
{
    static const char *const closing[] = {
        "regards",
        "kind regards",
        "best regards",
        "best wishes",
        "best",
        "sincerely",
        "yours sincerely",
        "many thanks",
        "thanks",
        "cheers",
        "mit freundlichen gr",
        "viele gr",
        "beste gr",
        "freundliche gr",
        "cordialement",
        "saludos",
        "\xe6\x95\xac\xe5\x85\xb7", /* 敬具 */
    };

    while (line.len && (gw_str_ends(line, ",") || gw_str_ends(line, ".") || gw_str_ends(line, "!")))
        line.len--;
    for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
        struct gw_str c = gw_str_of(closing[i]);

        if (gw_str_ieq(line, c) || (gw_str_ends(c, " gr") && line.len < c.len + 12 &&
                                    gw_str_ieq(gw_str_sub(line, 0, c.len), c)))
            return true;
    }
    return false;
}

static void ellipsis_add(struct gw_buf *out, size_t from)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    struct gw_str text = gw_str_sub(gw_buf_str(out), from, out->len);

    out->len = from + gw_str_utf8_cut(text, BRIDGE_REPLY_MAX - (sizeof(ellipsis) - 1)).len;
    gw_buf_add_cstr(out, ellipsis);
}

static void line_end(struct plain *p)
{
    struct gw_str line = gw_str_trim(gw_buf_str(&p->line));
    bool is_first = p->out->len == p->from;

    if (line.len && !p->ended) {
        if (!is_first && (is_separator(line) || is_closing(line))) {
            p->ended = true;
        } else if (!is_separator(line)) {
            if (!is_first)
                gw_buf_add_char(p->out, ' ');
            /* Enough to see that it is too long: who gives the room need not have it for the whole. */
            gw_buf_add_str(p->out, gw_str_utf8_cut(line, BRIDGE_REPLY_MAX + UTF8_MAX -
                                                             (p->out->len - p->from)));
        }
        if (p->out->len - p->from > BRIDGE_REPLY_MAX) {
            ellipsis_add(p->out, p->from);
            p->ended = true;
        }
    }
    gw_buf_reset(&p->line);
}

static void char_add(struct plain *p, uint32_t cp)
{
    bool after_space = !p->line.len || p->line.p[p->line.len - 1] == ' ';

    if (is_space(cp)) {
        if (!after_space)
            gw_buf_add_char(&p->line, ' ');
    } else if (!is_invisible(cp)) {
        utf8_add(&p->line, cp);
    }
    if (p->line.len > LINE_MAX_BYTES - 8)
        line_end(p);
}

/* ---- HTML */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_in(struct gw_str name, const char *const *names)
{
    for (; *names; names++)
        if (gw_str_iis(name, *names))
            return true;
    return false;
}

/* What text follows "&": the bytes that it takes, 0 when it is no reference. */
static size_t reference(struct gw_str s, uint32_t *cp)
{
    struct gw_str name;
    size_t n = 1;
    int64_t number = 0;

    if (n < s.len && s.p[n] == '#') {
        bool hex = ++n < s.len && (s.p[n] == 'x' || s.p[n] == 'X');
        size_t first = n += hex;

        for (; n < s.len && n < first + 8; n++) {
            char c = s.p[n];
            int digit = c >= '0' && c <= '9'          ? c - '0'
                        : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                      : -1;

            if (digit < 0)
                break;
            number = number * (hex ? 16 : 10) + digit;
        }
        *cp = number > 0 && number <= 0x10ffff ? (uint32_t)number : 0xfffd;
        return n == first ? 0 : n + (n < s.len && s.p[n] == ';');
    }
    while (n < s.len && n < 10 && is_name_char(s.p[n]))
        n++;
    name = gw_str_sub(s, 1, n);
    if (n == s.len || s.p[n] != ';')
        return 0;
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (gw_str_is(name, entities[i].name)) {
            *cp = entities[i].cp;
            return n + 1;
        }
    return 0;
}

/* Behind the end of a tag that begins here: a '>' in quotes does not end it. */
static size_t tag_end(struct gw_str s)
{
    char quote = 0;

    for (size_t i = 1; i < s.len; i++) {
        if (quote)
            quote = s.p[i] == quote ? 0 : quote;
        else if (s.p[i] == '>')
            return i + 1;
        else if (s.p[i] == '"' || s.p[i] == '\'')
            quote = s.p[i];
    }
    return s.len;
}

/* Behind "</name", or at the end. */
static size_t element_end(struct gw_str s, struct gw_str name)
{
    for (size_t i = 0; i + 2 + name.len <= s.len; i++)
        if (s.p[i] == '<' && s.p[i + 1] == '/' &&
            gw_str_ieq(gw_str_sub(s, i + 2, i + 2 + name.len), name))
            return i + tag_end(gw_str_sub(s, i, s.len));
    return s.len;
}

static size_t comment_end(struct gw_str s)
{
    struct gw_str before;

    return gw_str_cut(s, "-->", &before, NULL) ? before.len + 3 : s.len;
}

static bool is_tag_of(struct gw_str s, struct gw_str name)
{
    return gw_str_ieq(gw_str_sub(s, 0, name.len), name) &&
           (s.len == name.len || !is_name_char(s.p[name.len]));
}

/* Behind the end of an element that is open here, with all of its name that are in it; or at the end. */
static size_t nested_end(struct gw_str s, struct gw_str name)
{
    size_t depth = 1;

    for (size_t i = 0; i + 1 < s.len; i++) {
        bool closes = s.p[i] == '<' && s.p[i + 1] == '/';

        if (s.p[i] != '<' || !is_tag_of(gw_str_sub(s, i + 1 + closes, s.len), name))
            continue;
        depth += closes ? -(size_t)1 : 1;
        if (!depth)
            return i + tag_end(gw_str_sub(s, i, s.len));
    }
    return s.len;
}

static size_t skip(struct gw_str s, size_t at, const char *word)
{
    size_t end = at + strlen(word);

    while (at < s.len && s.p[at] == ' ')
        at++, end++;
    return gw_str_iis(gw_str_sub(s, at, end), word) ? end : 0;
}

/* "display: none" among the styles of a tag, as mailings have it for what only the preview shows. */
static bool is_undisplayed(struct gw_str tag)
{
    for (size_t i = 0; i < tag.len; i++) {
        size_t at = tag.p[i] == 'd' || tag.p[i] == 'D' ? skip(tag, i, "display") : 0;

        if (at && (at = skip(tag, at, ":")) && skip(tag, at, "none"))
            return true;
    }
    return false;
}

/* What begins with '<': the bytes that it takes, 0 when it is no markup. */
static size_t markup(struct plain *p, struct gw_str s)
{
    static const char *const hidden[] = { "head", "style", "script", "title", "xml", NULL };
    static const char *const empty[] = { "br",   "hr",   "img", "input", "meta",
                                         "link", "area", "col", "wbr",   NULL };
    static const char *const breaks[] = { "br", "p",  "div", "li", "tr", "td",         "th", "h1",
                                          "h2", "h3", "h4",  "ul", "ol", "blockquote", "hr", NULL };
    size_t n = 1, end;
    bool closes = s.len > 1 && s.p[1] == '/';
    struct gw_str name;

    if (gw_str_starts(s, "<!--"))
        return comment_end(s);
    if (s.len > 1 && (s.p[1] == '!' || s.p[1] == '?'))
        return tag_end(s);
    n += closes;
    while (n < s.len && n < TAG_NAME_MAX && is_name_char(s.p[n]))
        n++;
    name = gw_str_sub(s, 1 + closes, n);
    if (!name.len)
        return 0;
    end = tag_end(s);
    if (name_is_in(name, breaks))
        line_end(p);
    if (!closes && name_is_in(name, hidden))
        return end + element_end(gw_str_sub(s, end, s.len), name);
    if (!closes && !name_is_in(name, empty) && is_undisplayed(gw_str_sub(s, n, end)))
        return end + nested_end(gw_str_sub(s, end, s.len), name);
    return end;
}

static bool has_markup(struct gw_str s)
{
    return gw_str_cut(s, "</", NULL, NULL) || gw_str_cut(s, "<br", NULL, NULL) ||
           gw_str_cut(s, "<BR", NULL, NULL) || gw_str_cut(s, "<p>", NULL, NULL);
}

/* In HTML the end of a line is a space, in text it ends a line. */
static size_t step(struct plain *p, struct gw_str s, bool html)
{
    uint32_t cp = 0xfffd;
    size_t n = 0;

    if (!html && s.p[0] == '\n') {
        line_end(p);
        return 1;
    }
    if (html && s.p[0] == '<')
        n = markup(p, s);
    if (n)
        return n;
    if (html && s.p[0] == '&')
        n = reference(s, &cp);
    if (!n)
        n = gw_utf8_decode(s, &cp);
    char_add(p, n ? cp : ' ');
    return n ? n : 1;
}

void bridge_plain_write(struct gw_str source, struct gw_buf *out)
{
    struct plain p = { .out = out, .from = out->len };
    struct gw_str rest = gw_str_utf8_cut(source, BRIDGE_REPLY_SOURCE_MAX);
    bool html = has_markup(rest);

    gw_buf_init(&p.line, LINE_MAX_BYTES);
    while (rest.len && !p.ended)
        rest = gw_str_sub(rest, step(&p, rest, html), rest.len);
    line_end(&p);
    gw_buf_done(&p.line);
}
