#include "sip_failing.h"

#include <stdlib.h>
#include <string.h>

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"

struct sip_failing {
    struct gw_map *targets;
    struct gw_heap due;
};

struct target {
    struct gw_due due; /* when it is forgotten */
    gw_time until;     /* left alone */
    int64_t wait_ms;
    struct gw_str name;
    char text[];
};

struct sip_failing *sip_failing_new(void)
{
    struct sip_failing *failing = gw_new(struct sip_failing);

    failing->targets = gw_map_new();
    gw_heap_init(&failing->due);
    return failing;
}

static void target_free(struct sip_failing *failing, struct target *t)
{
    gw_heap_remove(&failing->due, &t->due);
    gw_map_remove(failing->targets, t->name);
    free(t);
}

void sip_failing_free(struct sip_failing **failingp)
{
    struct sip_failing *failing = *failingp;
    struct gw_due *first;

    if (!failing)
        return;
    *failingp = NULL;
    while ((first = gw_heap_first(&failing->due)))
        target_free(failing, GW_CONTAINER(first, struct target, due));
    gw_map_free(&failing->targets);
    gw_heap_done(&failing->due);
    free(failing);
}

static struct target *target_new(struct sip_failing *failing, struct gw_str name)
{
    struct target *t;

    if (gw_map_len(failing->targets) == SIP_FAILING_MAX)
        target_free(failing, GW_CONTAINER(gw_heap_first(&failing->due), struct target, due));
    t = gw_alloc(sizeof(*t) + name.len);
    memcpy(t->text, name.p, name.len);
    t->name = (struct gw_str){ t->text, name.len };
    gw_map_set(failing->targets, t->name, t);
    return t;
}

void sip_failing_note(struct sip_failing *failing, struct gw_str target, gw_time now)
{
    struct target *t = gw_map_get(failing->targets, target);

    if (!t)
        t = target_new(failing, target);
    t->wait_ms = t->wait_ms ? t->wait_ms * 2 : SIP_FAILING_FIRST_MS;
    if (t->wait_ms > SIP_FAILING_LAST_MS)
        t->wait_ms = SIP_FAILING_LAST_MS;
    t->until = gw_time_after(now, t->wait_ms);
    gw_heap_set(&failing->due, &t->due, gw_time_after(t->until, SIP_FAILING_LAST_MS));
}

void sip_failing_reached(struct sip_failing *failing, struct gw_str target)
{
    struct target *t = gw_map_get(failing->targets, target);

    if (t)
        target_free(failing, t);
}

bool sip_failing_has(struct sip_failing *failing, struct gw_str target, gw_time now)
{
    struct target *t;
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&failing->due, now)))
        target_free(failing, GW_CONTAINER(due, struct target, due));
    t = gw_map_get(failing->targets, target);
    return t && now < t->until;
}
