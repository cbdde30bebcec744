/* What there is in which version of Exchange, in tables: the products a server can be, the request
 * versions they take, and what came with which of these. */
#ifndef MOCK_VERSION_H
#define MOCK_VERSION_H

#include "gw_str.h"

/* Request versions, in order of age. */
enum mock_version {
    MOCK_V2007,
    MOCK_V2007_SP1,
    MOCK_V2010,
    MOCK_V2010_SP1,
    MOCK_V2010_SP2,
    MOCK_V2013,
    MOCK_V2013_SP1,
    MOCK_V2016,
    MOCK_VERSION_NEWEST
};

/* RequestServerVersion/@Version. Strict: only names of the schema. Else whatever looks like one is
 * taken for the newest, since clients are ahead of every list. False: not a version. */
bool mock_version_parse(struct gw_str name, bool strict, enum mock_version *out);

/* What a request can count on from its version on. Operations have a version of their own, see
 * mock_service.c. */
enum mock_feature {
    MOCK_HAS_TIME_ZONE_CONTEXT,
    MOCK_HAS_FREE_BUSY_CHANGED,  /* the event */
    MOCK_HAS_STREAMING,          /* subscriptions */
    MOCK_HAS_PARTIAL_FIND,       /* too many items: some of them instead of an error */
    MOCK_HAS_SMTP_IMPERSONATION, /* ConnectingSID/SmtpAddress */
    MOCK_HAS_WORKING_ELSEWHERE,
    MOCK_HAS_DISTINGUISHED_NAME /* of a folder, in GetFolder's answer */
};
bool mock_version_has(enum mock_version version, enum mock_feature feature);

/* Subscription ids: a GUID; the owning server's name, a GUID and a time; these and the mailbox. */
enum mock_id_form { MOCK_ID_GUID, MOCK_ID_SERVER, MOCK_ID_SERVER_MAILBOX };

/* What a server says it is, and what it allows. */
struct mock_product {
    const char *name;                  /* "2019" */
    int major, minor, build, revision; /* 15.2.1544.11 */
    const char *version;               /* ServerVersionInfo/@Version; NULL: none */
    enum mock_version newest;          /* request version that it takes */
    unsigned window_days_max;          /* of GetUserAvailability */
    unsigned hanging_max;              /* HangingConnectionLimit of a mailbox; 0: no streaming */
    enum mock_id_form id_form;
    const char *schemas; /* EwsSupportedSchemas of Autodiscover; NULL: no SOAP Autodiscover */
};
extern const char mock_product_names[]; /* for messages */

/* "2013", "2013 SP1", "SE", case-blind; NULL: not known. */
const struct mock_product *mock_product_find(struct gw_str name);

#endif
