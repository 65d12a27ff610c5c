/* SPDX-License-Identifier: MIT */
/* Written by tools/expr-catalog.sql from PostgreSQL 15's catalog. */
#include "expr/catalog.h"

const struct catalog_call catalog_call[] = {
    {"!~~", "bpchar,text>bool name,text>bool text,text>bool"},
    {"!~~*", "bpchar,text>bool name,text>bool text,text>bool"},
    {"%", "int2,int2>int2 int4,int4>int4 int8,int8>int8 numeric,numeric>numeric"},
    {"*", "anymultirange,anymultirange>anymultirange anyrange,anyrange>anyrange box,point>box circle,point>circle "
          "float4,float4>float4 float4,float8>float8 float4,money>money float8,float4>float8 float8,float8>float8 "
          "float8,interval>interval float8,money>money int2,int2>int2 int2,int4>int4 int2,int8>int8 int2,money>money "
          "int4,int2>int4 int4,int4>int4 int4,int8>int8 int4,money>money int8,int2>int8 int8,int4>int8 int8,int8>int8 "
          "int8,money>money interval,float8>interval money,float4>money money,float8>money money,int2>money money,int4>money "
          "money,int8>money numeric,numeric>numeric path,point>path point,point>point"},
    {"+", "float4>float4 float8>float8 int2>int2 int4>int4 int8>int8 numeric>numeric _aclitem,aclitem>_aclitem "
          "anymultirange,anymultirange>anymultirange anyrange,anyrange>anyrange box,point>box circle,point>circle date,int4>date "
          "date,interval>timestamp date,time>timestamp date,timetz>timestamptz float4,float4>float4 float4,float8>float8 "
          "float8,float4>float8 float8,float8>float8 inet,int8>inet int2,int2>int2 int2,int4>int4 int2,int8>int8 int4,date>date "
          "int4,int2>int4 int4,int4>int4 int4,int8>int8 int8,inet>inet int8,int2>int8 int8,int4>int8 int8,int8>int8 "
          "interval,date>timestamp interval,interval>interval interval,time>time interval,timestamp>timestamp "
          "interval,timestamptz>timestamptz interval,timetz>timetz money,money>money numeric,numeric>numeric numeric,pg_lsn>pg_lsn "
          "path,path>path path,point>path pg_lsn,numeric>pg_lsn point,point>point time,date>timestamp time,interval>time "
          "timestamp,interval>timestamp timestamptz,interval>timestamptz timetz,date>timestamptz timetz,interval>timetz"},
    {"-", "float4>float4 float8>float8 int2>int2 int4>int4 int8>int8 interval>interval numeric>numeric _aclitem,aclitem>_aclitem "
          "anymultirange,anymultirange>anymultirange anyrange,anyrange>anyrange box,point>box circle,point>circle date,date>int4 "
          "date,int4>date date,interval>timestamp float4,float4>float4 float4,float8>float8 float8,float4>float8 "
          "float8,float8>float8 inet,inet>int8 inet,int8>inet int2,int2>int2 int2,int4>int4 int2,int8>int8 int4,int2>int4 "
          "int4,int4>int4 int4,int8>int8 int8,int2>int8 int8,int4>int8 int8,int8>int8 interval,interval>interval jsonb,_text>jsonb "
          "jsonb,int4>jsonb jsonb,text>jsonb money,money>money numeric,numeric>numeric path,point>path pg_lsn,numeric>pg_lsn "
          "pg_lsn,pg_lsn>numeric point,point>point time,interval>time time,time>interval timestamp,interval>timestamp "
          "timestamp,timestamp>interval timestamptz,interval>timestamptz timestamptz,timestamptz>interval timetz,interval>timetz"},
    {"/", "box,point>box circle,point>circle float4,float4>float4 float4,float8>float8 float8,float4>float8 float8,float8>float8 "
          "int2,int2>int2 int2,int4>int4 int2,int8>int8 int4,int2>int4 int4,int4>int4 int4,int8>int8 int8,int2>int8 int8,int4>int8 "
          "int8,int8>int8 interval,float8>interval money,float4>money money,float8>money money,int2>money money,int4>money "
          "money,int8>money money,money>float8 numeric,numeric>numeric path,point>path point,point>point"},
    {"<", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
          "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
          "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
          "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
          "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
          "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool"},
    {"<=", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
           "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
           "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
           "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
           "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
           "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool"},
    {"<>", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
           "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
           "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
           "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
           "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
           "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool xid,int4>bool"},
    {"=", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
          "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
          "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
          "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
          "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
          "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool xid,int4>bool"},
    {">", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
          "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
          "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
          "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
          "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
          "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool"},
    {">=", "bool,bool>bool bpchar,bpchar>bool date,date>bool date,timestamp>bool date,timestamptz>bool float4,float4>bool "
           "float4,float8>bool float8,float4>bool float8,float8>bool int2,int2>bool int2,int4>bool int2,int8>bool int4,int2>bool "
           "int4,int4>bool int4,int8>bool int8,int2>bool int8,int4>bool int8,int8>bool interval,interval>bool jsonb,jsonb>bool "
           "name,name>bool name,text>bool numeric,numeric>bool oid,oid>bool text,name>bool text,text>bool time,time>bool "
           "timestamp,date>bool timestamp,timestamp>bool timestamp,timestamptz>bool timestamptz,date>bool "
           "timestamptz,timestamp>bool timestamptz,timestamptz>bool timetz,timetz>bool uuid,uuid>bool"},
    {"^", "float8,float8>float8 numeric,numeric>numeric"},
    {"abs", "float4>float4 float8>float8 int2>int2 int4>int4 int8>int8 numeric>numeric"},
    {"age", "timestamp>interval timestamptz>interval xid>int4 timestamp,timestamp>interval timestamptz,timestamptz>interval"},
    {"ascii", "text>int4"},
    {"bit_length", "text>int4"},
    {"btrim", "text>text text,text>text"},
    {"cbrt", "float8>float8"},
    {"ceil", "float8>float8 numeric>numeric"},
    {"ceiling", "float8>float8 numeric>numeric"},
    {"char_length", "bpchar>int4 text>int4"},
    {"character_length", "bpchar>int4 text>int4"},
    {"chr", "int4>text"},
    {"concat", "any...>text"},
    {"concat_ws", "text,any...>text"},
    {"date_bin", "interval,timestamp,timestamp>timestamp interval,timestamptz,timestamptz>timestamptz"},
    {"date_part",
     "text,date>float8 text,interval>float8 text,time>float8 text,timestamp>float8 text,timestamptz>float8 text,timetz>float8"},
    {"date_trunc",
     "text,interval>interval text,timestamp>timestamp text,timestamptz>timestamptz text,timestamptz,text>timestamptz"},
    {"degrees", "float8>float8"},
    {"div", "numeric,numeric>numeric"},
    {"exp", "float8>float8 numeric>numeric"},
    {"extract", "text,date>numeric text,interval>numeric text,time>numeric text,timestamp>numeric text,timestamptz>numeric "
                "text,timetz>numeric"},
    {"factorial", "int8>numeric"},
    {"floor", "float8>float8 numeric>numeric"},
    {"gcd", "int4,int4>int4 int8,int8>int8 numeric,numeric>numeric"},
    {"gen_random_uuid", ">uuid"},
    {"initcap", "text>text"},
    {"isfinite", "date>bool interval>bool timestamp>bool timestamptz>bool"},
    {"lcm", "int4,int4>int4 int8,int8>int8 numeric,numeric>numeric"},
    {"left", "text,int4>text"},
    {"length", "bpchar>int4 text>int4 bytea,name>int4"},
    {"like_escape", "text,text>text"},
    {"ln", "float8>float8 numeric>numeric"},
    {"log", "float8>float8 numeric>numeric numeric,numeric>numeric"},
    {"log10", "float8>float8 numeric>numeric"},
    {"lower", "text>text"},
    {"lpad", "text,int4>text text,int4,text>text"},
    {"ltrim", "text>text text,text>text"},
    {"make_date", "int4,int4,int4>date"},
    {"make_time", "int4,int4,float8>time"},
    {"make_timestamp", "int4,int4,int4,int4,int4,float8>timestamp"},
    {"md5", "text>text"},
    {"min_scale", "numeric>int4"},
    {"mod", "int2,int2>int2 int4,int4>int4 int8,int8>int8 numeric,numeric>numeric"},
    {"num_nonnulls", "any...>int4"},
    {"num_nulls", "any...>int4"},
    {"octet_length", "bpchar>int4 text>int4"},
    {"overlay", "bit,bit,int4>bit bytea,bytea,int4>bytea text,text,int4>text bit,bit,int4,int4>bit bytea,bytea,int4,int4>bytea "
                "text,text,int4,int4>text"},
    {"pi", ">float8"},
    {"position", "text,text>int4"},
    {"pow", "float8,float8>float8 numeric,numeric>numeric"},
    {"power", "float8,float8>float8 numeric,numeric>numeric"},
    {"quote_literal", "anyelement>text text>text"},
    {"radians", "float8>float8"},
    {"repeat", "text,int4>text"},
    {"replace", "text,text,text>text"},
    {"reverse", "text>text"},
    {"right", "text,int4>text"},
    {"round", "float8>float8 numeric>numeric numeric,int4>numeric"},
    {"rpad", "text,int4>text text,int4,text>text"},
    {"rtrim", "text>text text,text>text"},
    {"scale", "numeric>int4"},
    {"sign", "float8>float8 numeric>numeric"},
    {"split_part", "text,text,int4>text"},
    {"sqrt", "float8>float8 numeric>numeric"},
    {"starts_with", "text,text>bool"},
    {"strpos", "text,text>int4"},
    {"substr", "bytea,int4>bytea text,int4>text bytea,int4,int4>bytea text,int4,int4>text"},
    {"substring", "bit,int4>bit bytea,int4>bytea text,int4>text text,text>text bit,int4,int4>bit bytea,int4,int4>bytea "
                  "text,int4,int4>text text,text,text>text"},
    {"timezone", "interval,timestamp>timestamptz interval,timestamptz>timestamp interval,timetz>timetz text,timestamp>timestamptz "
                 "text,timestamptz>timestamp text,timetz>timetz"},
    {"to_char", "float4,text>text float8,text>text int4,text>text int8,text>text interval,text>text numeric,text>text "
                "timestamp,text>text timestamptz,text>text"},
    {"to_date", "text,text>date"},
    {"to_hex", "int4>text int8>text"},
    {"to_number", "text,text>numeric"},
    {"to_timestamp", "float8>timestamptz text,text>timestamptz"},
    {"translate", "text,text,text>text"},
    {"trim_scale", "numeric>numeric"},
    {"trunc", "float8>float8 macaddr>macaddr macaddr8>macaddr8 numeric>numeric numeric,int4>numeric"},
    {"upper", "text>text"},
    {"width_bucket", "anycompatible,anycompatiblearray>int4 float8,float8,float8,int4>int4 numeric,numeric,numeric,int4>int4"},
    {"||", "anycompatible,anycompatiblearray>anycompatiblearray anycompatiblearray,anycompatible>anycompatiblearray "
           "anynonarray,text>text jsonb,jsonb>jsonb text,anynonarray>text text,text>text"},
    {"~~", "bpchar,text>bool name,text>bool text,text>bool"},
    {"~~*", "bpchar,text>bool name,text>bool text,text>bool"},
    {0},
};

const struct catalog_type catalog_type[] = {
    {"_aclitem", 'A', false, ""},
    {"_text", 'A', false, ""},
    {"aclitem", 'U', false, ""},
    {"any", 'P', false, ""},
    {"anycompatible", 'P', false, ""},
    {"anycompatiblearray", 'P', false, ""},
    {"anyelement", 'P', false, ""},
    {"anymultirange", 'P', false, ""},
    {"anynonarray", 'P', false, ""},
    {"anyrange", 'P', false, ""},
    {"bit", 'V', false, ""},
    {"box", 'G', false, ""},
    {"bytea", 'U', false, ""},
    {"circle", 'G', false, ""},
    {"inet", 'I', true, ""},
    {"interval", 'T', true, "time"},
    {"macaddr", 'U', false, ""},
    {"macaddr8", 'U', false, ""},
    {"money", 'N', false, ""},
    {"name", 'S', false, "text,bpchar,varchar"},
    {"oid", 'N', true, "int8,int2,int4"},
    {"path", 'G', false, ""},
    {"pg_lsn", 'U', false, ""},
    {"point", 'G', false, ""},
    {"timetz", 'D', false, "time"},
    {"xid", 'U', false, ""},
    {0},
};
