/* The log: one line an event, written for the operator: session id, event, then key=value. Levels
 * are per component ("net", "xmpp", "sched" ...) and change at run time. The only global state of
 * the gateway. Secrets and calendar subjects never come here, at any level; text from a peer is
 * quoted with gw_buf_add_quoted() or gw_quote() first. */
#ifndef GW_LOG_H
#define GW_LOG_H

#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"

enum gw_log_level { GW_LOG_OFF, GW_LOG_ERROR, GW_LOG_WARN, GW_LOG_INFO, GW_LOG_DEBUG };

/* Gets one finished line without newline. Called on the logging thread, one call at a time; must not
 * block for long, and must not log. */
typedef void gw_log_sink_fn(enum gw_log_level level, const char *component, struct gw_str line,
                            void *ctx);

/* NULL: the line goes nowhere (the start state, so that tests are silent). */
void gw_log_set_sink(gw_log_sink_fn *sink, void *ctx);

/* component NULL: the level of all that have none of their own; "sip.tls", a part of "sip", then has
 * that one's. The name is copied; GW_LIMIT
 * when there are more than 32, GW_INVALID when it is empty or longer than 23 bytes. Start:
 * GW_LOG_INFO for all. */
enum gw_code gw_log_set_level(const char *component, enum gw_log_level level);
bool gw_log_is_on(const char *component, enum gw_log_level level);

bool gw_log_level_parse(struct gw_str name, enum gw_log_level *out); /* off error warn info debug */
const char *gw_log_level_name(enum gw_log_level level);

/* A line longer than 1000 bytes is cut. */
void gw_log(enum gw_log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define gw_error(component, ...) gw_log(GW_LOG_ERROR, component, __VA_ARGS__)
#define gw_warn(component, ...)  gw_log(GW_LOG_WARN, component, __VA_ARGS__)
#define gw_info(component, ...)  gw_log(GW_LOG_INFO, component, __VA_ARGS__)
#define gw_debug(component, ...)                                                                   \
    do {                                                                                           \
        if (gw_log_is_on(component, GW_LOG_DEBUG))                                                 \
            gw_log(GW_LOG_DEBUG, component, __VA_ARGS__);                                          \
    } while (0)

/* A kind of line that strangers can cause without end. Zeros to begin with. */
struct gw_log_limit {
    gw_time until; /* of the minute */
    unsigned told;
    uint64_t left_out;
};

/* At what level the next one is told: GW_LOG_INFO thirty times in a minute, the first with the number of
 * those that were left out before; else GW_LOG_DEBUG. */
enum gw_log_level gw_log_limit(struct gw_log_limit *l, gw_time now, uint64_t *left_out);

/* Peer text for one "%s" of a log line, as gw_buf_add_quoted(); cut to fit. Returns out. */
enum { GW_QUOTE_MAX = 160 };
const char *gw_quote(struct gw_str s, char out[GW_QUOTE_MAX]);

#endif
