#include <stdlib.h>

#include "gw_interval.h"

bool gw_oof_is_active(const struct gw_oof *oof, gw_utc now)
{
    switch (oof->state) {
    case GW_OOF_DISABLED:
        return false;
    case GW_OOF_ENABLED:
        return true;
    case GW_OOF_SCHEDULED:
        return oof->start <= now && now < oof->end;
    }
    return false;
}

static int interval_cmp(const void *va, const void *vb)
{
    const struct gw_interval *a = va, *b = vb;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    if (a->busy != b->busy)
        return a->busy < b->busy ? -1 : 1;
    if (a->flags != b->flags)
        return a->flags < b->flags ? -1 : 1;
    return (a->tag > b->tag) - (a->tag < b->tag);
}

size_t gw_intervals_normalise(struct gw_interval *v, size_t count)
{
    size_t kept = 0;

    if (count)
        qsort(v, count, sizeof(*v), interval_cmp);
    for (size_t i = 0; i < count; i++) {
        if (v[i].end <= v[i].start || (kept && interval_cmp(&v[kept - 1], &v[i]) == 0))
            continue;
        v[kept++] = v[i];
    }
    return kept;
}

bool gw_intervals_eq(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                     size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (interval_cmp(&a[i], &b[i]) != 0)
            return false;
    }
    return true;
}

static gw_utc sooner(gw_utc next, gw_utc now, gw_utc candidate)
{
    return candidate > now && candidate < next ? candidate : next;
}

gw_utc gw_intervals_next_boundary(const struct gw_interval *v, size_t count,
                                  const struct gw_oof *oof, gw_utc now)
{
    gw_utc next = GW_NEVER;

    for (size_t i = 0; i < count; i++) {
        if (v[i].end <= v[i].start)
            continue;
        next = sooner(next, now, v[i].start);
        next = sooner(next, now, v[i].end);
    }
    if (oof && oof->state == GW_OOF_SCHEDULED && oof->start < oof->end) {
        next = sooner(next, now, oof->start);
        next = sooner(next, now, oof->end);
    }
    return next;
}

const char *gw_busy_name(enum gw_busy busy)
{
    switch (busy) {
    case GW_BUSY_NODATA:
        return "NoData";
    case GW_BUSY_FREE:
        return "Free";
    case GW_BUSY_TENTATIVE:
        return "Tentative";
    case GW_BUSY_ELSEWHERE:
        return "WorkingElsewhere";
    case GW_BUSY_BUSY:
        return "Busy";
    case GW_BUSY_OOF:
        return "OOF";
    }
    return "NoData";
}
