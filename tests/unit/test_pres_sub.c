/* The subscription states, typed off RFC 6121 appendix A table by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pres_sub.h"

/* In the order of appendix A.1. */
static const struct {
    const char *name;
    unsigned flags;
    enum pres_sub sub;
} states[] = {
    { "None", 0, PRES_SUB_NONE },
    { "None + Pending Out", PRES_OUT, PRES_SUB_NONE },
    { "None + Pending In", PRES_IN, PRES_SUB_NONE },
    { "None + Pending Out+In", PRES_OUT | PRES_IN, PRES_SUB_NONE },
    { "To", PRES_TO, PRES_SUB_TO },
    { "To + Pending In", PRES_TO | PRES_IN, PRES_SUB_TO },
    { "From", PRES_FROM, PRES_SUB_FROM },
    { "From + Pending Out", PRES_FROM | PRES_OUT, PRES_SUB_FROM },
    { "Both", PRES_TO | PRES_FROM, PRES_SUB_BOTH },
};

#define SAME "[no state change]"

/* Per state: routed or delivered?, new state. */
static const struct {
    const char *table;
    enum pres_way way;
    enum pres_request request;
    struct {
        bool pass;
        const char *to;
    } rows[9];
} tables[] = {
    { "A.2.1 outbound subscribe",
      PRES_OUTBOUND,
      PRES_SUBSCRIBE,
      { { true, "None + Pending Out" },
        { true, SAME },
        { true, "None + Pending Out+In" },
        { true, SAME },
        { true, SAME },
        { true, SAME },
        { true, "From + Pending Out" },
        { true, SAME },
        { true, SAME } } },
    { "A.2.2 outbound unsubscribe",
      PRES_OUTBOUND,
      PRES_UNSUBSCRIBE,
      { { true, SAME },
        { true, "None" },
        { true, SAME },
        { true, "None + Pending In" },
        { true, "None" },
        { true, "None + Pending In" },
        { true, SAME },
        { true, "From" },
        { true, "From" } } },
    { "A.2.3 outbound subscribed",
      PRES_OUTBOUND,
      PRES_SUBSCRIBED,
      { { false, SAME },
        { false, SAME },
        { true, "From" },
        { true, "From + Pending Out" },
        { false, SAME },
        { true, "Both" },
        { false, SAME },
        { false, SAME },
        { false, SAME } } },
    { "A.2.4 outbound unsubscribed",
      PRES_OUTBOUND,
      PRES_UNSUBSCRIBED,
      { { false, SAME },
        { false, SAME },
        { true, "None" },
        { true, "None + Pending Out" },
        { false, SAME },
        { true, "To" },
        { true, "None" },
        { true, "None + Pending Out" },
        { true, "To" } } },
    { "A.3.1 inbound subscribe",
      PRES_INBOUND,
      PRES_SUBSCRIBE,
      { { true, "None + Pending In" },
        { true, "None + Pending Out+In" },
        { false, SAME },
        { false, SAME },
        { true, "To + Pending In" },
        { false, SAME },
        { false, SAME },
        { false, SAME },
        { false, SAME } } },
    { "A.3.2 inbound unsubscribe",
      PRES_INBOUND,
      PRES_UNSUBSCRIBE,
      { { false, SAME },
        { false, SAME },
        { true, "None" },
        { true, "None + Pending Out" },
        { false, SAME },
        { true, "To" },
        { true, "None" },
        { true, "None + Pending Out" },
        { true, "To" } } },
    { "A.3.3 inbound subscribed",
      PRES_INBOUND,
      PRES_SUBSCRIBED,
      { { false, SAME },
        { true, "To" },
        { false, SAME },
        { true, "To + Pending In" },
        { false, SAME },
        { false, SAME },
        { false, SAME },
        { true, "Both" },
        { false, SAME } } },
    { "A.3.4 inbound unsubscribed",
      PRES_INBOUND,
      PRES_UNSUBSCRIBED,
      { { false, SAME },
        { true, "None" },
        { false, SAME },
        { true, "None + Pending In" },
        { true, "None" },
        { true, "None + Pending In" },
        { false, SAME },
        { true, "From" },
        { true, "From" } } },
};

static unsigned flags_of(const char *name)
{
    for (size_t i = 0; i < 9; i++) {
        if (strcmp(states[i].name, name) == 0)
            return states[i].flags;
    }
    fail_msg("no state '%s'", name);
    return 0;
}

static void steps_as_the_rfc_says(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < 9; i++) {
            const char *to = tables[t].rows[i].to;
            struct pres_step step =
                pres_sub_step(tables[t].way, tables[t].request, states[i].flags);

            if (strcmp(to, SAME) == 0)
                to = states[i].name;
            if (step.pass != tables[t].rows[i].pass || step.to != flags_of(to))
                fail_msg("%s in '%s': pass %d, to %u", tables[t].table, states[i].name, step.pass,
                         step.to);
        }
    }
}

/* A.3.1, note: who has it already is told so again. */
static void answers_for_those_who_have_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct pres_step step = pres_sub_step(PRES_INBOUND, PRES_SUBSCRIBE, states[i].flags);

        assert_int_equal(step.answer, (states[i].flags & PRES_FROM) != 0);
    }
}

static void names_states(void **state)
{
    unsigned valid = 0;

    (void)state;
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(pres_sub_of(states[i].flags), states[i].sub);
    for (unsigned flags = 0; flags < PRES_STATES; flags++)
        valid += pres_state_is_valid(flags);
    assert_int_equal(valid, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_as_the_rfc_says),
        cmocka_unit_test(answers_for_those_who_have_it),
        cmocka_unit_test(names_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
