#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes sales.csv and hired_employees.csv, always the same ones: ./generate.py FOLDER (default: this one). All names are invented."""

import csv
import os
import random
import sys
from datetime import date, datetime, timedelta

GIVEN = ["Ada", "Bruno", "Chloé", "Dmitri", "Elif", "Femi", "Greta", "Hugo", "Inés", "Jonas", "Kaia", "Luca"]
FAMILY = ["Abiola", "Bergström", "Castellano", "Duarte", "Eriksen", "Fontaine", "Grabowska", "Haddad", "Ito", "Jansen"]
ITEMS = [
    ("Bench, garden, oak", "249.00"), ("Lamp \"Nord\", brass", "89.90"), ("Kettle 1.7 l", "39.95"), ("Rug, wool, 200 x 300", "415.50"),
    ("Shelf, wall", "24.25"), ("Chair \"Viola\"", "129.00"), ("Table, folding, 6\" edge", "318.75"), ("Mug, blue", "7.40"),
]


def sales(path):
    r = random.Random(20240301)
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\r\n")
        out.writerow(["SalesOrderNumber", "SalesOrderLine", "OrderDate", "CustomerName", "E-Mail", "Item", "Quantity", "UnitPrice", "LineTotal"])
        for order in range(43001, 43181):
            given, family = r.choice(GIVEN), r.choice(FAMILY)
            day = date(2024, 1, 1) + timedelta(days=r.randrange(60))
            mail = "" if r.random() < 0.1 else "%s%d@example.com" % (family.lower().encode("ascii", "ignore").decode(), order % 97)
            for line in range(1, r.choice([1, 1, 2, 3, 4]) + 1):
                item, price = r.choice(ITEMS)
                quantity = r.randint(1, 5)
                cents = int(price.replace(".", "")) * quantity
                out.writerow(["SO%d" % order, line, day.isoformat(), "%s, %s" % (family, given), mail, item, quantity, price,
                              "%d.%02d" % divmod(cents, 100)])


def hired_employees(path):
    r = random.Random(7)
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        for number in range(1, 121):
            at = datetime(2021, 1, 1) + timedelta(minutes=r.randrange(365 * 24 * 60))
            out.writerow([number, "" if r.random() < 0.05 else "%s %s" % (r.choice(GIVEN), r.choice(FAMILY)), at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                          "" if r.random() < 0.05 else r.randint(1, 5), r.randint(1, 6)])


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    sales(os.path.join(folder, "sales.csv"))
    hired_employees(os.path.join(folder, "hired_employees.csv"))
