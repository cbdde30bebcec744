#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge_plain.h"

static const struct {
    const char *source, *plain;
} plain_case[] = {
    { "", "" },
    { "Back on Monday", "Back on Monday" },
    { "\xef\xbb\xbfI am away.\r\n\r\nAsk  Bob.\r\n", "I am away. Ask Bob." },
    { "1 < 2 & 3 > 2", "1 < 2 & 3 > 2" },
    /* as Outlook writes it */
    { "\xef\xbb\xbf<html xmlns:o=\"urn:x\"><head><meta http-equiv=\"Content-Type\" "
      "content=\"text/html; charset=utf-8\"><style><!-- p { color: red } --></style></head>\r\n"
      "<body lang=\"EN-US\"><div class=\"WordSection1\"><p class=\"MsoNormal\">I am on&nbsp;holiday"
      "<o:p></o:p></p><p>Ask <b>Bob</b> &lt;bob@x.example&gt;.</p></div></body></html>",
      "I am on holiday Ask Bob <bob@x.example>." },
    { "<p>a<br>b<br/>c</p><ul><li>d</li><li>e</li></ul>", "a b c d e" },
    { "<b>b</b>old", "bold" },
    { "<p>&#228;&#xE4;&auml;&euro;&hellip;&copy;&#0;&#x110000;&#;&</p>",
      "äää€…&copy;\xef\xbf\xbd\xef\xbf\xbd&#;&" },
    { "<p title=\"a > b\">x</p>", "x" },
    { "<!-- secret --><p>x</p><!-- more", "x" },
    { "<script>if (a<b) alert('</p>')</script><p>x</p>", "x" },
    { "<style>p { }</STYLE ><p>x</p>", "x" },
    { "<p>x</p><style>y", "x" },
    { "<div style=\"display:none\">Preview</div><p>x</p>", "x" },
    { "<DIV STYLE='color: red; DISPLAY : None'><div>a</div><span>b</span></div><p>x</p>", "x" },
    { "<span style=\"display:none\">a<spanner>b</spanner></span>x</b>", "x" },
    { "<img style=\"display:none\"><p>x</p>", "x" },
    { "<div style=\"display: block\">x</div><p>display: none</p>", "x display: none" },
    { "<p>x</p><p style=\"display:none\">y", "x" },
    { "<p>x</p><", "x <" },
    { "<p>x</p", "x" },
    { "a\xff"
      "b\x01"
      "c\x7f"
      "d",
      "a b c d" },
    { "to\xe2\x80\xae"
      "day\xe2\x80\x8b",
      "today" }, /* right to left, no width */
    { "\xe3\x80\x80\xe4\xbc\x91\xe6\x9a\x87\xe4\xb8\xad", "休暇中" },
    { "<table><tr><td>Ann</td><th>Bob</th></tr></table>", "Ann Bob" },
    /* signatures */
    { "Away.\n-- \nAnn Example\nDirector", "Away." },
    { "<p>Away.</p><p>__________</p><p>Ann</p>", "Away." },
    { "<p>Away.</p><p>Kind regards,</p><p>Ann</p>", "Away." },
    { "Weg.\nMit freundlichen Grüßen\nAnn", "Weg." },
    { "不在です。\n敬具\n山田", "不在です。" },
    { "不在です。\n──────\n山田", "不在です。" },
    { "Best not to call. Thanks to Bob there is help.", /* in a line: no closing */
      "Best not to call. Thanks to Bob there is help." },
    { "------\nAway.", "Away." },
    { "Thanks", "Thanks" },
};

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plain_case) / sizeof(plain_case[0]); i++) {
        struct gw_buf out;

        gw_buf_init(&out, 1000);
        bridge_plain_write(gw_str_of(plain_case[i].source), &out);
        assert_string_equal(out.p ? out.p : "", plain_case[i].plain);
        gw_buf_done(&out);
    }
}

static void test_long_ones_are_cut(void **state)
{
    char text[3000];
    struct gw_buf out;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(&text[i], "\xc3\xa4", 2);
    for (size_t first = 0; first < 2; first++) {
        gw_buf_init(&out, 2 * BRIDGE_REPLY_MAX); /* no room for the whole */
        gw_buf_add_cstr(&out, "kept ");
        bridge_plain_write((struct gw_str){ text + 2 * first, 2990 }, &out);
        assert_in_range(out.len, 5 + BRIDGE_REPLY_MAX - 1, 5 + BRIDGE_REPLY_MAX);
        assert_true(gw_str_is_utf8(gw_buf_str(&out)));
        assert_true(gw_str_ends(gw_buf_str(&out), "\xe2\x80\xa6"));
        assert_true(gw_str_starts(gw_buf_str(&out), "kept "));
        gw_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_long_ones_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
