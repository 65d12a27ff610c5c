-- SPDX-License-Identifier: MIT
-- The rows of daemon/expr/catalog.c out of a PostgreSQL server:  psql -XAtq -f tools/expr-catalog.sql
-- Left out is what no call from an expression of ours can meet: overloads that take none of our types, where a text would be preferred.
\set names '+ - * / % ^ = <> < <= > >= || ~~ !~~ ~~* !~~* btrim ltrim rtrim lower upper initcap length char_length character_length octet_length bit_length substr substring left right replace split_part concat concat_ws strpos position lpad rpad repeat reverse translate ascii chr starts_with md5 to_hex quote_literal like_escape overlay round abs ceil ceiling floor trunc mod div sign sqrt cbrt power pow exp ln log log10 gcd lcm pi degrees radians factorial width_bucket scale min_scale trim_scale date_trunc date_part extract make_date make_time make_timestamp age isfinite to_char to_date to_timestamp to_number date_bin timezone gen_random_uuid num_nulls num_nonnulls'
\set ours '{bool,int2,int4,int8,numeric,float4,float8,date,time,timestamp,timestamptz,uuid,json,jsonb,text,varchar,bpchar}'
\set generic '{any,anyelement,anynonarray,anycompatible,anycompatiblenonarray}'

CREATE TEMP TABLE type_ AS SELECT oid, typname::text AS name, typcategory AS category, typispreferred AS preferred,
    typname = ANY(:'ours'::name[]) AS ours, typname = ANY(:'generic'::name[]) AS generic,
    (SELECT string_agg(s.typname, ',' ORDER BY s.oid) FROM pg_cast JOIN pg_type s ON s.oid = castsource
      WHERE casttarget = t.oid AND castcontext = 'i' AND s.typname = ANY(:'ours'::name[])) AS source
  FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace;
CREATE TEMP TABLE call_ AS
  SELECT oprname::text AS name, CASE oprkind WHEN 'l' THEN ARRAY[oprright] ELSE ARRAY[oprleft, oprright] END AS arg, oprresult AS result, false AS more
    FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = ANY(string_to_array(:'names', ' '))
  UNION ALL
  SELECT proname, proargtypes::oid[], prorettype, provariadic <> 0
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proname = ANY(string_to_array(:'names', ' '));
ALTER TABLE call_ ADD words text, ADD met bool, ADD texts bool;
UPDATE call_ SET
    words = coalesce((SELECT string_agg(name, ',' ORDER BY i) FROM unnest(arg) WITH ORDINALITY a(oid, i) JOIN type_ USING (oid)), ''),
    met = cardinality(arg) = 0 OR EXISTS (SELECT FROM unnest(arg) a(oid) JOIN type_ USING (oid) WHERE ours OR generic OR source IS NOT NULL),
    texts = (SELECT bool_and(category = 'S') FROM unnest(arg) a(oid) JOIN type_ USING (oid));
CREATE TEMP TABLE kept_ AS SELECT * FROM call_ c WHERE met OR NOT EXISTS (SELECT FROM call_ o WHERE o.name = c.name AND o.texts AND cardinality(o.arg) = cardinality(c.arg));

SELECT '/* SPDX-License-Identifier: MIT */
/* Written by tools/expr-catalog.sql from PostgreSQL ' || current_setting('server_version_num')::int / 10000 || '''s catalog. */
#include "expr/catalog.h"

const struct catalog_call catalog_call[] = {';
SELECT format('    {"%s", "%s"},', name, string_agg(words || CASE WHEN more THEN '...' ELSE '' END || '>' || (SELECT typname FROM pg_type WHERE oid = result), ' ' ORDER BY cardinality(arg), words))
  FROM kept_ GROUP BY name ORDER BY name COLLATE "C";
SELECT '    {0},
};

const struct catalog_type catalog_type[] = {';
SELECT format('    {"%s", ''%s'', %s, "%s"},', name, category, CASE WHEN preferred THEN 'true' ELSE 'false' END, coalesce(source, ''))
  FROM type_ t WHERE NOT ours AND EXISTS (SELECT FROM kept_ WHERE t.oid = ANY(arg)) ORDER BY name COLLATE "C";
SELECT '    {0},
};';
