/* What the core has in the store, read at the start: one kind after the other. */
#include <assert.h>

#include "gw_log.h"
#include "pres_priv.h"

static const struct {
    const char *kind;
    void (*load)(struct pres_core *core, const struct store_record *r);
} kinds[] = {
    { "roster", pres_roster_load },     { "decision", pres_decision_load },
    { "override", pres_override_load }, { "privacy", pres_privacy_load },
    { "lists", pres_lists_load },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void load_one(const struct store_record *r, void *ctx)
{
    struct pres_core *core = ctx;

    kinds[core->load_kind].load(core, r);
}

static void load_done(const struct gw_err *result, void *ctx)
{
    struct pres_core *core = ctx;

    if (core->load_skipped)
        gw_warn("pres", "records of unknown users kind=%s records=%zu, ignored",
                kinds[core->load_kind].kind, core->load_skipped);
    core->load_skipped = 0;
    if (!result->code && ++core->load_kind < KINDS)
        store_load(core->store, kinds[core->load_kind].kind, NULL, load_one, load_done, core);
    else if (core->loaded)
        core->loaded(result, core->loaded_ctx);
}

void pres_core_load(struct pres_core *core, store_done_fn *done, void *ctx)
{
    assert(core->store);
    core->loaded = done;
    core->loaded_ctx = ctx;
    store_load(core->store, kinds[0].kind, NULL, load_one, load_done, core);
}
