/* SPDX-License-Identifier: MIT */
#include "etl/ledger_many.h"

#include "base/clock.h"
#include "base/log.h"
#include "etl/sql.h"

enum { SHOWN_MAX = 4 * NAME_MAX + 1, SQL_MAX = 16 * 1024 * 1024 };

static void put_sums(struct buf *sql, const uint8_t *const *sum, size_t n)
{
    buf_puts(sql, "'{");
    for (size_t i = 0; i < n; i++) {
        char hex[DIGEST_HEX];
        digest_hex(sum[i], hex);
        buf_printf(sql, "%s%s", i ? "," : "", hex);
    }
    buf_puts(sql, "}'");
}

int ledger_begin_many(struct db_conn *c, int64_t dataset, const uint8_t *const *sum, size_t n, ledger_done done, void *ctx)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "BEGIN");
    if (n > 0) {
        buf_printf(&sql, "; " SQL_LEDGER_LOCK_MANY, (long long)dataset);
        put_sums(&sql, sum, n);
        buf_puts(&sql, SQL_LEDGER_LOCK_MANY_END "; " SQL_LEDGER_DUPLICATE_MANY);
        put_sums(&sql, sum, n);
        buf_printf(&sql, SQL_LEDGER_DUPLICATE_MANY_END, (long long)dataset);
    }
    const char *text = buf_cstr(&sql);
    int r = text ? db_query(c, &(struct db_query){.sql = text, .done = done, .ctx = ctx}) : -ENOMEM;
    buf_done(&sql);
    return r;
}

/* ---- arrays in PostgreSQL's text form ---- */

enum {
    A_TOKEN,
    A_NAME,
    A_BYTES,
    A_STATE,
    A_SUM,
    A_READ,
    A_LOADED,
    A_REJECTED,
    A_FILTERED,
    A_DUPLICATE,
    A_ARRIVED,
    A_STARTED,
    A_PATH,
    A_ID,
    ARRAYS
};

static void put_comma(struct buf *a)
{
    buf_putc(a, a->len == 0 ? '{' : ',');
}

static void put_text(struct buf *a, const char *text)
{
    put_comma(a);
    buf_putc(a, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') buf_putc(a, '\\');
        buf_putc(a, *p);
    }
    buf_putc(a, '"');
}

static void put_number(struct buf *a, int64_t n)
{
    put_comma(a);
    buf_printf(a, "%lld", (long long)n);
}

static void put_id(struct buf *a, int64_t id)
{
    if (id) return put_number(a, id);
    put_comma(a);
    buf_puts(a, "NULL");
}

/* As ledger_insert has it: bytes, where they say more than the name that is shown. */
static void put_path(struct buf *a, const struct arrival *arrival, const char *shown)
{
    put_comma(a);
    if (!arrival->file.path || strcmp(arrival->file.path, shown) == 0) return buf_puts(a, "NULL");
    for (const char *p = arrival->file.path; *p; p++)
        buf_printf(a, "%02x", (unsigned char)*p);
}

static void put_row(struct buf array[ARRAYS], const struct ledger_row *row)
{
    const struct arrival *a = row->arrival;
    char name[SHOWN_MAX], arrived[CLOCK_ISO_MAX], started[CLOCK_ISO_MAX], hex[DIGEST_HEX];
    clock_iso(a->arrived_us, arrived);
    clock_iso(a->started_us, started);
    log_escape(slice_of(a->file.name), name, sizeof name);
    digest_hex(a->sum, hex);
    put_text(&array[A_TOKEN], a->file.token);
    put_text(&array[A_NAME], name);
    put_number(&array[A_BYTES], (int64_t)a->file.st.st_size);
    put_text(&array[A_STATE], arrival_state_name(a->state));
    put_text(&array[A_SUM], hex);
    put_number(&array[A_READ], (int64_t)a->counts.read);
    put_number(&array[A_LOADED], (int64_t)a->counts.loaded);
    put_number(&array[A_REJECTED], (int64_t)a->counts.rejected);
    put_number(&array[A_FILTERED], (int64_t)a->counts.filtered);
    put_id(&array[A_DUPLICATE], row->duplicate_of);
    put_text(&array[A_ARRIVED], arrived);
    put_text(&array[A_STARTED], started);
    put_path(&array[A_PATH], a, name);
    put_id(&array[A_ID], row->id);
}

int ledger_insert_many(struct db_conn *c, const struct ledger_many *many, ledger_done done, void *ctx)
{
    struct buf array[ARRAYS], table;
    struct db_param p[ARRAYS + 4];
    buf_init(&table, SQL_MAX);
    for (int i = 0; i < ARRAYS; i++)
        buf_init(&array[i], SQL_MAX);
    for (size_t i = 0; i < many->n; i++)
        put_row(array, &many->row[i]);
    const char *name = table_quote(&table, many->table->schema, many->table->name);
    int r = name ? 0 : -ENOMEM;
    p[0] = db_int8(many->dataset);
    p[1] = db_text(name);
    p[2] = db_int8(many->rows_delta);
    for (int i = 0; i < ARRAYS; i++) {
        buf_putc(&array[i], '}');
        const char *text = buf_cstr(&array[i]);
        if (!text) r = -ENOMEM;
        p[3 + i] = db_text(text);
    }
    p[ARRAYS + 3] = db_text(many->table->lineage ? "true" : "false");
    if (r == 0)
        r = db_query(c,
                     &(struct db_query){.sql = SQL_LEDGER_INSERT_MANY, .param = p, .params = ARRAYS + 4, .done = done, .ctx = ctx});
    for (int i = 0; i < ARRAYS; i++)
        buf_done(&array[i]);
    buf_done(&table);
    return r;
}
