/* Tells pages in browsers that something changed, as server-sent events: "data: changed", however many
 * changes there were since the last one. What changed they ask for. */
#ifndef MOCK_LIVE_H
#define MOCK_LIVE_H

#include "net_http_server.h"

enum { MOCK_LIVE_MAX = 100, MOCK_LIVE_MS = 200 /* between two of them */ };

struct mock_live;
struct mock_live *mock_live_new(struct net_loop *loop);
void mock_live_free(struct mock_live **livep); /* after the connections */

/* Takes the exchange. Too many: 503. */
void mock_live_add(struct mock_live *live, struct net_http_exchange *x);
void mock_live_changed(struct mock_live *live);

#endif
