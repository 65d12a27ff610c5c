// SPDX-License-Identifier: MIT
// node duckdb.mjs NODE_MODULES sum|transform FILE: the queries of fold.c by DuckDB on one thread; the groups on stdout, "seconds S" on stderr.
import { createRequire } from 'node:module';

const [modules, what, file] = process.argv.slice(2);
const { DuckDBInstance, version } = createRequire(modules + '/')('@duckdb/node-api');
const columns = {
    order_id: 'BIGINT', customer_id: 'BIGINT', ordered: 'TIMESTAMP', item: 'VARCHAR', channel: 'VARCHAR', quantity: 'INTEGER',
    price: 'DECIMAL(10,2)', amount: 'DECIMAL(12,2)', place: 'VARCHAR',
};
const literal = (text) => `'${text.replaceAll("'", "''")}'`;
const types = Object.entries(columns).map(([name, type]) => `${name}: ${literal(type)}`).join(', ');
const read = `read_csv(${literal(file)}, header = true, delim = ',', quote = '"', escape = '"', auto_detect = false, columns = {${types}})`;
const query = {
    sum: `SELECT place, channel, count(*), sum(quantity), sum(amount), min(ordered), max(ordered), max(price), max(customer_id), max(order_id), count(item)
            FROM ${read} GROUP BY place, channel ORDER BY place, channel`,
    transform: `SELECT upper(channel) AS c, date_trunc('month', ordered) AS m, count(*), sum(quantity), sum(round(amount * 1.19, 2)), min(ordered), max(price),
                       max(customer_id), max(order_id), count(item), max(place)
                  FROM ${read} WHERE quantity > 3 AND channel <> 'phone' GROUP BY c, m ORDER BY c, m`,
}[what];

const connection = await (await DuckDBInstance.create(':memory:')).connect();
await connection.run('SET threads = 1');
const began = performance.now();
const rows = (await connection.runAndReadAll(query)).getRows();
const seconds = (performance.now() - began) / 1000;
for (const row of rows) console.log(row.map(String).join('|'));
console.error(`version ${version()}\nseconds ${seconds.toFixed(6)}`);
process.exit(0);
