# SPDX-License-Identifier: MIT
"""What a user would write instead, with Flask and psycopg2: 10 rows from a place, from a pool of kept connections. DSN= is the database."""

import os

import flask
import psycopg2.extras
import psycopg2.pool

app = flask.Flask(__name__)
pool = psycopg2.pool.ThreadedConnectionPool(4, 4, os.environ["DSN"])
QUERY = "select id, name, price, at from items where id >= %s order by id limit %s"


@app.get("/v1/items")
def items():
    db = pool.getconn()
    try:
        with db, db.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as sql:
            sql.execute(QUERY, (int(flask.request.args["id"]), int(flask.request.args.get("limit", 10))))
            return flask.jsonify(sql.fetchall())
    finally:
        pool.putconn(db)
