# SPDX-License-Identifier: MIT
"""What a user would write instead, with FastAPI and asyncpg: 10 rows from a place, from a pool of kept connections. DSN= is the database."""

import os

import asyncpg
from fastapi import FastAPI

app = FastAPI()
QUERY = "select id, name, price, at from items where id >= $1 order by id limit $2"


@app.on_event("startup")
async def connect():
    app.state.pool = await asyncpg.create_pool(os.environ["DSN"], min_size=4, max_size=4)


@app.get("/v1/items")
async def items(id: int, limit: int = 10):
    return [dict(row) for row in await app.state.pool.fetch(QUERY, id, limit)]
