/* Any form at the token endpoint, with any Authorization header in its first line. */
#include <assert.h>
#include <stdint.h>

#include "mock_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mock_tokens *tokens;
    static struct mock_org *org;
    struct mock_account_args account = { .name = GW_STR("svc"), .password = GW_STR("secret") };
    struct mock_token_request request = { .method = GW_STR("POST"),
                                          .content_type =
                                              GW_STR("application/x-www-form-urlencoded"),
                                          .body = { (const char *)data, len } };
    struct mock_token_answer answer;
    struct gw_buf out;

    if (!tokens) {
        org = mock_org_new();
        tokens = mock_tokens_new();
        (void)mock_account_put(org, &account, NULL);
    }
    (void)gw_str_cut(request.body, "\n", &request.authorization, &request.body);
    gw_buf_init(&out, 1000);
    answer = mock_token_serve(tokens, org, &request, (struct gw_now){ 1, 1 }, &out);
    assert(!out.failed && out.len);
    assert((answer.status == 200) == !answer.error);
    gw_buf_done(&out);
    return 0;
}
