#include "mock_filter.h"

#include "mock_names.h"
#include "mock_soap.h"

enum { FILTER_DEPTH_MAX = 16 };

/* --- properties */

enum kind { TEXT, NUMBER, TRUTH };

struct value {
    bool exists;
    struct gw_str text;
    int64_t number; /* a time, or 0 and 1 */
};

static struct value text_of(const char *text)
{
    return (struct value){ .exists = text, .text = gw_str_of(text) };
}

static struct value number_of(int64_t n)
{
    return (struct value){ .exists = true, .number = n };
}

static struct value subject(const struct mock_item *i)
{
    return text_of(i->data.subject);
}

static struct value location(const struct mock_item *i)
{
    return text_of(i->data.location);
}

static struct value class(const struct mock_item *i)
{
    (void)i;
    return text_of("IPM.Appointment");
}

static struct value sensitivity(const struct mock_item *i)
{
    return text_of(mock_sensitivity_name(i->data.sensitivity));
}

static struct value busy(const struct mock_item *i)
{
    return text_of(gw_busy_name(i->data.busy));
}

static struct value response(const struct mock_item *i)
{
    return text_of(mock_response_name(i->data.response));
}

static struct value type(const struct mock_item *i)
{
    return text_of(mock_item_type_name(mock_item_type(i)));
}

static struct value start(const struct mock_item *i)
{
    return number_of(i->data.start);
}

static struct value end(const struct mock_item *i)
{
    return number_of(i->data.end);
}

static struct value all_day(const struct mock_item *i)
{
    return number_of(i->data.all_day);
}

static struct value meeting(const struct mock_item *i)
{
    return number_of(i->data.meeting);
}

static struct value cancelled(const struct mock_item *i)
{
    return number_of(i->data.cancelled);
}

static const struct property {
    const char *uri;
    enum kind kind;
    struct value (*of)(const struct mock_item *item);
} property[] = {
    { "item:Subject", TEXT, subject },
    { "item:ItemClass", TEXT, class },
    { "item:Sensitivity", TEXT, sensitivity },
    { "calendar:Location", TEXT, location },
    { "calendar:LegacyFreeBusyStatus", TEXT, busy },
    { "calendar:MyResponseType", TEXT, response },
    { "calendar:CalendarItemType", TEXT, type },
    { "calendar:Start", NUMBER, start },
    { "calendar:End", NUMBER, end },
    { "calendar:IsAllDayEvent", TRUTH, all_day },
    { "calendar:IsMeeting", TRUTH, meeting },
    { "calendar:IsCancelled", TRUTH, cancelled },
};

static const struct property *property_of(const struct xml_node *node)
{
    struct gw_str uri = xml_attr(xml_child(node, MOCK_NS_TYPES, "FieldURI"), "FieldURI");

    for (size_t i = 0; i < sizeof(property) / sizeof(*property); i++)
        if (gw_str_is(uri, property[i].uri))
            return &property[i];
    return NULL;
}

static int64_t sign(int64_t n)
{
    return n < 0 ? -1 : n > 0;
}

/* Texts as people sort them, case-blind; what is not there comes first. */
static int text_compare(struct gw_str a, struct gw_str b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];

        x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (int)sign((int64_t)a.len - (int64_t)b.len);
}

static int compare(enum kind kind, const struct value *a, const struct value *b)
{
    if (kind == TEXT)
        return text_compare(a->text, b->text);
    return (int)sign(a->number - b->number);
}

static bool constant_read(enum kind kind, struct gw_str text, struct value *out)
{
    static const char *const truth[] = { "false", "true", "0", "1", NULL };
    int word;

    *out = (struct value){ .exists = true, .text = text };
    if (kind == NUMBER)
        return !gw_utc_parse(text, &out->number, NULL);
    if (kind == TEXT)
        return true;
    for (word = 0; truth[word] && !gw_str_iis(text, truth[word]); word++)
        ;
    out->number = word % 2;
    return truth[word];
}

/* --- one condition */

enum { LESS = 1, EQUAL = 2, GREATER = 4 };

static const struct {
    const char *element;
    int passes;
} comparison[] = {
    { "IsEqualTo", EQUAL },       { "IsNotEqualTo", LESS | GREATER },
    { "IsLessThan", LESS },       { "IsLessThanOrEqualTo", LESS | EQUAL },
    { "IsGreaterThan", GREATER }, { "IsGreaterThanOrEqualTo", GREATER | EQUAL },
};

struct filtering {
    const struct mock_item *item;
    const char *code; /* the first that was found wrong */
};

static bool fails(struct filtering *f, const char *code)
{
    f->code = f->code ? f->code : code;
    return false;
}

static bool compares(struct filtering *f, const struct xml_node *node, int passes)
{
    const struct property *p = property_of(node);
    const struct xml_node *other = xml_child(node, MOCK_NS_TYPES, "FieldURIOrConstant");
    const struct xml_node *constant = xml_child(other, MOCK_NS_TYPES, "Constant");
    struct value own, wanted;
    int order;

    if (!p || !constant)
        return fails(f, "ErrorUnsupportedPathForQuery");
    if (!constant_read(p->kind, xml_attr(constant, "Value"), &wanted))
        return fails(f, "ErrorInvalidValueForProperty");
    own = p->of(f->item);
    order = compare(p->kind, &own, &wanted);
    return passes & (order < 0 ? LESS : order ? GREATER : EQUAL);
}

static bool contains(struct filtering *f, const struct xml_node *node)
{
    const struct property *p = property_of(node);
    const struct xml_node *constant = xml_child(node, MOCK_NS_TYPES, "Constant");
    struct gw_str mode = xml_attr(node, "ContainmentMode"), wanted = xml_attr(constant, "Value");
    bool anywhere = gw_str_is(mode, "Substring"), whole = !mode.p || gw_str_is(mode, "FullString");
    struct gw_str own;

    if (!p || p->kind != TEXT || !constant)
        return fails(f, "ErrorUnsupportedPathForQuery");
    if (!anywhere && !whole && !gw_str_is(mode, "Prefixed"))
        return fails(f, "ErrorUnsupportedQueryFilter");
    own = p->of(f->item).text;
    for (size_t at = 0; at == 0 || (anywhere && at + wanted.len <= own.len); at++)
        if (!text_compare(whole ? own : gw_str_sub(own, at, at + wanted.len), wanted))
            return true;
    return false;
}

static bool exists(struct filtering *f, const struct xml_node *node)
{
    const struct property *p = property_of(node);

    return p ? p->of(f->item).exists : fails(f, "ErrorUnsupportedPathForQuery");
}

/* --- and, or, not. Everything is looked at, so that what is wrong shows for any item. */

static bool passes(struct filtering *f, const struct xml_node *node, int depth);

static bool passes_some(struct filtering *f, const struct xml_node *node, bool all, int depth)
{
    bool result = all;

    if (!node->child)
        return fails(f, "ErrorUnsupportedQueryFilter");
    for (const struct xml_node *n = node->child; n; n = n->next) {
        bool one = passes(f, n, depth);

        result = all ? result && one : result || one;
    }
    return result;
}

static bool passes(struct filtering *f, const struct xml_node *node, int depth)
{
    if (!node || depth == FILTER_DEPTH_MAX)
        return fails(f, "ErrorUnsupportedQueryFilter");
    for (size_t i = 0; i < sizeof(comparison) / sizeof(*comparison); i++)
        if (xml_is(node, MOCK_NS_TYPES, comparison[i].element))
            return compares(f, node, comparison[i].passes);
    if (xml_is(node, MOCK_NS_TYPES, "And") || xml_is(node, MOCK_NS_TYPES, "Or"))
        return passes_some(f, node, xml_is(node, MOCK_NS_TYPES, "And"), depth + 1);
    if (xml_is(node, MOCK_NS_TYPES, "Not"))
        return !passes(f, node->child, depth + 1);
    if (xml_is(node, MOCK_NS_TYPES, "Contains"))
        return contains(f, node);
    if (xml_is(node, MOCK_NS_TYPES, "Exists"))
        return exists(f, node);
    return fails(f, "ErrorUnsupportedQueryFilter");
}

bool mock_filter_passes(const struct xml_node *restriction, const struct mock_item *item)
{
    struct filtering f = { .item = item };

    return !restriction || passes(&f, restriction->child, 0);
}

const char *mock_filter_check(const struct xml_node *restriction)
{
    static const struct mock_item any = { .day = MOCK_NO_DAY };
    struct filtering f = { .item = &any };

    if (restriction)
        (void)passes(&f, restriction->child, 0);
    return f.code;
}

/* --- order */

const char *mock_sort_check(const struct xml_node *sort_order)
{
    const struct xml_node *n = sort_order ? sort_order->child : NULL;

    for (; n; n = n->next)
        if (!property_of(n))
            return "ErrorUnsupportedPathForSortGroup";
    return NULL;
}

int mock_sort_compare(const struct xml_node *sort_order, const struct mock_item *a,
                      const struct mock_item *b)
{
    const struct xml_node *n = sort_order ? sort_order->child : NULL;

    for (; n; n = n->next) {
        const struct property *p = property_of(n);
        struct value x = p->of(a), y = p->of(b);
        int order = compare(p->kind, &x, &y);

        if (order)
            return gw_str_is(xml_attr(n, "Order"), "Descending") ? -order : order;
    }
    if (a->data.start != b->data.start)
        return a->data.start < b->data.start ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}
