#include "mock_mishap.h"

#include <stdlib.h>

#include "gw_mem.h"
#include "mock_random.h"

const char *const mock_mishap_names[MOCK_MISHAP_KINDS + 1] = {
    [MOCK_MISHAP_LOSE] = "lose",   [MOCK_MISHAP_BREAK] = "break",
    [MOCK_MISHAP_DROP] = "drop",   [MOCK_MISHAP_DUPLICATE] = "duplicate",
    [MOCK_MISHAP_DELAY] = "delay", [MOCK_MISHAP_REORDER] = "reorder",
    [MOCK_MISHAP_MORE] = "more",   [MOCK_MISHAP_SILENCE] = "silence",
    [MOCK_MISHAP_CUT] = "cut",
};

void mock_mishaps_init(struct mock_mishaps *m)
{
    gw_list_init(&m->list);
    m->count = 0;
}

void mock_mishaps_clear(struct mock_mishaps *m)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&m->list)))
        free(GW_CONTAINER(link, struct mock_mishap, link));
    m->count = 0;
}

enum gw_code mock_mishaps_add(struct mock_mishaps *m, const struct mock_mishap *mishap,
                              struct gw_err *err)
{
    struct mock_mishap *copy;

    if (m->count >= MOCK_MISHAPS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d mishaps", MOCK_MISHAPS_MAX);
    copy = gw_new(struct mock_mishap);
    *copy = *mishap;
    gw_list_append(&m->list, &copy->link);
    m->count++;
    return GW_OK;
}

static bool fits(const struct mock_mishap *m, enum mock_mishap_kind kind,
                 const struct mock_sub *sub)
{
    return m->kind == kind && m->left && (!m->mailbox || m->mailbox == sub->mailbox) &&
           (!m->site || m->site == sub->site);
}

const struct mock_mishap *mock_mishaps_take(struct mock_mishaps *m, enum mock_mishap_kind kind,
                                            const struct mock_sub *sub)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->list, it, tmp)
    {
        struct mock_mishap *mishap = GW_CONTAINER(it, struct mock_mishap, link);

        if (!fits(mishap, kind, sub) || !mock_random_is(&mishap->random, mishap->probability))
            continue;
        mishap->met++;
        if (mishap->left > 0)
            mishap->left--;
        return mishap;
    }
    return NULL;
}
