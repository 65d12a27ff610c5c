// SPDX-License-Identifier: MIT
// A reader of /openapi.json. Everything that it shows is set as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const at = (id) => document.getElementById(id);

/** An element with attributes and children, which are elements or texts. */
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text in which what stands between backticks is code. */
function prose(text) {
  return (text || "").split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));
}

function resolve(api, value) {
  if (!value || !value.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((inner, part) => inner && inner[part], api);
}

/** What a schema says, in a few words. */
function words(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  const type = [].concat(schema.type || "any");
  if (type.includes("array")) return `array of ${words(schema.items)}`;
  return schema["x-sql-type"] || [type.join(" or "), schema.format].filter(Boolean).join(", ");
}

function table(caption, heads, rows) {
  if (!rows.length) return null;
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, ...[].concat(cell)))));
  return make("section", {}, make("h4", {}, caption), make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function parameters(api, operation) {
  const rows = (operation.parameters || []).map((reference) => {
    const p = resolve(api, reference);
    return [make("code", {}, p.name), p.required ? `${p.in}, required` : p.in, words(p.schema), prose(p.description)];
  });
  return table("Parameters", ["Name", "Where", "Type", "What"], rows);
}

function contents(content) {
  return Object.entries(content || {}).map(([media, { schema }]) => `${media}${media.endsWith("json") ? ` (${words(schema)})` : ""}`).join("; ");
}

function answers(api, operation) {
  const rows = Object.entries(operation.responses).map(([status, reference]) => {
    const answer = resolve(api, reference);
    return [make("code", {}, status), answer.description, contents(answer.content)];
  });
  return table("Answers", ["Status", "What", "As"], rows);
}

/** How it is asked from a shell. */
function command(method, path, operation) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl"];
  if (method !== "get") parts.push("-X", method.toUpperCase());
  if (operation.requestBody) {
    const media = Object.keys(operation.requestBody.content)[0];
    if (media === "multipart/form-data") parts.push("-F", "file=@FILE");
    else parts.push("-H", quoted(`Content-Type: ${media}`), "--data-binary", "@FILE");
  }
  parts.push(quoted(location.origin + path));
  return parts.join(" ");
}

function anchor(operation) {
  return `op-${operation.operationId}`;
}

function show(api, path, method, operation) {
  const title = make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path), ` ${operation.summary}`);
  const body = make("div", {},
    operation.description ? make("p", {}, ...prose(operation.description)) : null,
    operation.security && !operation.security.length ? make("p", {}, "For everybody.") : null,
    make("pre", {}, make("code", {}, command(method, path, operation))),
    parameters(api, operation),
    operation.requestBody ? make("p", {}, `Body: ${operation.requestBody.description} ${contents(operation.requestBody.content)}`) : null,
    answers(api, operation));
  const details = make("details", { id: anchor(operation) }, title, body);
  details.dataset.words = `${method} ${path} ${operation.summary}`.toLowerCase();
  return details;
}

function showSchema(name, schema) {
  const needed = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([column, type]) => {
    const null_ok = [].concat(type.type || "null").includes("null") ? "may be null" : "";
    return [make("code", {}, column), words(type), [null_ok, needed.has(column) ? "" : "may be missing", type.readOnly ? "read only" : ""].filter(Boolean).join(", ")];
  });
  const key = schema["x-primary-key"] ? make("p", {}, `Key: ${schema["x-primary-key"].join(", ")}`) : null;
  const details = make("details", { id: `schema-${name}` }, make("summary", {}, make("code", {}, schema.title || name), name.endsWith("-new") ? " as it is sent" : ""),
    make("div", {}, schema.description ? make("p", {}, schema.description) : null, key, table("Members", ["Name", "Type", ""], rows)));
  details.dataset.words = `${name} ${schema.title || ""}`.toLowerCase();
  return details;
}

function link(target, text, words_) {
  const item = make("li", {}, make("a", { href: `#${target}` }, text));
  item.dataset.words = words_;
  return item;
}

function fill(api) {
  const main = at("main"), nav = at("contents");
  main.replaceChildren();
  nav.replaceChildren();
  at("version").textContent = api.info.version;
  const all = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((m) => [path, m, item[m]]));
  for (const tag of api.tags) {
    const own = all.filter(([, , operation]) => operation.tags.includes(tag.name));
    if (!own.length) continue;
    main.append(make("h2", { id: `tag-${tag.name}` }, tag.name), make("p", {}, tag.description || ""));
    main.append(...own.map((each) => show(api, ...each)));
    const items = own.map(([path, m, o]) => link(anchor(o), `${m.toUpperCase()} ${path}`, `${m} ${path} ${o.summary}`.toLowerCase()));
    nav.append(make("section", {}, make("h3", {}, tag.name), make("ul", {}, ...items)));
  }
  const schemas = Object.entries(api.components.schemas);
  main.append(make("h2", { id: "schemas" }, "schemas"), ...schemas.map(([name, schema]) => showSchema(name, schema)));
  nav.append(make("section", {}, make("h3", {}, "schemas"),
    make("ul", {}, ...schemas.map(([name, schema]) => link(`schema-${name}`, schema.title || name, name.toLowerCase())))));
  sift();
  open();
}

/** Show only what has all the words. */
function sift() {
  const wanted = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const element of document.querySelectorAll("[data-words]"))
    element.hidden = !wanted.every((word) => element.dataset.words.includes(word));
}

/** Open what the address names. */
function open() {
  const target = location.hash && at(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

async function read() {
  const token = at("token").value.trim();
  const state = at("state");
  state.textContent = "";
  try {
    const answer = await fetch("/openapi.json", { headers: token ? { Authorization: `Bearer ${token}` } : {}, credentials: "omit" });
    const body = await answer.json();
    if (answer.ok) fill(body);
    else state.textContent = [body.message, body.hint].filter(Boolean).join(": ");
  } catch (error) {
    state.textContent = `The description could not be read: ${error.message}`;
  }
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
at("filter").addEventListener("input", sift);
addEventListener("hashchange", open);
read();
