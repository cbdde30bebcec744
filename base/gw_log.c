/* Whether a line is wanted is decided without a lock: the levels are atomics in a table that only
 * grows. Lines come from the loop thread and from worker threads; one at a time goes to the sink. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_log.h"

enum { COMPONENTS_MAX = 32, COMPONENT_NAME_MAX = 23, LINE_MAX_LEN = 1000 };
enum { LIMIT = 30, LIMIT_MS = 60000 }; /* of some 300 bytes: a megabyte in two hours at most */

struct component {
    char name[COMPONENT_NAME_MAX + 1]; /* written before it is counted, never afterwards */
    atomic_int level;
};

static struct {
    atomic_int common;  /* of components that have none of their own */
    atomic_int highest; /* of all: most debug lines end here */
    atomic_uint count;
    struct component components[COMPONENTS_MAX];
    pthread_mutex_t mutex; /* of the sink, and of changes to the table */
    gw_log_sink_fn *sink;
    void *sink_ctx;
} state = { .common = GW_LOG_INFO, .highest = GW_LOG_INFO, .mutex = PTHREAD_MUTEX_INITIALIZER };

void gw_log_set_sink(gw_log_sink_fn *sink, void *ctx)
{
    pthread_mutex_lock(&state.mutex);
    state.sink = sink;
    state.sink_ctx = ctx;
    pthread_mutex_unlock(&state.mutex);
}

static struct component *component_find(const char *name)
{
    unsigned count = atomic_load_explicit(&state.count, memory_order_acquire);

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(state.components[i].name, name) == 0)
            return &state.components[i];
    }
    return NULL;
}

static enum gw_code component_set(const char *name, enum gw_log_level level)
{
    struct component *c = component_find(name);
    unsigned count = atomic_load(&state.count);
    size_t len = strlen(name);

    if (!len || len > COMPONENT_NAME_MAX)
        return GW_INVALID;
    if (!c) {
        if (count == COMPONENTS_MAX)
            return GW_LIMIT;
        c = &state.components[count];
        memcpy(c->name, name, len + 1);
        atomic_store(&c->level, level);
        atomic_store_explicit(&state.count, count + 1, memory_order_release);
    }
    atomic_store(&c->level, level);
    return GW_OK;
}

static void find_highest(void)
{
    int highest = atomic_load(&state.common);
    unsigned count = atomic_load(&state.count);

    for (unsigned i = 0; i < count; i++) {
        int level = atomic_load(&state.components[i].level);

        if (level > highest)
            highest = level;
    }
    atomic_store(&state.highest, highest);
}

enum gw_code gw_log_set_level(const char *component, enum gw_log_level level)
{
    enum gw_code rc = GW_OK;

    pthread_mutex_lock(&state.mutex);
    if (component)
        rc = component_set(component, level);
    else
        atomic_store(&state.common, level);
    find_highest();
    pthread_mutex_unlock(&state.mutex);
    return rc;
}

/* "sip.message" is a part of "sip". NULL: neither has a level of its own. */
static const struct component *component_of(const char *name)
{
    const struct component *c = component_find(name);
    const char *dot = c ? NULL : strchr(name, '.');
    char whole[COMPONENT_NAME_MAX + 1];

    if (!dot || dot - name > COMPONENT_NAME_MAX)
        return c;
    memcpy(whole, name, (size_t)(dot - name));
    whole[dot - name] = '\0';
    return component_find(whole);
}

bool gw_log_is_on(const char *component, enum gw_log_level level)
{
    const struct component *c;

    if (level == GW_LOG_OFF ||
        (int)level > atomic_load_explicit(&state.highest, memory_order_relaxed))
        return false;
    c = component_of(component);
    return (int)level <= atomic_load_explicit(c ? &c->level : &state.common, memory_order_relaxed);
}

static const char *const level_names[] = { "off", "error", "warn", "info", "debug" };

bool gw_log_level_parse(struct gw_str name, enum gw_log_level *out)
{
    for (int i = GW_LOG_OFF; i <= GW_LOG_DEBUG; i++) {
        if (gw_str_is(name, level_names[i])) {
            *out = (enum gw_log_level)i;
            return true;
        }
    }
    return false;
}

const char *gw_log_level_name(enum gw_log_level level)
{
    return level_names[level];
}

/* One event stays one line, whatever slipped into it. */
static struct gw_str line_finish(char *line, size_t len)
{
    struct gw_str whole = gw_str_utf8_cut((struct gw_str){ line, len }, LINE_MAX_LEN);

    for (size_t i = 0; i < whole.len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
    }
    line[whole.len] = '\0';
    return whole;
}

void gw_log(enum gw_log_level level, const char *component, const char *fmt, ...)
{
    char text[LINE_MAX_LEN + 8];
    struct gw_str line;
    va_list args;
    int n;

    if (!gw_log_is_on(component, level))
        return;
    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0)
        return;
    line = line_finish(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
    pthread_mutex_lock(&state.mutex);
    if (state.sink)
        state.sink(level, component, line, state.sink_ctx);
    pthread_mutex_unlock(&state.mutex);
}

enum gw_log_level gw_log_limit(struct gw_log_limit *l, gw_time now, uint64_t *left_out)
{
    *left_out = 0;
    if (now >= l->until) {
        *left_out = l->left_out;
        *l = (struct gw_log_limit){ .until = gw_time_after(now, LIMIT_MS) };
    }
    if (l->told == LIMIT) {
        l->left_out++;
        return GW_LOG_DEBUG;
    }
    l->told++;
    return GW_LOG_INFO;
}

const char *gw_quote(struct gw_str s, char out[GW_QUOTE_MAX])
{
    struct gw_buf b;

    gw_buf_init(&b, GW_QUOTE_MAX - 1);
    gw_buf_add_quoted(&b, s, GW_QUOTE_MAX - sizeof("''..."));
    memcpy(out, b.p, b.len + 1);
    gw_buf_done(&b);
    return out;
}
