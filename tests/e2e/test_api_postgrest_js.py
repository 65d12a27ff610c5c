# SPDX-License-Identifier: MIT
"""@supabase/postgrest-js from npm, pinned and unmodified, against /v1 (make check-long)."""

import pytest

import npm

CONFIG = """
[dataset kinds]
files = kinds*.csv
columns = id int primary key, name text not null unique
[dataset items]
files = items*.csv
columns =
    id int primary key,
    name text not null,
    price numeric(10,2),
    kind_id int references kinds,
    tags text[],
    data jsonb,
    at timestamptz,
    ok boolean default true
"""
KINDS = "id,name\n1,tool\n2,toy\n3,none\n"
ITEMS = '''id,name,price,kind_id,tags,data,at,ok
1,one,1.50,1,"{a,b}","{""deep"": {""n"": 1}, ""list"": [10, 20]}",2024-01-01T00:00:00Z,true
2,two,2.50,2,{},{},2024-01-02T00:00:00Z,false
3,three,3.50,1,{a},"{""deep"": {""n"": 3}}",2024-01-03T00:00:00Z,true
4,four,4.50,2,{c},{},2024-01-04T00:00:00Z,false
5,five,5.50,,{z},{},2024-01-05T00:00:00Z,true
6,"a ""quoted"", one",6.50,,{z},{},2024-01-06T00:00:00Z,false
7,"with (brackets), and: more.",7.50,,{z},{},2024-01-07T00:00:00Z,true
8,eight,,,{z},{},2024-01-08T00:00:00Z,false
'''


@pytest.mark.long
def test_the_published_client_works_as_it_is(cetld):
    daemon = cetld(CONFIG, api={"anonymous": "write"})
    for name, rows in (("kinds.csv", KINDS), ("items.csv", ITEMS)):
        daemon.drop(name, rows)
        daemon.wait_state(name)
    status, out, err = npm.node("postgrest.mjs", "http://127.0.0.1:%d/v1" % daemon.port)
    assert status == 0, out + err
