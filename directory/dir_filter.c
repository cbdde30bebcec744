/* Parsed by recursive descent, of bounded depth, into an array of nodes: a node stands behind those that
 * it needs, so that the last one is the root. */
#include "dir_filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

enum op { OP_AND, OP_OR, OP_NOT, OP_IS, OP_CONTAINS, OP_PREFIX };

struct node {
    enum op op;
    uint8_t left, right;           /* AND, OR; NOT: left */
    const struct dir_field *field; /* the others */
    struct gw_str value;
    const struct dir_field *other; /* whose text is the value; NULL: it is 'value' */
    bool flag;
};

struct dir_filter {
    char *text; /* has the values */
    size_t count;
    struct node node[DIR_FILTER_NODES_MAX];
};

/* --- words */

struct reader {
    struct gw_str rest;
    struct dir_filter *filter;
    struct gw_err *err;
    int depth;
};

static bool is_word(char c)
{
    return (unsigned char)c > ' ' && !strchr("()=!'\"", c);
}

/* Without taking it: a word, a quoted value with its quotes, or a sign; empty at the end. */
static struct gw_str peek(struct reader *r)
{
    size_t n = 0;

    r->rest = gw_str_trim(r->rest);
    while (n < r->rest.len && is_word(r->rest.p[n]))
        n++;
    if (n || !r->rest.len)
        return gw_str_sub(r->rest, 0, n);
    if (*r->rest.p == '\'' || *r->rest.p == '"') {
        ptrdiff_t end = gw_str_find(gw_str_sub(r->rest, 1, r->rest.len), *r->rest.p);

        return gw_str_sub(r->rest, 0, end < 0 ? r->rest.len : (size_t)end + 2);
    }
    return gw_str_sub(r->rest, 0, gw_str_starts(r->rest, "!=") ? 2 : 1);
}

static void take(struct reader *r, struct gw_str word)
{
    r->rest = gw_str_sub(r->rest, word.len, r->rest.len);
}

static bool accept(struct reader *r, const char *word)
{
    struct gw_str next = peek(r);

    if (!gw_str_iis(next, word))
        return false;
    take(r, next);
    return true;
}

static enum gw_code expected(struct reader *r, const char *what)
{
    struct gw_str next = peek(r);
    char quoted[GW_QUOTE_MAX];

    return gw_fail(r->err, GW_INVALID, "filter: %s is expected %s %s", what,
                   next.len ? "at" : "at its", next.len ? gw_quote(next, quoted) : "end");
}

/* --- grammar: each function gives the number of the node it made */

static enum gw_code add(struct reader *r, struct node node, uint8_t *out)
{
    if (r->filter->count >= DIR_FILTER_NODES_MAX)
        return gw_fail(r->err, GW_INVALID, "filter: more than %d comparisons and connections",
                       DIR_FILTER_NODES_MAX);
    *out = (uint8_t)r->filter->count;
    r->filter->node[r->filter->count++] = node;
    return GW_OK;
}

static enum gw_code value_read(struct reader *r, struct gw_str *out)
{
    struct gw_str next = peek(r);
    bool is_quoted = next.len && (*next.p == '\'' || *next.p == '"');

    if (!next.len || (!is_quoted && !is_word(*next.p)))
        return expected(r, "a value");
    if (is_quoted && (next.len < 2 || next.p[next.len - 1] != *next.p))
        return gw_fail(r->err, GW_INVALID, "filter: a quotation mark is missing at the end");
    take(r, next);
    *out = is_quoted ? gw_str_sub(next, 1, next.len - 1) : next;
    return GW_OK;
}

/* "[user]", without quotes. */
static enum gw_code other_read(struct reader *r, struct node *node)
{
    struct gw_str next = peek(r), name = gw_str_sub(next, 1, next.len ? next.len - 1 : 0);

    if (next.len < 2 || *next.p != '[' || next.p[next.len - 1] != ']')
        return value_read(r, &node->value);
    node->other = dir_field_find(name);
    if (!node->other || node->other->is_flag)
        return expected(r, "a field of text in brackets, or a value");
    take(r, next);
    return GW_OK;
}

static enum gw_code flag_read(struct reader *r, struct node *node)
{
    bool negated = accept(r, "!=");
    struct gw_str value;
    enum gw_code code;

    node->flag = true;
    if (!negated && !accept(r, "="))
        return GW_OK;
    code = value_read(r, &value);
    if (!code && !dir_flag_parse(value, &node->flag))
        code = gw_fail(r->err, GW_INVALID, "filter: %s is yes or no", node->field->name);
    node->flag ^= negated;
    return code;
}

static enum gw_code text_read(struct reader *r, struct node *node, bool *negated)
{
    *negated = accept(r, "!=");
    if (accept(r, "contains"))
        node->op = OP_CONTAINS;
    else if (accept(r, "prefix"))
        node->op = OP_PREFIX;
    else if (!*negated && !accept(r, "="))
        return expected(r, "=, !=, contains or prefix");
    return other_read(r, node);
}

static enum gw_code comparison(struct reader *r, uint8_t *out)
{
    struct gw_str name = peek(r);
    struct node node = { .op = OP_IS, .field = dir_field_find(name) };
    bool negated = false;
    enum gw_code code;

    if (!node.field)
        return expected(r, "a field (such as user, domain, department, group, zone, im)");
    take(r, name);
    code = node.field->is_flag ? flag_read(r, &node) : text_read(r, &node, &negated);
    if (!code)
        code = add(r, node, out);
    if (!code && negated)
        code = add(r, (struct node){ .op = OP_NOT, .left = *out }, out);
    return code;
}

static enum gw_code expression(struct reader *r, uint8_t *out);

static enum gw_code factor(struct reader *r, uint8_t *out)
{
    enum gw_code code;

    if (r->depth >= DIR_FILTER_DEPTH_MAX)
        return gw_fail(r->err, GW_INVALID, "filter: nested more than %d deep",
                       DIR_FILTER_DEPTH_MAX);
    r->depth++;
    if (accept(r, "not")) {
        code = factor(r, out);
        if (!code)
            code = add(r, (struct node){ .op = OP_NOT, .left = *out }, out);
    } else if (accept(r, "(")) {
        code = expression(r, out);
        if (!code && !accept(r, ")"))
            code = expected(r, "')', 'and' or 'or'");
    } else {
        code = comparison(r, out);
    }
    r->depth--;
    return code;
}

static enum gw_code chain(struct reader *r, enum op op, uint8_t *out)
{
    const char *word = op == OP_AND ? "and" : "or";
    struct node node = { .op = op };
    enum gw_code code = op == OP_AND ? factor(r, out) : chain(r, OP_AND, out);

    while (!code && accept(r, word)) {
        node.left = *out;
        code = op == OP_AND ? factor(r, &node.right) : chain(r, OP_AND, &node.right);
        if (!code)
            code = add(r, node, out);
    }
    return code;
}

static enum gw_code expression(struct reader *r, uint8_t *out)
{
    return chain(r, OP_OR, out);
}

enum gw_code dir_filter_parse(struct gw_str text, struct dir_filter **out, struct gw_err *err)
{
    struct dir_filter *filter;
    struct reader r = { .err = err };
    uint8_t root;
    enum gw_code code;

    if (text.len > DIR_FILTER_MAX)
        return gw_fail(err, GW_INVALID, "filter: longer than %d bytes", DIR_FILTER_MAX);
    if (!gw_str_is_utf8(text))
        return gw_fail(err, GW_INVALID, "filter: not UTF-8 text");
    filter = gw_new(struct dir_filter);
    filter->text = gw_str_dup(text);
    r.filter = filter;
    r.rest = (struct gw_str){ filter->text, text.len };
    code = expression(&r, &root);
    if (!code && peek(&r).len)
        code = expected(&r, "'and' or 'or'");
    if (code) {
        dir_filter_free(&filter);
        return code;
    }
    assert(root == filter->count - 1);
    *out = filter;
    return GW_OK;
}

void dir_filter_free(struct dir_filter **fp)
{
    struct dir_filter *f = *fp;

    if (!f)
        return;
    *fp = NULL;
    free(f->text);
    free(f);
}

/* --- matching */

static bool contains(struct gw_str text, struct gw_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (gw_str_ieq(gw_str_sub(text, i, i + part.len), part))
            return true;
    return false;
}

static bool node_matches(const struct node *n, const bool *done, const struct dir_user *u)
{
    struct gw_str text, value;

    switch (n->op) {
    case OP_AND:
        return done[n->left] && done[n->right];
    case OP_OR:
        return done[n->left] || done[n->right];
    case OP_NOT:
        return !done[n->left];
    case OP_IS:
    case OP_CONTAINS:
    case OP_PREFIX:
        break;
    }
    if (n->field->is_flag)
        return dir_user_flag(u, n->field) == n->flag;
    text = dir_user_text(u, n->field);
    value = n->other ? dir_user_text(u, n->other) : n->value;
    if (n->op == OP_CONTAINS)
        return contains(text, value);
    if (n->op == OP_PREFIX)
        text = gw_str_sub(text, 0, value.len);
    return gw_str_ieq(text, value);
}

bool dir_filter_matches(const struct dir_filter *f, const struct dir_user *u)
{
    bool done[DIR_FILTER_NODES_MAX];

    for (size_t i = 0; i < f->count; i++)
        done[i] = node_matches(&f->node[i], done, u);
    return done[f->count - 1];
}
