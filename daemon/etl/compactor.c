/* SPDX-License-Identifier: MIT */
#include "etl/compactor.h"

#include "base/log.h"
#include "etl/ledger.h"

#include <stdlib.h>

enum { PATIENCE_MS = 30000 };

struct compaction {
    struct db_wait wait;
    struct db_pool *pool;
    struct db_conn *conn;
    int64_t dataset;
};

static void compacted(void *ctx, const struct db_result *r)
{
    struct compaction *c = ctx;
    if (r->status == ERROR_REFUSED) log_warning("the change marks could not be folded: %s", r->error->text);
    db_pool_give(c->pool, c->conn);
    free(c);
}

static void connected(struct db_wait *w, struct db_conn *conn)
{
    struct compaction *c = container_of(w, struct compaction, wait);
    c->conn = conn;
    if (!conn) {
        free(c);
    } else if (ledger_compact(conn, c->dataset, compacted, c) < 0) {
        db_pool_give(c->pool, conn);
        free(c);
    }
}

void compactor_run(struct db_pool *pool, int64_t dataset)
{
    struct compaction *c = calloc(1, sizeof *c);
    if (!c) return;
    *c = (struct compaction){.wait.got = connected, .pool = pool, .dataset = dataset};
    db_pool_take(pool, &c->wait, PATIENCE_MS);
}
