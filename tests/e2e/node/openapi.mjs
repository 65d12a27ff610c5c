// SPDX-License-Identifier: MIT
// Is what stands on the standard input a valid description? And of the objects behind it, one a line as {schema, value}, is each value
// valid under the schema of that name? Exits with 1 and the errors where not.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [text, ...values] = readFileSync(0, "utf8").split("\n").filter((line) => line);
const description = JSON.parse(text);
const validator = new Validator();
const result = await validator.validate(structuredClone(description));
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 1));
  process.exit(1);
}
console.log(`OpenAPI ${validator.version}`);

const ajv = addFormats(new Ajv2020.default({ strict: false, allErrors: true }));
ajv.addSchema(description, "openapi.json");
for (const line of values) {
  const { schema, value } = JSON.parse(line);
  const check = ajv.getSchema(`openapi.json#/components/schemas/${schema}`);
  if (!check(value)) {
    console.error(schema, line, JSON.stringify(check.errors, null, 1));
    process.exit(1);
  }
}
console.log(`${values.length} values`);
