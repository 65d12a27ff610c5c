// SPDX-License-Identifier: MIT
// avro.mjs IN OUT CODEC: avsc reads an Avro file, prints each record as a line of JSON (bytes as hex, longs as text), and writes all of them to
// another file.
import avro from 'avsc';

const [input, output, codec] = process.argv.slice(2);
const long = avro.types.LongType.__with({
  fromBuffer: (b) => b.readBigInt64LE(),
  toBuffer: (n) => {
    const b = Buffer.alloc(8);
    b.writeBigInt64LE(n);
    return b;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (n) => typeof n === 'bigint',
  compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1),
});
const typeHook = (schema) => (schema === 'long' || schema.type === 'long' ? long : undefined);
const shown = (v) => {
  if (Buffer.isBuffer(v)) return v.toString('hex');
  if (typeof v === 'bigint') return v.toString();
  return typeof v === 'number' && !Number.isFinite(v) ? String(v) : v;
};

const records = [];
let type;
avro
  .createFileDecoder(input, { parseHook: (schema) => avro.Type.forSchema(schema, { typeHook, wrapUnions: 'never' }) })
  .on('metadata', (t) => {
    type = t;
  })
  .on('error', (e) => {
    console.error(e);
    process.exit(1);
  })
  .on('data', (record) => {
    records.push(record);
    console.log(JSON.stringify(Object.fromEntries(Object.entries(record).map(([k, v]) => [k, shown(v)]))));
  })
  .on('end', () => {
    const encoder = avro.createFileEncoder(output, type, { codec });
    for (const record of records) encoder.write(record);
    encoder.end();
  });
