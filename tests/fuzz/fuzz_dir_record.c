/* Records of users and passwords, whoever wrote them into the store; and the names in them. */
#include <stdint.h>
#include <stdlib.h>

#include "dir_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void user(struct gw_str text)
{
    struct dir_user_record first, second;
    struct gw_buf written;

    if (dir_user_record_parse(text, &first, NULL))
        return;
    gw_buf_init(&written, DIR_RECORD_MAX);
    dir_user_record_write(&first.user, &written);
    if (dir_user_record_parse(gw_buf_str(&written), &second, NULL))
        abort();
    for (int i = 0; i < DIR_EDITABLE; i++)
        if (i < DIR_TEXTS ? !gw_str_eq(dir_user_text(&first.user, &dir_fields[i]),
                                       dir_user_text(&second.user, &dir_fields[i]))
                          : dir_user_flag(&first.user, &dir_fields[i]) !=
                                dir_user_flag(&second.user, &dir_fields[i]))
            abort();
    dir_user_record_done(&second);
    dir_user_record_done(&first);
    gw_buf_done(&written);
}

/* A normalised name is its own normal form. */
static void jid(struct gw_str text)
{
    struct gw_buf first, second;

    gw_buf_init(&first, 4 * DIR_JID_MAX);
    gw_buf_init(&second, 4 * DIR_JID_MAX);
    if (!dir_jid_normalise(text, &first, NULL) &&
        (dir_jid_normalise(gw_buf_str(&first), &second, NULL) ||
         !gw_str_eq(gw_buf_str(&first), gw_buf_str(&second))))
        abort();
    gw_buf_done(&first);
    gw_buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str text = { (const char *)data, len };
    struct dir_password password;

    user(text);
    (void)dir_password_record_parse(text, &password, NULL);
    jid(text);
    return 0;
}
