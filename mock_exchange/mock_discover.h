/* Autodiscover: where the web services of a mailbox are. Two protocols over HTTP POST, POX at
 * /autodiscover/autodiscover.xml and SOAP (Exchange 2010 and later) at /autodiscover/autodiscover.svc.
 * Without sockets. A mailbox's traits may redirect, or make it fail on one of three levels. */
#ifndef MOCK_DISCOVER_H
#define MOCK_DISCOVER_H

#include "mock_service.h"

enum { MOCK_DISCOVER_USERS_MAX = 100 }; /* of one SOAP request */

typedef void mock_discover_fn(const struct mock_service *service, struct gw_str body,
                              struct gw_now now, struct gw_buf *out, struct mock_served *served);

/* out gets the document, served status (200; 500 with a SOAP fault; 404: not in this version of
 * Exchange, and no document), the last mailbox that was found, and the worst code. */
mock_discover_fn mock_discover_pox, mock_discover_soap;

#endif
