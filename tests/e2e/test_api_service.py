# SPDX-License-Identifier: MIT
"""The service of conf/examples/people-service.conf, as its clients use it."""

import datetime
import os

import pytest

from test_api_write import Api, serve


@pytest.fixture(scope="module")
def served(postgres, examples):
    with open(os.path.join(examples, "people-service.conf"), encoding="utf-8") as f:
        with serve(postgres, f.read()) as both:
            yield both


def user(name, job=1, department=1, **more):
    return {"name": name, "job_id": job, "department_id": department, **more}


@pytest.fixture
def filled(served):
    """Two departments, two jobs, no users."""
    service = Api(served[0], database=served[1])
    service.database.rows('TRUNCATE department, job, "user" RESTART IDENTITY')
    for name in ("Research", "Sales"):
        assert service("POST", "/v1/department", {"name": name}).status == 201
    for name in ("Engineer", "Clerk"):
        assert service("POST", "/v1/job/", {"name": name}).status == 201
    return service


def test_objects_are_nested_without_being_asked(filled):
    answer = filled("POST", "/v1/user", user("Ann", 2, 1, datetime="2021-07-27T16:02:08Z"))
    assert answer.status == 201 and answer.headers["Location"] == "/v1/user/1"
    assert answer.json == {"id": 1, "name": "Ann", "datetime": "2021-07-27T16:02:08+00:00", "job_id": 2, "department_id": 1,
                           "job": {"id": 2, "name": "Clerk"}, "department": {"id": 1, "name": "Research"}}
    assert filled("GET", "/v1/user/1").json == answer.json
    assert filled("GET", "/v1/user").json == [answer.json]
    assert filled("PATCH", "/v1/user/1", {"job_id": 1}).json["job"] == {"id": 1, "name": "Engineer"}
    assert filled("DELETE", "/v1/department/1").status == 204
    row = filled("GET", "/v1/user/1").json
    assert row["department"] is None and row["department_id"] == 1 and row["job"]["id"] == 1
    assert filled("GET", "/v1/user").json == [row]


def test_a_duplicate_and_a_deleted_one_are_revived(filled):
    def counted():
        return filled.database.value("SELECT base_rows + (SELECT coalesce(sum(rows), 0) FROM cetl.change WHERE dataset_id = d.id)"
                                     " FROM cetl.dataset d WHERE name = 'user'")

    before = counted()
    first = filled("POST", "/v1/user", user("Ann", datetime="2020-01-01T00:00:00Z")).json
    again = filled("POST", "/v1/user", user("Ann", datetime="2022-01-01T00:00:00Z"))
    assert (again.status, again.json["id"], again.json["datetime"]) == (201, first["id"], "2022-01-01T00:00:00+00:00")
    assert filled("DELETE", "/v1/user/%d" % first["id"]).status == 204
    assert filled("GET", "/v1/user").json == []
    assert filled.database.value('SELECT count(*) FROM "user" WHERE deleted_at IS NOT NULL') == 1
    revived = filled("POST", "/v1/user", user("Ann"))
    assert (revived.status, revived.json["id"]) == (201, first["id"])
    assert len(filled("GET", "/v1/user").json) == 1
    assert filled("POST", "/v1/job", {"name": "Clerk"}).json == {"id": 2, "name": "Clerk"}
    filled("DELETE", "/v1/job/2")
    assert filled("POST", "/v1/job", {"name": "Clerk"}).status == 201
    assert filled("GET", "/v1/job/2").status == 200
    assert counted() - before == 1


def test_missing_and_deleted_are_told_apart(filled):
    filled("POST", "/v1/user", [user("Ann"), user("Bob")])
    assert filled("DELETE", "/v1/user/1").status == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("PUT", user("x")), ("DELETE", None), ("PATCH", "{"), ("PUT", {"name": 7, "x": 1})):
        assert filled(method, "/v1/user/1", body).status == 410, (method, body)
        assert filled(method, "/v1/user/77", body).status == 404, (method, body)
    assert filled("GET", "/v1/user/2").status == 200


def test_deleted_rows_are_there_for_who_speaks_of_deleted_at(filled):
    filled("POST", "/v1/user", [user("Ann"), user("Bob"), user("Cid")])
    assert filled("DELETE", "/v1/user?name=in.(Ann,Bob)").status == 204
    assert [row["name"] for row in filled("GET", "/v1/user?deleted_at=not.is.null&order=id").json] == ["Ann", "Bob"]
    assert len(filled("GET", "/v1/user?or=(deleted_at.is.null,deleted_at.not.is.null)").json) == 3
    assert filled("PATCH", "/v1/user?name=eq.Ann", {"job_id": 2}, "return=representation").json == []
    assert filled("PATCH", "/v1/user?name=eq.Ann&deleted_at=not.is.null", {"deleted_at": None}, "return=minimal").status == 204
    assert [row["name"] for row in filled("GET", "/v1/user").json] == ["Ann", "Cid"]
    assert filled("DELETE", "/v1/user?deleted_at=not.is.null", X_Soft_Delete="false").status == 204
    assert filled.database.value('SELECT count(*) FROM "user"') == 2


def test_a_hard_delete_takes_what_refers_to_it_along(filled):
    filled("POST", "/v1/user", [user("Ann"), user("Bob", 2, 2)])
    assert filled("DELETE", "/v1/job/1", X_Soft_Delete="false").status == 204
    assert filled("GET", "/v1/job/1").status == 404
    assert filled("GET", "/v1/user/1").status == 404
    assert filled.database.value('SELECT count(*) FROM "user"') == 1


def test_a_patch_onto_a_duplicate_is_409(filled):
    filled("POST", "/v1/user", [user("Ann"), user("Bob"), user("Cid")])
    answer = filled("PATCH", "/v1/user/2", {"name": "Ann"})
    assert answer.status == 409 and answer.json["columns"] == ["name", "job_id", "department_id"]
    filled("DELETE", "/v1/user/1")
    assert filled("PATCH", "/v1/user/2", {"name": "Ann"}).status == 409
    assert filled("PATCH", "/v1/user/2", {"id": 3}).status == 409
    assert filled("PATCH", "/v1/user/2", {"name": "Bob"}).status == 200
    assert filled("PATCH", "/v1/department/1", {"name": "Sales"}).status == 409


def test_references_to_nothing_and_to_what_is_deleted(filled):
    for job, column in ((99, "job_id"), (1, "department_id")):
        answer = filled("POST", "/v1/user", user("Ann", job, 98))
        assert answer.status == 400 and answer.json["column"] in ("job_id", "department_id")
    path = filled("POST", "/v1/user", user("Ann", 2, 2)).headers["Location"]
    filled("DELETE", "/v1/job/1")
    answer = filled("POST", "/v1/user", user("Bob"))
    assert (answer.status, answer.json.get("column")) == (400, "job_id"), answer
    answer = filled("PATCH", path, {"job_id": 1})
    assert (answer.status, answer.json.get("column")) == (400, "job_id"), answer
    rows = [user("u%d" % i, 2, 2) for i in range(50)]
    for bad in (1, 99):
        rows[33]["job_id"] = bad
        answer = filled("POST", "/v1/user/bulk", rows)
        assert (answer.status, answer.json["column"], answer.json["index"]) == (400, "job_id", 33)
    assert len(filled("GET", "/v1/user").json) == 1
    filled("DELETE", "/v1/department/2")
    assert filled("PATCH", path, {"name": "Eve"}).status == 200


def test_bulk_takes_1_to_1000(filled):
    rows = [user("u%d" % i, i % 2 + 1, 1) for i in range(1001)]
    assert filled("POST", "/v1/user/bulk", rows).status == 422
    assert filled("POST", "/v1/user/bulk", []).status == 422
    assert filled("POST", "/v1/user/bulk", "nonsense").status == 400
    assert filled("POST", "/v1/user/bulk", rows[:1000]).json == {"rows": 1000, "inserted": 1000, "updated": 0}
    assert filled("POST", "/v1/user/bulk", rows[1000:]).json["inserted"] == 1
    names = [row["name"] for row in filled("GET", "/v1/user?limit=3&offset=500").json]
    assert names == ["u500", "u501", "u502"]
    assert [row["name"] for row in filled("GET", "/v1/user?offset=999").json] == ["u999", "u1000"]
    filled("DELETE", "/v1/user/5")
    again = filled("POST", "/v1/user/bulk", [user("u4"), user("new")])
    assert again.json == {"rows": 2, "inserted": 2, "updated": 0} and filled("GET", "/v1/user/5").status == 200


def test_fields_are_judged(filled):
    for body, column in (({"job_id": 1, "department_id": 1}, "name"), (user("Ann", "x"), "job_id"), (user("Ann", datetime="soon"), "datetime"),
                         (user("Ann", job=None), "job_id"), (user("Ann", salary=1), "salary")):
        answer = filled("POST", "/v1/user", body)
        assert (answer.status, answer.json["column"]) == (422, column)
    assert filled("POST", "/v1/user", "{").status == 400


def test_reports_are_named_by_their_year(filled):
    filled("POST", "/v1/user", [user("Ann", datetime="2021-02-01T00:00:00Z"), user("Bob", datetime="2021-12-01T00:00:00Z"),
                                user("Cid", 2, 2, datetime="2021-05-01T00:00:00Z"), user("Now")])
    filled("POST", "/v1/user", user("Gone", datetime="2021-02-01T00:00:00Z"))
    filled("DELETE", "/v1/user/5")
    answer = filled("GET", "/v1/report/quarterly_hires?year=2021")
    assert answer.status == 200 and "quarterly_hires_2021.csv" in answer.headers["Content-Disposition"]
    assert answer.body == b"department,job,q1,q2,q3,q4\nResearch,Engineer,1,0,0,1\nSales,Clerk,0,1,0,0\n"
    answer = filled("GET", "/v1/report/department_hires?year=2021")
    assert answer.body == b"id,department,hired\n1,Research,2\n"
    answer = filled("GET", "/v1/report/department_hires")
    assert "department_hires_%d.csv" % datetime.datetime.now(datetime.timezone.utc).year in answer.headers["Content-Disposition"]
    assert answer.body == b"id,department,hired\n1,Research,1\n"


def test_files_load_beside(filled):
    d = filled.daemon
    d.drop("department.csv", "id,name\n10,Finance\n")
    d.drop("job.csv", "id,name\n10,Pilot\n")
    d.drop("user.csv", "id,name,datetime,job_id,department_id\n7,Zoe,2021-01-01T00:00:00Z,10,10\n")
    d.wait_state("user.csv")
    assert filled("GET", "/v1/user/7").json["job"] == {"id": 10, "name": "Pilot"}
    assert filled("POST", "/v1/user", user("Next", 10, 10)).json["id"] == 8
