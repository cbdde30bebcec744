/* NTLM messages, as far as a server must look into them before GSSAPI does: MS-NLMP 2.2.1. */
#ifndef MOCK_NTLM_H
#define MOCK_NTLM_H

#include "gw_buf.h"
#include "gw_str.h"

enum { MOCK_NTLM_NAME_MAX = 256 }; /* bytes of UTF-8 and NUL; longer names are refused */

struct mock_ntlm {
    size_t at;     /* where in the token it begins */
    uint32_t type; /* 1 NEGOTIATE, 2 CHALLENGE, 3 AUTHENTICATE; 0: there is none */
    /* of an AUTHENTICATE message */
    bool v1;           /* NTLM version 1 (2.2.2.6), not 2 */
    bool zero_binding; /* MsvAvChannelBindings is there, and all zero (2.2.2.1) */
    char domain[MOCK_NTLM_NAME_MAX], user[MOCK_NTLM_NAME_MAX];
};

/* The message that a token is, or holds inside SPNEGO (RFC 4178: there it is one octet string, so
 * that it stands in it as it is). False: it is broken, and must not be shown to gss-ntlmssp 1.2.0, which
 * looks for responses where there are none. */
bool mock_ntlm_parse(struct gw_str token, struct mock_ntlm *out);

/* Writes a message of raw NTLM that was parsed, and found at 0. Older clients, and curl, leave the Version field out
 * ([MS-NLMP] appendix B, note 2 and others), which gss-ntlmssp 1.2.0 cannot read: it is put in, as zeros.
 * A client that protects its messages with a MIC always sends it. */
void mock_ntlm_complete(struct gw_str message, struct gw_buf *out);

#endif
