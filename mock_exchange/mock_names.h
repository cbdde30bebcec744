/* The namespaces of SOAP 1.1 and Exchange Web Services. */
#ifndef MOCK_NAMES_H
#define MOCK_NAMES_H

#define MOCK_NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define MOCK_NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define MOCK_NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"
#define MOCK_NS_ERRORS   "http://schemas.microsoft.com/exchange/services/2006/errors"

#endif
