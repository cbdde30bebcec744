/* Documents against a schema in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xml_schema.h"

static const char menu_schema[] =
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:m'"
    " elementFormDefault='qualified'><xs:element name='Menu'><xs:complexType><xs:sequence>"
    "<xs:element name='Dish' type='xs:string' maxOccurs='2'/>"
    "<xs:element name='Price' type='xs:int'/></xs:sequence>"
    "<xs:attribute name='Day' type='xs:date'/></xs:complexType></xs:element></xs:schema>";

static void file_write(char path[32], const char *text)
{
    FILE *f;
    int fd;

    snprintf(path, 32, "/tmp/test_xml_schema_XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    struct xml_schema *schema;
    struct gw_err err;
    char path[32];
    enum gw_code rc;

    file_write(path, menu_schema);
    rc = xml_schema_load(path, &schema, &err);
    unlink(path);
    *state = schema;
    return rc;
}

static int teardown(void **state)
{
    struct xml_schema *schema = *state;

    xml_schema_free(&schema);
    xml_schema_free(&schema);
    return 0;
}

static const struct {
    const char *doc;
    int line;         /* of the violation; 0: valid */
    const char *part; /* of the sentence */
    bool tolerated;   /* when "Price" and "Extra" are let pass */
} check_case[] = {
    { "<Menu xmlns='urn:m'><Dish>Soup</Dish><Price>5</Price></Menu>", 0, "", true },
    { "<m:Menu xmlns:m='urn:m' Day='2026-11-20'><m:Dish/><m:Dish/><m:Price>5</m:Price></m:Menu>", 0,
      "", true },
    { "<Menu xmlns='urn:m'>\n<Dish/>\n<Price>five</Price></Menu>", 3, "'five'", true },
    { "<Menu xmlns='urn:m'>\n<Extra/>\n<Dish/><Price>5</Price></Menu>", 2, "not expected", true },
    { "<Menu xmlns='urn:m'><Dish/></Menu>", 1, "Missing child", false },
    { "<Menu xmlns='urn:m' Day='today'><Dish/><Price>5</Price></Menu>", 1, "'today'", false },
    { "<Menu><Dish/><Price>5</Price></Menu>", 1, "No matching global declaration", false },
    { "<Menu xmlns='urn:m'><Dish/><Dish/><Dish/><Price>5</Price></Menu>", 1, "'{urn:m}Dish'",
      false },
};

static void test_check(void **state)
{
    static const char *const tolerated[] = { "Price", "Extra", NULL };

    for (size_t i = 0; i < sizeof(check_case) / sizeof(*check_case); i++) {
        struct gw_str doc = gw_str_of(check_case[i].doc);
        struct xml_violation violation;

        assert_int_equal(xml_schema_check(*state, doc, NULL, &violation), !check_case[i].line);
        if (check_case[i].line) {
            assert_int_equal(violation.line, check_case[i].line);
            assert_true(violation.column > 0);
            assert_non_null(strstr(violation.text, check_case[i].part));
        }
        assert_int_equal(xml_schema_check(*state, doc, tolerated, &violation),
                         check_case[i].tolerated);
    }
}

static void test_not_a_schema(void **state)
{
    struct xml_schema *schema = NULL;
    struct gw_err err;
    char path[32];

    (void)state;
    assert_int_equal(xml_schema_load("/nonexistent/x.xsd", &schema, &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "cannot be read"));
    file_write(path, "<a/>");
    assert_int_equal(xml_schema_load(path, &schema, &err), GW_INVALID);
    unlink(path);
    assert_null(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test(test_not_a_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
