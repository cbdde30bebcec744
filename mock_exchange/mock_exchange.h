/* An Exchange organisation to test against: client access servers on addresses and ports of their
 * own, one set of mailboxes behind them, push notifications, and a control interface. The program
 * mock-exchange is this and a command line; tests run it in their own loop.
 *
 *   organisation (mock_org) --changes--> subscriptions (mock_subs) --calls--> push sender (mock_push)
 *        ^         ^                          ^
 *        |         '---- service (mock_service: SOAP in, SOAP out) <---- CAS (mock_cas: HTTP, faults)
 *        '-- control (mock_control: JSON) and scenario (mock_scenario)
 *
 * Streaming subscriptions deliver to streams (mock_stream), which are answers of a CAS that go on
 * (mock_hang). */
#ifndef MOCK_EXCHANGE_H
#define MOCK_EXCHANGE_H

#include "mock_journal.h"
#include "mock_org.h"
#include "mock_subs.h"
#include "net_loop.h"

struct mock_exchange;

struct mock_exchange *mock_exchange_new(struct net_loop *loop);
void mock_exchange_free(struct mock_exchange **mxp);

/* A scenario, JSON (see mock_scenario.h): opens CAS and control ports, adds accounts, users,
 * meetings. May be applied again to add more. What was done before an error stays done. */
enum gw_code mock_exchange_apply(struct mock_exchange *mx, struct gw_str json, struct gw_err *err);

/* One control request without HTTP: the answer's JSON goes to out, its status is returned. */
int mock_exchange_control(struct mock_exchange *mx, const char *method, const char *path,
                          struct gw_str body, struct gw_buf *out);

/* {"control": "http://127.0.0.1:34567", "cas": [{"name", "url"}, ...]}, one line. */
void mock_exchange_ready_write(const struct mock_exchange *mx, struct gw_buf *out);

/* 0: no such CAS, or no control. */
uint16_t mock_exchange_cas_port(const struct mock_exchange *mx, const char *cas);
uint16_t mock_exchange_control_port(const struct mock_exchange *mx);

struct mock_org *mock_exchange_org(struct mock_exchange *mx);
struct mock_subs *mock_exchange_subs(struct mock_exchange *mx);
struct mock_journal *mock_exchange_journal(struct mock_exchange *mx);

/* After changes made directly through mock_org: lets the subscriptions look at their deadlines. */
void mock_exchange_touch(struct mock_exchange *mx);

#endif
