/* HTTP Basic authentication (RFC 7617) of service accounts. */
#ifndef MOCK_AUTH_H
#define MOCK_AUTH_H

#include "mock_org.h"

/* The account of an Authorization header's value; NULL: none, or the wrong password. */
const struct mock_account *mock_auth_basic(const struct mock_org *org, struct gw_str authorization);

#endif
