/* SPDX-License-Identifier: MIT */
/* A scope of a few tables for the tests (and the fuzzer) of rest/: orders refer to customers (twice), these to regions, people to
 * people; order_tags joins orders and tags. */
#ifndef CETLD_TESTS_REST_TABLES_H
#define CETLD_TESTS_REST_TABLES_H

#include "rest/scope.h"

enum {
    TEST_BOOL = 16,
    TEST_INT8 = 20,
    TEST_TEXT = 25,
    TEST_JSON = 114,
    TEST_TEXTS = 1009,
    TEST_TIMESTAMPTZ = 1184,
    TEST_NUMERIC = 1700,
    TEST_JSONB = 3802
};

#define COLUMN(column, type, oid_, ...)                                                                                            \
    {                                                                                                                              \
        .name = column, .sql_type = type, .oid = oid_, __VA_ARGS__                                                                 \
    }

static struct table_column test_orders[] = {
    COLUMN("id", "bigint", TEST_INT8, .not_null = true),
    COLUMN("customer_id", "bigint", TEST_INT8),
    COLUMN("payer_id", "bigint", TEST_INT8),
    COLUMN("amount", "numeric(12,2)", TEST_NUMERIC),
    COLUMN("placed", "timestamp with time zone", TEST_TIMESTAMPTZ, .not_null = true),
    COLUMN("name", "text", TEST_TEXT),
    COLUMN("paid", "boolean", TEST_BOOL),
    COLUMN("data", "jsonb", TEST_JSONB),
    COLUMN("raw", "json", TEST_JSON),
    COLUMN("words", "text[]", TEST_TEXTS),
    COLUMN("od\"d", "text", TEST_TEXT),
    COLUMN("_file", "bigint", TEST_INT8, .lineage = true),
};
static struct table_column test_customers[] = {
    COLUMN("id", "bigint", TEST_INT8, .not_null = true),
    COLUMN("name", "text", TEST_TEXT),
    COLUMN("region_id", "bigint", TEST_INT8),
    COLUMN("deleted_at", "timestamp with time zone", TEST_TIMESTAMPTZ),
};
static struct table_column test_regions[] = {COLUMN("id", "bigint", TEST_INT8, .not_null = true),
                                             COLUMN("code", "text", TEST_TEXT)};
static struct table_column test_people[] = {COLUMN("id", "bigint", TEST_INT8, .not_null = true),
                                            COLUMN("boss_id", "bigint", TEST_INT8)};
static struct table_column test_tags[] = {COLUMN("id", "bigint", TEST_INT8, .not_null = true), COLUMN("word", "text", TEST_TEXT)};
static struct table_column test_order_tags[] = {COLUMN("order_id", "bigint", TEST_INT8, .not_null = true),
                                                COLUMN("tag_id", "bigint", TEST_INT8, .not_null = true)};
static struct table_column test_notes[] = {COLUMN("text", "text", TEST_TEXT)};

static size_t test_first[] = {0}, test_both[] = {0, 1};
#define TABLE(table_name, list, key_, ...)                                                                                         \
    {                                                                                                                              \
        .schema = "public", .name = table_name, .column = list, .columns = sizeof list / sizeof *list, .key = key_,                \
        .keys = sizeof key_ / sizeof *key_, __VA_ARGS__                                                                            \
    }
static const struct table test_tables[] = {
    TABLE("orders", test_orders, test_first),
    TABLE("customers", test_customers, test_first, .deleted_at = &test_customers[3]),
    TABLE("regions", test_regions, test_first),
    TABLE("people", test_people, test_first),
    TABLE("tags", test_tags, test_first),
    TABLE("order_tags", test_order_tags, test_both),
    {.schema = "other", .name = "notes", .column = test_notes, .columns = 1},
};

#define KEY(key_name, from, column_, to, ...)                                                                                      \
    {                                                                                                                              \
        .name = key_name, .schema = "public", .table = from, .to_schema = "public", .to_table = to,                                \
        .column = (const char *[]){column_}, .to_column = (const char *[]){"id"}, .columns = 1, __VA_ARGS__                        \
    }
static const struct rest_key test_keys[] = {
    KEY("orders_customer", "orders", "customer_id", "customers"),
    KEY("orders_payer", "orders", "payer_id", "customers"),
    KEY("customers_region", "customers", "region_id", "regions"),
    KEY("people_boss", "people", "boss_id", "people"),
    KEY("order_tags_order", "order_tags", "order_id", "orders", .in_key = true),
    KEY("order_tags_tag", "order_tags", "tag_id", "tags", .in_key = true),
    KEY("hidden", "orders", "id", "secrets"),
};

static bool test_find(void *ctx, struct slice name, struct rest_table *ret)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof test_tables / sizeof *test_tables; i++) {
        if (!slice_equal(slice_of(test_tables[i].name), name)) continue;
        *ret = (struct rest_table){test_tables[i].name, &test_tables[i]};
        return true;
    }
    return false;
}

static bool test_find_table(void *ctx, const char *schema, const char *table, struct rest_table *ret)
{
    return test_find(ctx, slice_of(table), ret) && strcmp(schema, ret->table->schema) == 0;
}

static const struct rest_scope test_scope = {
    .find = test_find, .find_table = test_find_table, .key = test_keys, .keys = sizeof test_keys / sizeof *test_keys};

#endif
