/* Uploaded certificates: PEM or DER of anybody, read and described. */
#include <openssl/x509.h>
#include <stdint.h>

#include "cert_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct gw_str wanted[] = { GW_STR("a.example"), GW_STR("192.0.2.1") };
    STACK_OF(X509) *stack = NULL;
    struct gw_err err;

    if (cert_parse((struct gw_str){ (const char *)data, len }, &stack, &err))
        return 0;
    for (int i = 0; i < sk_X509_num(stack); i++) {
        struct cert_entry *e = NULL;

        for (int purpose = CERT_FOR_EXCHANGE; purpose <= CERT_FOR_XMPP_LOGIN; purpose++)
            (void)cert_name_check(sk_X509_value(stack, i), (enum cert_purpose)purpose, wanted, 2,
                                  &err);
        (void)cert_entry_new(sk_X509_value(stack, i), &e, &err);
        cert_entry_free(&e);
    }
    sk_X509_pop_free(stack, X509_free);
    return 0;
}
