/* What a server offers when it answers 401: the challenges of WWW-Authenticate (RFC 9110 11.6.1).
 * IIS sends a header for each scheme, some proxies join them: both are read. */
#ifndef EWS_CHALLENGE_H
#define EWS_CHALLENGE_H

#include "gw_str.h"

enum ews_scheme {
    EWS_SCHEME_NEGOTIATE, /* RFC 4559 */
    EWS_SCHEME_NTLM,      /* MS-NTHT */
    EWS_SCHEME_BASIC,     /* RFC 7617 */
    EWS_SCHEME_BEARER     /* RFC 6750 */
};
enum { EWS_SCHEMES = 4 };

const char *ews_scheme_name(enum ews_scheme scheme); /* "Negotiate" */

struct ews_challenges {
    bool offered[EWS_SCHEMES];
    struct gw_str token[EWS_SCHEMES]; /* base64, borrowed from the text; empty: none came */
    unsigned count;                   /* of challenges, those of unknown schemes too */
};

/* Of all the headers, joined with commas. What is not understood is passed over. Of a scheme that
 * comes twice the first token counts. */
void ews_challenges_parse(struct gw_str headers, struct ews_challenges *out);

#endif
