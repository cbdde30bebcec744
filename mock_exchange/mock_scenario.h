/* The scenario: one JSON object that says what there is. Its members are explained in CONTROL.md, since
 * the control interface takes the same ones; examples/ has a file with comments. */
#ifndef MOCK_SCENARIO_H
#define MOCK_SCENARIO_H

#include "mock_priv.h"

#endif
