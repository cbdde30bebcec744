#include <assert.h>

#include "pres_sub.h"

/* The states as RFC 6121 A.1 numbers them. */
enum state { N, N_O, N_I, N_OI, T, T_I, F, F_O, B, STATE_COUNT };

static const unsigned char flags_of[STATE_COUNT] = {
    [N] = 0,
    [N_O] = PRES_OUT,
    [N_I] = PRES_IN,
    [N_OI] = PRES_OUT | PRES_IN,
    [T] = PRES_TO,
    [T_I] = PRES_TO | PRES_IN,
    [F] = PRES_FROM,
    [F_O] = PRES_FROM | PRES_OUT,
    [B] = PRES_TO | PRES_FROM,
};

struct row {
    unsigned char to;
    bool pass, answer;
};

/* clang-format off */
#define PASS(state) { state, true,  false }
#define KEEP(state) { state, false, false }
#define HAS(state)  { state, false, true  }

static const struct row rows[2][4][STATE_COUNT] = {
    [PRES_OUTBOUND] = {
        /*                     none       out         in          out+in      to       to+in      from       from+out   both */
        [PRES_SUBSCRIBE]   = { PASS(N_O), PASS(N_O),  PASS(N_OI), PASS(N_OI), PASS(T), PASS(T_I), PASS(F_O), PASS(F_O), PASS(B) }, /* A.2.1 */
        [PRES_SUBSCRIBED]  = { KEEP(N),   KEEP(N_O),  PASS(F),    PASS(F_O),  KEEP(T), PASS(B),   KEEP(F),   KEEP(F_O), KEEP(B) }, /* A.2.3 */
        [PRES_UNSUBSCRIBE] = { PASS(N),   PASS(N),    PASS(N_I),  PASS(N_I),  PASS(N), PASS(N_I), PASS(F),   PASS(F),   PASS(F) }, /* A.2.2 */
        [PRES_UNSUBSCRIBED]= { KEEP(N),   KEEP(N_O),  PASS(N),    PASS(N_O),  KEEP(T), PASS(T),   PASS(N),   PASS(N_O), PASS(T) }, /* A.2.4 */
    },
    [PRES_INBOUND] = {
        [PRES_SUBSCRIBE]   = { PASS(N_I), PASS(N_OI), KEEP(N_I),  KEEP(N_OI), PASS(T_I),KEEP(T_I),HAS(F),    HAS(F_O),  HAS(B)  }, /* A.3.1 */
        [PRES_SUBSCRIBED]  = { KEEP(N),   PASS(T),    KEEP(N_I),  PASS(T_I),  KEEP(T), KEEP(T_I), KEEP(F),   PASS(B),   KEEP(B) }, /* A.3.3 */
        [PRES_UNSUBSCRIBE] = { KEEP(N),   KEEP(N_O),  PASS(N),    PASS(N_O),  KEEP(T), PASS(T),   PASS(N),   PASS(N_O), PASS(T) }, /* A.3.2 */
        [PRES_UNSUBSCRIBED]= { KEEP(N),   PASS(N),    KEEP(N_I),  PASS(N_I),  PASS(N), PASS(N_I), KEEP(F),   PASS(F),   PASS(F) }, /* A.3.4 */
    },
};
/* clang-format on */

static int find(unsigned flags)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (flags_of[i] == flags)
            return i;
    }
    return -1;
}

bool pres_state_is_valid(unsigned state)
{
    return find(state) >= 0;
}

struct pres_step pres_sub_step(enum pres_way way, enum pres_request request, unsigned state)
{
    int from = find(state);
    const struct row *row;

    assert(from >= 0);
    row = &rows[way][request][from];
    return (struct pres_step){ flags_of[row->to], row->pass, row->answer };
}

enum pres_sub pres_sub_of(unsigned state)
{
    static const enum pres_sub sub[] = { [0] = PRES_SUB_NONE,
                                         [PRES_TO] = PRES_SUB_TO,
                                         [PRES_FROM] = PRES_SUB_FROM,
                                         [PRES_TO | PRES_FROM] = PRES_SUB_BOTH };

    return sub[state & (PRES_TO | PRES_FROM)];
}
