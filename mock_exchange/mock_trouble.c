#include "mock_trouble.h"

#include <stdlib.h>

#include "gw_mem.h"
#include "mock_random.h"

static const char *const kind_name[MOCK_TROUBLE_KINDS] = {
    [MOCK_TROUBLE_STATUS] = "status", [MOCK_TROUBLE_HTML] = "html",
    [MOCK_TROUBLE_FAULT] = "fault",   [MOCK_TROUBLE_HALF] = "half",
    [MOCK_TROUBLE_CUT] = "cut",       [MOCK_TROUBLE_CLOSE] = "close",
    [MOCK_TROUBLE_STALL] = "stall",   [MOCK_TROUBLE_DELAY] = "delay",
    [MOCK_TROUBLE_SLOW] = "slow",     [MOCK_TROUBLE_MALFORMED] = "malformed",
    [MOCK_TROUBLE_TYPE] = "type",     [MOCK_TROUBLE_REDIRECT] = "redirect",
};

const char mock_trouble_names[] = "status, html, fault, half, cut, close, stall, delay, slow, "
                                  "malformed, type, redirect";

const char *mock_trouble_name(enum mock_trouble_kind kind)
{
    return kind_name[kind];
}

bool mock_trouble_parse(struct gw_str name, enum mock_trouble_kind *out)
{
    for (int i = 0; i < MOCK_TROUBLE_KINDS; i++) {
        if (gw_str_is(name, kind_name[i])) {
            *out = (enum mock_trouble_kind)i;
            return true;
        }
    }
    return false;
}

void mock_troubles_init(struct mock_troubles *t)
{
    gw_list_init(&t->list);
    t->count = 0;
}

static void trouble_remove(struct mock_troubles *t, struct mock_trouble *trouble)
{
    gw_list_remove(&trouble->link);
    t->count--;
    free(trouble);
}

void mock_troubles_clear(struct mock_troubles *t)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&t->list)))
        trouble_remove(t, GW_CONTAINER(link, struct mock_trouble, link));
}

enum gw_code mock_troubles_add(struct mock_troubles *t, const struct mock_trouble *trouble,
                               struct gw_err *err)
{
    struct mock_trouble *copy;

    if (t->count >= MOCK_TROUBLES_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d faults on one CAS", MOCK_TROUBLES_MAX);
    copy = gw_new(struct mock_trouble);
    *copy = *trouble;
    gw_list_append(&t->list, &copy->link);
    t->count++;
    return GW_OK;
}

static bool trouble_fits(struct mock_trouble *t, enum mock_operation op,
                         const struct mock_mailbox *mailbox)
{
    if (t->one_operation && t->operation != op)
        return false;
    if (t->mailbox && t->mailbox != mailbox)
        return false;
    return mock_random_is(&t->random, t->probability);
}

bool mock_troubles_take(struct mock_troubles *t, enum mock_operation op,
                        const struct mock_mailbox *mailbox, struct mock_trouble *out)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&t->list, it, tmp)
    {
        struct mock_trouble *trouble = GW_CONTAINER(it, struct mock_trouble, link);

        if (!trouble_fits(trouble, op, mailbox))
            continue;
        *out = *trouble;
        if (trouble->left > 0 && !--trouble->left)
            trouble_remove(t, trouble);
        return true;
    }
    return false;
}
