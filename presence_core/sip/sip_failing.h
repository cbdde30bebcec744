/* Servers that could not be reached: each is left alone for a while, twice as long after each more
 * attempt, until it is reached or was not tried for long. Pure: time is handed in. */
#ifndef SIP_FAILING_H
#define SIP_FAILING_H

#include "gw_str.h"
#include "gw_time.h"

enum {
    SIP_FAILING_MAX = 1000, /* servers; who is forgotten next goes first */
    SIP_FAILING_FIRST_MS = 1000,
    SIP_FAILING_LAST_MS = 60 * GW_SECOND_MS
};

struct sip_failing;

struct sip_failing *sip_failing_new(void);
void sip_failing_free(struct sip_failing **failingp);

void sip_failing_note(struct sip_failing *failing, struct gw_str target, gw_time now);
void sip_failing_reached(struct sip_failing *failing, struct gw_str target);
bool sip_failing_has(struct sip_failing *failing, struct gw_str target,
                     gw_time now); /* left alone */

#endif
