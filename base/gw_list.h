/* Doubly linked list, links inside the objects. A removed link points to itself, so that removing
 * twice does no harm. */
#ifndef GW_LIST_H
#define GW_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gw_list {
    struct gw_list *next, *prev;
};

#define GW_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Safe against removal of 'it' itself; 'tmp' is a second struct gw_list pointer. */
#define GW_LIST_EACH(list, it, tmp)                                                                \
    for ((it) = (list)->next, (tmp) = (it)->next; (it) != (list); (it) = (tmp), (tmp) = (it)->next)

static inline void gw_list_init(struct gw_list *l)
{
    l->next = l->prev = l;
}

static inline bool gw_list_is_empty(const struct gw_list *l)
{
    return l->next == l;
}

static inline size_t gw_list_len(const struct gw_list *l) /* walks it */
{
    size_t n = 0;

    for (const struct gw_list *it = l->next; it != l; it = it->next)
        n++;
    return n;
}

static inline void gw_list_insert_after(struct gw_list *at, struct gw_list *link)
{
    link->prev = at;
    link->next = at->next;
    at->next->prev = link;
    at->next = link;
}

static inline void gw_list_append(struct gw_list *list, struct gw_list *link)
{
    gw_list_insert_after(list->prev, link);
}

static inline void gw_list_prepend(struct gw_list *list, struct gw_list *link)
{
    gw_list_insert_after(list, link);
}

static inline void gw_list_remove(struct gw_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    gw_list_init(link);
}

/* Takes the first link out; NULL when there is none. How a list is emptied: in this form static
 * analyzers see that what was freed has left the list. */
static inline struct gw_list *gw_list_pop(struct gw_list *list)
{
    struct gw_list *first = list->next;

    if (first == list)
        return NULL;
    list->next = first->next;
    first->next->prev = list;
    gw_list_init(first);
    return first;
}

#endif
