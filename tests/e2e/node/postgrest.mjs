// SPDX-License-Identifier: MIT
// @supabase/postgrest-js as it is, against the daemon whose URL is the first argument. Prints a line for each check, and ends with 1
// when one of them fails.
import assert from "node:assert/strict";
import { PostgrestClient } from "@supabase/postgrest-js";

const url = process.argv[2];
const headers = process.argv[3] ? { Authorization: `Bearer ${process.argv[3]}` } : {};
const db = new PostgrestClient(url, { headers });
let failures = 0, checks = 0;

async function check(name, act) {
  checks++;
  try {
    await act();
    console.log(`ok ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}

/** The data of an answer without an error. */
async function data(question) {
  const { data: rows, error, status } = await question;
  assert.equal(error, null, `${status} ${JSON.stringify(error)}`);
  return rows;
}
const ids = (rows) => rows.map((row) => row.id);

// ---- reads

await check("all rows in the order of the key", async () => {
  const rows = await data(db.from("items").select());
  assert.deepEqual(ids(rows), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(rows[0], { id: 1, name: "one", price: 1.5, kind_id: 1, tags: ["a", "b"], data: { deep: { n: 1 }, list: [10, 20] }, at: "2024-01-01T00:00:00+00:00", ok: true });
});
await check("columns, aliases, casts", async () => {
  const rows = await data(db.from("items").select("id, title:name, price::text").eq("id", 1));
  assert.deepEqual(rows, [{ id: 1, title: "one", price: "1.50" }]);
});
await check("paths into JSON", async () => {
  const rows = await data(db.from("items").select("n:data->deep->n, t:data->deep->>n, first:data->list->0").eq("id", 1));
  assert.deepEqual(rows, [{ n: 1, t: "1", first: 10 }]);
  assert.deepEqual(ids(await data(db.from("items").select("id").eq("data->deep->>n", "1"))), [1]);
});
await check("eq neq gt gte lt lte", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").eq("name", "two"))), [2]);
  assert.deepEqual(ids(await data(db.from("items").select("id").neq("id", 1).lt("id", 4))), [2, 3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").gt("id", 2).lte("id", 4))), [3, 4]);
  assert.deepEqual(ids(await data(db.from("items").select("id").gte("price", 7.5))), [7]);
});
await check("like ilike and their lists, match", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").like("name", "t%"))), [2, 3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").ilike("name", "T%o"))), [2]);
  assert.deepEqual(ids(await data(db.from("items").select("id").likeAllOf("name", ["%e%", "t%"]))), [3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").likeAnyOf("name", ["on%", "tw%"]))), [1, 2]);
  assert.deepEqual(ids(await data(db.from("items").select("id").ilikeAnyOf("name", ["ON%", "TW%"]))), [1, 2]);
  assert.deepEqual(ids(await data(db.from("items").select("id").match({ name: "two", ok: false }))), [2]);
});
await check("is, in, not in, not", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").is("price", null))), [8]);
  assert.deepEqual(ids(await data(db.from("items").select("id").is("ok", true).lt("id", 4))), [1, 3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").in("id", [2, 5, 99]))), [2, 5]);
  assert.deepEqual(ids(await data(db.from("items").select("id").in("name", ["with (brackets), and: more.", "two"]))), [2, 7]);
  assert.deepEqual(ids(await data(db.from("items").select("id").not("id", "in", "(1,2,3,4,5,6)"))), [7, 8]);
  assert.deepEqual(ids(await data(db.from("items").select("id").not("price", "is", null).gt("id", 6))), [7]);
});
await check("or, and inside it", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").or("id.eq.1,name.eq.two"))), [1, 2]);
  assert.deepEqual(ids(await data(db.from("items").select("id").or("id.eq.8,and(id.gt.2,id.lt.4)"))), [3, 8]);
});
await check("arrays and jsonb: contains, containedBy, overlaps", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").contains("tags", ["a"]))), [1, 3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").containedBy("tags", ["a", "b", "x"]).lt("id", 4))), [1, 2, 3]);
  assert.deepEqual(ids(await data(db.from("items").select("id").overlaps("tags", ["b", "c"]))), [1, 4]);
  assert.deepEqual(ids(await data(db.from("items").select("id").contains("data", { deep: { n: 1 } }))), [1]);
});
await check("filter with the operator's name", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").filter("name", "in", '("one","two")'))), [1, 2]);
});
await check("full text", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").textSearch("name", "quoted & one", { config: "english" }))), [6]);
});
await check("orders, nulls first and last", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").order("id", { ascending: false }).limit(3))), [8, 7, 6]);
  assert.equal((await data(db.from("items").select("id").order("price", { nullsFirst: true })))[0].id, 8);
  assert.equal((await data(db.from("items").select("id").order("price", { ascending: false, nullsFirst: false }))).at(-1).id, 8);
  assert.deepEqual(ids(await data(db.from("items").select("id").order("ok").order("id", { ascending: false }).limit(2))), [8, 6]);
});
await check("pages by range and limit", async () => {
  assert.deepEqual(ids(await data(db.from("items").select("id").range(2, 4))), [3, 4, 5]);
  assert.deepEqual(ids(await data(db.from("items").select("id").limit(2))), [1, 2]);
});
await check("counts, exact, planned and estimated, with and without rows", async () => {
  const exact = await db.from("items").select("*", { count: "exact" }).lte("id", 5).range(0, 1);
  assert.equal(exact.error, null);
  assert.equal(exact.count, 5);
  assert.equal(exact.data.length, 2);
  const head = await db.from("items").select("*", { count: "exact", head: true });
  assert.equal(head.error, null);
  assert.equal(head.count, 8);
  assert.equal(head.data, null);
  for (const count of ["planned", "estimated"]) {
    const answer = await db.from("items").select("*", { count });
    assert.equal(answer.error, null);
    assert.ok(answer.count >= 0);
  }
});
await check("single and maybeSingle", async () => {
  assert.equal((await data(db.from("items").select("name").eq("id", 2).single())).name, "two");
  assert.equal((await data(db.from("items").select("name").eq("id", 2).maybeSingle())).name, "two");
  const none = await db.from("items").select().eq("id", 999).maybeSingle();
  assert.equal(none.error, null);
  assert.equal(none.data, null);
  const missing = await db.from("items").select().eq("id", 999).single();
  assert.equal(missing.error.code, "PGRST116");
  assert.equal(missing.status, 406);
  const many = await db.from("items").select().maybeSingle();
  assert.equal(many.error.code, "PGRST116");
});
await check("csv", async () => {
  const text = await data(db.from("items").select("id,name").lte("id", 2).csv());
  assert.equal(text.trim(), "id,name\n1,one\n2,two");
});
await check("embedding, both ways, inner, filters and orders of what is embedded", async () => {
  const one = await data(db.from("items").select("id, kind:kinds(id, name)").eq("id", 1).single());
  assert.deepEqual(one, { id: 1, kind: { id: 1, name: "tool" } });
  const kinds = await data(db.from("kinds").select("name, items(id)").order("id"));
  assert.deepEqual(kinds[0], { name: "tool", items: [{ id: 1 }, { id: 3 }] });
  const inner = await data(db.from("items").select("id, kinds!inner(name)").eq("kinds.name", "toy").order("id"));
  assert.deepEqual(ids(inner), [2, 4]);
  const ordered = await data(db.from("kinds").select("id, items(id)").eq("id", 1).order("id", { referencedTable: "items", ascending: false }).limit(1, { referencedTable: "items" }));
  assert.deepEqual(ordered[0].items, [{ id: 3 }]);
});
await check("mistakes have codes, messages and hints", async () => {
  const column = await db.from("items").select("nothing");
  assert.equal(column.status, 400);
  assert.equal(column.error.code, "42703");
  assert.ok(column.error.message);
  assert.equal((await db.from("nothing").select()).status, 404);
  assert.equal((await db.from("items").select().eq("id", "one")).error.code, "22P02");
});
await check("throwOnError", async () => {
  await assert.rejects(async () => await db.from("items").select("nothing").throwOnError());
});

// ---- writes

await check("insert, with and without the rows", async () => {
  const quiet = await db.from("items").insert({ id: 100, name: "hundred" });
  assert.equal(quiet.error, null, JSON.stringify(quiet.error));
  assert.equal(quiet.status, 201);
  const told = await data(db.from("items").insert({ id: 101, name: "more", price: 2 }).select());
  assert.equal(told.length, 1);
  assert.equal(told[0].price, 2);
  const one = await data(db.from("items").insert({ id: 102, name: "single" }).select("id").single());
  assert.deepEqual(one, { id: 102 });
});
await check("insert many, with columns that some lack", async () => {
  const rows = await data(db.from("items").insert([{ id: 110, name: "a" }, { id: 111, name: "b", price: 3 }]).select("id,price"));
  assert.deepEqual(rows, [{ id: 110, price: null }, { id: 111, price: 3 }]);
  const counted = await db.from("items").insert([{ id: 112, name: "c" }], { count: "exact" });
  assert.equal(counted.error, null);
  assert.equal(counted.count, 1);
  const defaults = await data(db.from("items").insert([{ id: 113, name: "d" }, { id: 114, name: "e", ok: false }], { defaultToNull: false }).select("id,ok"));
  assert.deepEqual(defaults, [{ id: 113, ok: true }, { id: 114, ok: false }]);
});
await check("insert of a known key", async () => {
  const twice = await db.from("items").insert({ id: 100, name: "again" });
  assert.equal(twice.status, 409);
  assert.equal(twice.error.code, "23505");
});
await check("insert that breaks a reference or a NOT NULL", async () => {
  const reference = await db.from("items").insert({ id: 120, name: "x", kind_id: 999 });
  assert.equal(reference.error.code, "23503");
  const missing = await db.from("items").insert({ id: 121 }).select();
  assert.equal(missing.error.code, "23502");
  assert.equal(missing.status, 400);
});
await check("upsert merges, or leaves as it is", async () => {
  const merged = await data(db.from("items").upsert({ id: 100, name: "merged" }).select("name").single());
  assert.equal(merged.name, "merged");
  const ignored = await data(db.from("items").upsert({ id: 100, name: "ignored" }, { ignoreDuplicates: true }).select());
  assert.deepEqual(ignored, []);
  assert.equal((await data(db.from("items").select("name").eq("id", 100).single())).name, "merged");
  const by = await data(db.from("kinds").upsert({ id: 7, name: "tool" }, { onConflict: "name", ignoreDuplicates: true }).select());
  assert.deepEqual(by, []);
  const many = await data(db.from("items").upsert([{ id: 100, name: "m" }, { id: 130, name: "n" }]).select("id,name").order("id"));
  assert.deepEqual(many, [{ id: 100, name: "m" }, { id: 130, name: "n" }]);
});
await check("update", async () => {
  const rows = await data(db.from("items").update({ price: 42 }).eq("id", 101).select("id,price"));
  assert.deepEqual(rows, [{ id: 101, price: 42 }]);
  const quiet = await db.from("items").update({ price: 43 }).in("id", [110, 111]);
  assert.equal(quiet.status, 204);
  const counted = await db.from("items").update({ price: 44 }, { count: "exact" }).in("id", [110, 111]);
  assert.equal(counted.count, 2);
  assert.deepEqual(await data(db.from("items").update({ price: 1 }).eq("id", 999).select()), []);
});
await check("update with maxAffected", async () => {
  if (typeof db.from("items").update({}).maxAffected !== "function") return;
  const refused = await db.from("items").update({ price: 1 }).gte("id", 110).maxAffected(1).select();
  assert.equal(refused.error?.code, "PGRST124", JSON.stringify(refused));
});
await check("delete", async () => {
  const rows = await data(db.from("items").delete().eq("id", 102).select());
  assert.equal(rows[0].id, 102);
  const counted = await db.from("items").delete({ count: "exact" }).gte("id", 110);
  assert.equal(counted.error, null);
  assert.equal(counted.count, 6);
  assert.equal((await data(db.from("items").select("id").gte("id", 100))).length, 2);
});

console.log(`${checks - failures} passed, ${failures} failed`);
process.exit(failures ? 1 : 0);
