/* PKCS#12 files of anybody, with a password that fits the corpus. What takes long must be refused. */
#include <stdint.h>
#include <stdlib.h>

#include "cert_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cert_key *key = NULL;
    struct gw_err err = { 0 };
    enum gw_code code = cert_key_from_p12((struct gw_str){ (const char *)data, len },
                                          GW_STR("password"), &key, &err);

    if ((code == GW_OK) != (key != NULL) || (code != GW_OK) != (err.msg[0] != '\0'))
        abort();
    cert_key_free(&key);
    return 0;
}
