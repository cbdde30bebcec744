/* The subscription states of RFC 6121 appendix A.1 and how the eight kinds of stanza move them
 * (A.2, A.3): one table. */
#ifndef PRES_SUB_H
#define PRES_SUB_H

#include <stdbool.h>

#include "pres_roster.h"

/* A state is a set of these; nine of the sixteen sets occur. */
enum {
    PRES_TO = 1,   /* the user sees the contact */
    PRES_FROM = 2, /* the contact sees the user */
    PRES_OUT = 4,  /* the user has asked: never with TO */
    PRES_IN = 8,   /* the contact has asked: never with FROM */
    PRES_STATES = 16
};

enum pres_way { PRES_OUTBOUND, PRES_INBOUND };

struct pres_step {
    unsigned to; /* the new state */
    bool pass;   /* outbound: to the contact; inbound: to the user's clients */
    bool answer; /* inbound subscribe of one who has it: "subscribed" goes back */
};

bool pres_state_is_valid(unsigned state);
struct pres_step pres_sub_step(enum pres_way way, enum pres_request request, unsigned state);
enum pres_sub pres_sub_of(unsigned state);

#endif
