# SPDX-License-Identifier: MIT
"""The command cetl: what it prints, what it exits with, and what it says when something is wrong."""

import fcntl
import grp
import hashlib
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios

import pytest

from cetl import CETL, DOWN, FAILED, OK, USAGE, Run, cetl, environment, start
from conftest import TOP
from waiting import until

CONFIG = """
[dataset orders]
columns    = id bigint primary key, amount numeric not null, note text
lineage    = yes
max_errors = 50%

[dataset strict]
columns = id bigint, note text
lineage = yes
"""


@pytest.fixture(scope="module")
def daemon(module_cetld):
    return module_cetld(CONFIG)


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


numbers = iter(range(1, 1000000))


def orders(rows=3):
    """Rows that nobody had before."""
    return "id,amount,note\n" + "".join("%d,%d,n\n" % (next(numbers), i) for i in range(rows))


# -- the command line


def words():
    lines = [line.split("\t") for line in cetl("--words").out.splitlines()]
    return {name: (arguments, options.split()) for name, arguments, options in lines}


def test_manual_page_is_that_of_the_table():
    with open(os.path.join(TOP, "docs/cetl.1"), encoding="utf-8") as f:
        assert f.read() == cetl("--manual").out, "build/cetl --manual > docs/cetl.1"


def test_manual_page_has_every_command_and_option_and_no_mistake():
    page = cetl("--manual").out
    for name, (_, options) in words().items():
        assert ".SS \\fBcetl %s\\fR" % name in page
        for option in options:
            assert "\\fB%s\\fR" % option.rstrip("=").replace("-", "\\-") in page
    checked = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page.encode(), capture_output=True)
    assert checked.returncode == 0 and checked.stderr == b"", checked.stderr


def test_help_names_every_command_and_each_has_its_own():
    help = cetl("--help")
    assert help.status == OK and help.err == ""
    for name, (arguments, options) in words().items():
        assert re.search(r"^  %s .*\w" % re.escape((name + " " + arguments).strip()), help.out, re.M), name
        own = cetl(*name.split(), "--help")
        assert own.status == OK and own.err == "" and "usage: cetl " + name in own.out
        assert all(option.rstrip("=") in own.out for option in options)


@pytest.mark.parametrize("arguments,says", [
    ([], "usage"), (["stauts"], "no command stauts"), (["token"], "cetl token new"), (["status", "--jsno"], "no option --jsno"),
    (["show"], "missing"), (["show", "1", "2"], "too many"), (["files", "--limit"], "--limit what?"), (["files", "--limit=5", "--json=x"], "takes no value"),
    (["ingest"], "missing"), (["ingest", "-"], "--as"), (["ingest", "--as", "a.csv", "x", "y"], "--as names one"), (["--nope", "status"], "--nope")])
def test_command_line_that_is_not_understood_is_status_2_and_says_what(arguments, says):
    run = cetl(*arguments)
    assert run.status == USAGE and run.out == "" and says in run.err, run


def test_options_may_stand_behind_the_operands_and_after_two_dashes_nothing_is_one(daemon, write):
    path = write("--orders.csv", orders())
    run = cetl("ingest", "--json", "--dataset=orders", "--", os.path.basename(path), daemon=daemon, cwd=os.path.dirname(path))
    assert run.status == OK and run.json[0]["name"] == "--orders.csv", run
    assert cetl("show", str(run.json[0]["id"]), "--json", daemon=daemon).json["name"] == "--orders.csv"


def test_full_disk_behind_stdout_is_told():
    with open("/dev/full", "w") as full:
        run = subprocess.run([CETL, "--manual"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert run.returncode == FAILED and "No space left" in run.stderr
        run = subprocess.run([CETL, "version"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert run.returncode == FAILED and "No space left" in run.stderr


# -- the daemon is not there


def test_no_daemon_is_status_3_and_says_how_to_start_it(tmp_path):
    run = cetl("--socket", str(tmp_path / "none.sock"), "status")
    assert run.status == DOWN and run.out == "" and "systemctl start cetld" in run.err and "none.sock" in run.err


def test_socket_that_nobody_listens_at_is_a_daemon_that_ended(folder):
    path = os.path.join(folder, "old.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    run = cetl("--socket", path, "status")
    assert run.status == DOWN and "systemctl status cetld" in run.err


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
@pytest.mark.parametrize("group,folder_mode,says", [("daemon", 0o755, "group daemon may"), ("daemon", 0o750, "group daemon may"), ("root", 0o755, "sudo cetl")])
def test_denied_access_names_the_group_that_has_it(folder, group, folder_mode, says):
    path = os.path.join(folder, "its.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        for each, mode in ((path, 0o660), (folder, folder_mode)):
            os.chown(each, 0, grp.getgrnam(group).gr_gid)
            os.chmod(each, mode)
        run = cetl("--socket", path, "status", before=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"])
    assert run.status == DOWN and run.out == "" and "you may not open " + path in run.err and says in run.err, run
    assert ("adduser" in run.err) == (group != "root")


def test_something_else_that_listens_there_is_told(folder):
    path = os.path.join(folder, "other.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        process = start("--socket", path, "status")
        client, _ = server.accept()
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        client.close()
        run = Run(process)
    assert run.status == FAILED and "no JSON" in run.err, run


def test_connection_that_breaks_is_told(folder):
    path = os.path.join(folder, "broken.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        process = start("--socket", path, "status")
        client, _ = server.accept()
        client.recv(4096)
        client.close()
        run = Run(process)
    assert run.status == DOWN and path in run.err, run


def test_configuration_says_where_the_socket_is(daemon, tmp_path):
    assert cetl("status", daemon=daemon).status == OK
    conf = tmp_path / "cetl.conf"
    conf.write_text("[api]\nlisten = 127.0.0.1:0,\n    unix:%s\n" % daemon.socket)
    assert cetl("-c", str(conf), "status").status == OK
    conf.write_text("[api]\nlisten = 127.0.0.1:0\n")
    run = cetl("-c", str(conf), "status")
    assert run.status == DOWN and run.err.startswith("cetl: %s:2: " % conf), run
    run = cetl("-c", str(tmp_path / "missing.conf"), "status")
    assert run.status == USAGE and "missing.conf" in run.err
    assert cetl("--socket", "/" + "x" * 200, "status").status == USAGE


def test_file_in_conf_d_and_unreadable_secrets_do_not_matter(daemon, tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/50-socket.conf").write_text("[api]\nlisten = unix:%s\n" % daemon.socket)
    (tmp_path / "cetl.conf").write_text("[api]\nlisten = unix:/nowhere\n[token ci]\nhash_file = /nonexistent\nallow = *: read\n")
    assert cetl("-c", str(tmp_path / "cetl.conf"), "status").status == OK


# -- status


def test_status_tells_what_there_is(daemon):
    run = cetl("status", daemon=daemon)
    assert run.status == OK and re.search(r"^database +up$", run.out, re.M) and re.search(r"^files +\d+ queued", run.out, re.M), run
    status = cetl("status", "--json", daemon=daemon).json
    assert status["database"]["up"] is True and list(status["rows"]) == ["loaded", "updated", "ignored", "rejected", "filtered"]


def test_status_is_1_without_a_database_and_says_why(make_cetld):
    daemon = make_cetld("postgresql://127.0.0.1:1/nothing").start(ready=False)
    until(lambda: "down: " in cetl("status", daemon=daemon).out, lambda: cetl("status", daemon=daemon))
    run = cetl("status", daemon=daemon)
    assert run.status == FAILED and re.search(r"^database +down: .*127\.0\.0\.1", run.out, re.M), run
    run = cetl("files", daemon=daemon)
    assert run.status == FAILED and run.out == "" and "database" in run.err, run
    run = cetl("reload", daemon=daemon)
    assert run.status == OK and run.out == "reloaded\n" and re.search(r"^cetl: the database: .*127\.0\.0\.1", run.err, re.M), run


# -- files


def test_ingest_waits_and_tells_what_came_of_each(daemon, write):
    good, bad = write("orders_a.csv", orders()), write("strict_a.csv", "id,note\nx,y\n")
    run = cetl("ingest", good, bad, daemon=daemon)
    assert run.status == FAILED
    assert re.match(r"orders_a\.csv: loaded into orders, 3 rows loaded \(file \d+\)\n$", run.out), run
    assert re.match(r"cetl: strict_a\.csv: failed \(file \d+\): line 2: column id: .*\n +cetl rejects \d+ ", run.err), run


def test_ingest_of_the_same_bytes_is_a_duplicate_and_again_loads_them(daemon, write):
    path = write("strict_b.csv", "id,note\n1,twice\n")
    assert cetl("ingest", path, daemon=daemon).status == OK
    run = cetl("ingest", path, daemon=daemon)
    assert run.status == OK and "duplicate" in run.out and "--again" in run.out
    run = cetl("ingest", "--again", path, daemon=daemon)
    assert run.status == OK and "1 row loaded" in run.out
    assert len(daemon.get_rows("strict", note="eq.twice")) == 2


def test_ingest_as_json_is_one_array_of_files(daemon, write):
    run = cetl("--json", "ingest", write("orders_c.csv", orders()), write("strict_c.csv", "id\nx\n"), write("a.csv", "x"), "--dataset=nope-", daemon=daemon)
    assert run.status == FAILED and [f["state"] for f in run.json] == ["refused"] * 3 and run.json[0]["problem"]["status"] == 404, run
    run = cetl("--json", "ingest", write("orders_c.csv", orders()), write("strict_c.csv", "id\nx\n"), daemon=daemon)
    assert run.status == FAILED and sorted(f["state"] for f in run.json) == ["failed", "loaded"] and run.err == "", run


def test_ingest_takes_standard_input_and_a_dataset(daemon):
    run = cetl("ingest", "-", "--as", "anything.txt", "--dataset", "orders", "--json", daemon=daemon, data=orders().encode())
    assert run.status == OK and run.json[0]["dataset"] == "orders" and run.json[0]["name"] == "anything.txt", run


def test_ingest_without_waiting_names_where_to_ask(daemon, write):
    run = cetl("ingest", "--no-wait", write("orders_d.csv", orders()), daemon=daemon)
    token = re.fullmatch(r"orders_d\.csv: taken; cetl show (\S+)\n", run.out).group(1)
    until(lambda: cetl("show", token, "--json", daemon=daemon).json["state"] == "loaded", "it is loaded")


@pytest.mark.parametrize("name", ["orders with blanks.csv", "orders_ü%20#?&.csv", "orders_\u202e.csv"])
def test_ingest_keeps_names_as_they_are(daemon, write, name):
    run = cetl("ingest", write(name, orders()), "--json", daemon=daemon)
    assert run.status == OK and run.json[0]["name"] == name, run
    assert os.fsencode("done/" + name) in daemon.files_in("done")


def test_ingest_of_what_is_no_file_goes_on_with_the_others(daemon, write, tmp_path):
    run = cetl("ingest", str(tmp_path / "none.csv"), str(tmp_path), write("orders_e.csv", orders()), daemon=daemon)
    assert run.status == FAILED and "none.csv: No such file" in run.err and "is a folder" in run.err and "orders_e.csv: loaded" in run.out, run


@pytest.mark.parametrize("grows", [True, False])
def test_file_that_changes_while_it_is_sent_is_not_sent_to_its_end(folder, tmp_path, grows):
    file = tmp_path / "orders.csv"
    file.write_bytes(b"x" * 20_000_000)
    path = os.path.join(folder, "slow.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        process = start("--socket", path, "ingest", str(file))
        client, _ = server.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = len(head.split(b"\r\n\r\n", 1)[1]) + len(client.recv(65536))
        if grows:
            with open(file, "ab") as f:
                f.write(b"y")
        else:
            os.truncate(file, 10_000_000)
        while piece := client.recv(1 << 20):
            body += len(piece)
        client.close()
    run = Run(process)
    assert b"Content-Length: 20000000\r\n" in head and body < 20_000_000
    assert run.status == FAILED and run.out == "" and "is being written" in run.err, run


def test_ingest_of_more_than_max_upload_is_refused_in_words(cetld, write):
    daemon = cetld(CONFIG, api={"max_upload": "1K"})
    run = cetl("ingest", write("orders_f.csv", orders(5000)), daemon=daemon)
    assert run.status == FAILED and "orders_f.csv was not taken" in run.err and "1024" in run.err, run


def test_ingest_of_the_rest_of_a_file_is_that_also_when_there_was_no_room_at_first(cetld, write):
    daemon = cetld(CONFIG)
    one = "PUT /ingest/n.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(64)]  # as many as may be under way
    for s in waiting:
        s.connect(daemon.socket)
        s.sendall((one % 100).encode())
    until(lambda: "cetl_uploads 64\n" in daemon.get("/metrics").body.decode(), "there is no room")
    with open(write("rest.csv", "what was read before\n" + orders(2)), "rb", buffering=0) as file:
        file.read(len("what was read before\n"))
        process = start("ingest", "--as", "orders_rest.csv", "-", daemon=daemon, stdin=file)
        until(lambda: re.search(r'responses_total{.*ingest.*status="503"} 1', daemon.get("/metrics").body.decode()), "it was refused once")
        for s in waiting:
            s.close()
        run = Run(process)
    assert run.status == OK and "2 rows loaded" in run.out, run


def test_ingest_waits_through_a_kill_and_a_restart(cetld, database, write):
    daemon = cetld(CONFIG)
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    process = start("ingest", "--json", write("orders_g.csv", orders()), daemon=daemon)
    until(lambda: [e for e in daemon.ledger("orders_g.csv") if e["state"] == "loading"], "it is loading")
    daemon.kill9()
    daemon.start(ready=False)
    holder.rollback()
    holder.close()
    run = Run(process)
    assert run.status == OK and run.json[0]["state"] == "loaded" and run.json[0]["rows_loaded"] == 3, run
    assert database.value("SELECT count(*) FROM orders") == 3


def test_ingest_names_what_was_sent_when_the_daemon_goes_away_between_two_files(cetld, write, tmp_path):
    """A pipe is the second file, so that the daemon can be stopped while somebody to write to it is waited for."""
    daemon = cetld(CONFIG)
    os.mkfifo(tmp_path / "strict_2.csv")
    for n, arguments in enumerate([[], ["--json"]]):
        files = [write("strict_1%d.csv" % n, "id,note\n%d,a\n" % n), str(tmp_path / "strict_2.csv"), write("strict_3.csv", "id,note\n3,a\n")]
        name = os.path.basename(files[0])
        process = start("ingest", *arguments, *files, daemon=daemon)
        until(lambda: daemon.ledger(name), lambda: "it is sent\n" + daemon.log())
        daemon.kill9()
        os.close(os.open(files[1], os.O_WRONLY))
        answer = Run(process)
        assert answer.status == DOWN, answer
        assert re.search(r"strict_2.csv was not sent.*\n.*strict_3.csv was not sent", answer.err), answer
        if arguments:
            assert [(f["name"], f["state"]) for f in answer.json] == [(name, "queued")], answer
            token = answer.json[0]["token"]
        else:
            token = re.search(r"%s was taken, .*: cetl show (\S+)" % name, answer.err).group(1)
        daemon.start()
        assert name in cetl("show", token, daemon=daemon).out


def test_ingest_says_on_stderr_what_it_waits_for(make_cetld, own_database, own_postgres, write):
    daemon = make_cetld(own_database.url(), CONFIG).start()
    own_postgres.stop()
    until(lambda: daemon.get("/readyz").status == 503, "the daemon knows")
    process = start("ingest", write("orders_h.csv", orders()), daemon=daemon)
    until(lambda: daemon.json("/status")["files"]["queued"] + daemon.json("/status")["files"]["loading"] == 1, "it is there")
    own_postgres.start()
    run = Run(process)
    assert run.status == OK and "loaded into orders, 3 rows loaded" in run.out, run


def on_terminal(*arguments, daemon, columns=0):
    """What a person sees: both streams on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execve(CETL, [CETL, "-c", daemon.conf, *arguments], environment())
    seen = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, seen
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_one_long_name_does_not_make_every_line_longer_than_the_terminal(daemon, write):
    """Its end is left out; what is no text, and what goes to a pipe, is whole."""
    name = "orders_%s.csv" % ("ö" * 100)
    assert cetl("ingest", write(name, orders(1)), daemon=daemon).status == OK
    status, seen = on_terminal("files", "--limit", "2", daemon=daemon, columns=100)
    lines = re.sub(r"\x1b\[\d*m", "", seen).splitlines()
    assert status == OK and "orders_ööö" in seen and "…" in seen, seen
    assert max(len(line) for line in lines) <= 100 and "loaded" in lines[1], lines
    assert name in cetl("files", daemon=daemon).out
    assert name in on_terminal("show", str(cetl("files", "--json", daemon=daemon).json[0]["id"]), daemon=daemon, columns=100)[1]


@pytest.mark.parametrize("words", ["show", "rejects", "replay", "unload 1", "pull", "config", "ingest", "check", "guess", "backup", "restore", "token new"])
def test_an_empty_word_is_refused(daemon, words):
    """A script's variable that is not set: it must not mean all files."""
    answer = cetl(*words.split(), "", daemon=daemon)
    assert answer.status == USAGE and "empty" in answer.err and answer.out == "", answer


def test_an_empty_value_is_refused(daemon, write):
    for words in (["files", "--dataset="], ["files", "--state", ""], ["ingest", write("x.csv", "a\n1\n"), "--as", ""], ["status", "--socket="]):
        answer = cetl(*words, daemon=daemon)
        assert answer.status == USAGE and "the value behind it is empty" in answer.err.lower() and answer.out == "", answer


def test_a_name_never_makes_a_line_of_its_own(daemon, write):
    path = write("x\ncetl: everything is loaded\x1b[5m.csv", "a\n1\n")
    for words in ([path], [path + "none"], [os.path.dirname(path) + "/\ncetl: no"]):
        answer = cetl("ingest", *words, daemon=daemon)
        assert answer.status == FAILED and "\\ncetl" in answer.err and "\ncetl: e" not in answer.err and "\ncetl: no\n" not in answer.err, answer
        assert "\x1b" not in answer.err


def test_what_is_no_socket_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "file"):
        if path != tmp_path:
            path.touch()
        answer = cetl("--socket", str(path), "status")
        assert answer.status == USAGE and "%s is no socket" % path in answer.err, answer


def test_on_a_terminal_there_are_colours_and_progress_and_elsewhere_none(daemon, write):
    status, seen = on_terminal("ingest", write("orders_i.csv", orders(100000)), daemon=daemon)
    assert status == OK and "orders_i.csv: sending" in seen and "\r\033[K" in seen and "100000 rows loaded" in seen
    assert "\033[32mloaded\033[0m" in on_terminal("files", daemon=daemon)[1]
    run = cetl("ingest", write("orders_j.csv", orders()), daemon=daemon)
    assert "\033" not in run.out + run.err + cetl("files", daemon=daemon).out


def test_files_lists_the_newest_first_and_filters(daemon, write):
    for name in ("orders_k.csv", "orders_l.csv"):
        cetl("ingest", write(name, orders()), daemon=daemon)
    shown = cetl("files", "--dataset", "orders", "--limit", "2", daemon=daemon).out.splitlines()
    assert len(shown) == 3 and shown[0].split() == ["id", "state", "dataset", "file", "rows", "rejected", "came", "remarks"]
    assert shown[1].split()[1:5] == ["loaded", "orders", "orders_l.csv", "3"] and "orders_k.csv" in shown[2]
    assert [f["name"] for f in cetl("files", "--dataset=orders", "--limit=1", "--json", daemon=daemon).json] == ["orders_l.csv"]
    newest = shown[1].split()[0]
    assert cetl("files", "--before", newest, "--limit=1", "--json", daemon=daemon).json[0]["id"] < int(newest)
    assert all(f["state"] == "failed" for f in cetl("files", "--state=failed", "--json", daemon=daemon).json)
    run = cetl("files", "--state=nope", daemon=daemon)
    assert run.status == FAILED and "state must be" in run.err


def test_rejects_are_shown_and_come_as_they_stood(daemon, write):
    text = "id,amount,note\n%d,1,fine\n%d,many,\"x\ny\"\n" % (next(numbers), next(numbers))
    done = cetl("ingest", write("orders_m.csv", text), "--json", daemon=daemon).json[0]
    assert (done["rows_loaded"], done["rows_rejected"]) == (1, 1), done
    file = str(done["id"])
    shown = cetl("rejects", file, daemon=daemon)
    assert shown.status == OK and re.search(r"^ +3 +amount +many +.*not a number", shown.out, re.M), shown
    assert cetl("rejects", file, "--csv", daemon=daemon).out == "id,amount,note\n" + text.split("\n", 2)[2]
    assert cetl("rejects", file, "--json", daemon=daemon).json[0]["value"] == "many"
    mended = write("orders_n.csv", cetl("rejects", file, "--csv", daemon=daemon).raw.replace(b"many", b"5"))
    assert cetl("ingest", mended, daemon=daemon).status == OK
    whole = cetl("show", file, daemon=daemon)
    assert whole.status == OK and re.search(r"^name +orders_m\.csv$", whole.out, re.M) and "not a number" in whole.out


def test_many_rejects_are_all_there(daemon, write):
    rows = 2500
    done = cetl("ingest", write("strict_d.csv", "id,note\n" + "x,y\n" * rows), "--json", daemon=daemon).json[0]
    assert done["state"] == "failed"
    listed = cetl("rejects", str(done["id"]), "--json", daemon=daemon).json
    assert [r["line"] for r in listed] == list(range(2, rows + 2))
    shown = cetl("rejects", str(done["id"]), daemon=daemon).out.splitlines()
    assert len(shown) == rows + 1 and shown[0].split()[0] == "line"
    assert len(cetl("show", str(done["id"]), daemon=daemon).out.splitlines()) < 40


def test_what_files_hold_is_not_obeyed_by_the_terminal(daemon, write):
    text = "id,amount,note\n%d,1,\n%d,\033]0;title\007\033[31m\u202e\u009b2J,\n" % (next(numbers), next(numbers))
    run = cetl("ingest", write("orders_\033[2J.csv", text), write("gone", "") + "\033[2J", daemon=daemon)
    assert "a control character" in run.err and "\\x1b[2J.csv was not taken" in run.err and "gone\\x1b[2J: No such file" in run.err, run
    assert "\033" not in run.err and "\033[2J" not in on_terminal("ingest", write("orders_\033[2J.csv", text), daemon=daemon)[1]
    daemon.drop("orders_\033[2J.csv", text)
    file = str(until(lambda: [e for e in daemon.json("/v1/files?dataset=orders&limit=5") if "2J" in e["name"] and e["state"] == "loaded"], "it is loaded")[0]["id"])
    for command in (["show", file], ["rejects", file], ["files"]):
        out = cetl(*command, daemon=daemon).raw
        assert b"\033" not in out and b"\007" not in out and "\u202e".encode() not in out and b"\xc2\x9b" not in out, out


def test_unknown_file_is_told(daemon):
    for command in ("show", "rejects", "unload", "replay"):
        run = cetl(command, "999999", daemon=daemon)
        assert run.status == FAILED and run.out == "" and "no file with this id" in run.err, run
        run = cetl(command, "../status", daemon=daemon)
        assert run.status == FAILED and run.out == "", run


def test_unload_and_replay(daemon, write):
    done = cetl("ingest", write("orders_o.csv", orders(4)), "--json", daemon=daemon).json[0]
    file = str(done["id"])
    run = cetl("unload", file, daemon=daemon)
    assert run.status == OK and run.out == "file %s: unloaded, 4 rows taken out\n" % file, run
    assert cetl("unload", file, daemon=daemon).status == FAILED
    run = cetl("replay", file, "--json", daemon=daemon)
    assert run.status == OK and run.json[0]["state"] == "loaded" and run.json[0]["rows_loaded"] == 4, run
    run = cetl("replay", str(run.json[0]["id"]), "--no-wait", "--json", daemon=daemon)
    assert run.status == OK and run.json[0]["state"] == "queued" and run.json[0]["token"], run
    daemon.wait_state("orders_o.csv", nth=3)


# -- the configuration


def test_reload_is_done_once_the_new_configuration_is_in_force(cetld):
    daemon = cetld(CONFIG)
    daemon.write_config(CONFIG + "[dataset fresh]\ncolumns = id bigint\n")
    run = cetl("reload", daemon=daemon)
    assert run.status == OK and (run.out, run.err) == ("reloaded\n", ""), run
    assert daemon.get("/v1/fresh").status == 200
    assert cetl("reload", "--json", daemon=daemon).json == {"reloaded": True, "restart": None, "reason": None}


def test_reload_with_mistakes_tells_each_with_its_line_and_changes_nothing(cetld):
    daemon = cetld(CONFIG)
    daemon.write_config("[dataset orders]\nmdoe = append\nmax_errors = lots\n[dataset fresh]\n")
    first = open(daemon.conf).read().split("\n").index("mdoe = append") + 1
    run = cetl("reload", daemon=daemon)
    assert run.status == FAILED and run.out == ""
    assert run.err.splitlines()[0].startswith("%s:%d: " % (daemon.conf, first)) and "'mode'" in run.err, run
    assert "%s:%d: max_errors: " % (daemon.conf, first + 1) in run.err and run.err.endswith("2 mistakes in the configuration; the old one stays in force\n")
    assert daemon.get("/v1/orders").status == 200 and daemon.get("/v1/fresh").status == 404
    assert re.search(r"^config +the old one is in force: %s:%d: " % (re.escape(daemon.conf), first), cetl("status", daemon=daemon).out, re.M)
    assert daemon.json("/status")["configuration_error"].startswith(daemon.conf)
    assert daemon.get("/status", headers={"Host": "data.example.org"}).json["configuration_error"] is None
    answer = daemon.request("POST", "/reload", unix=True)
    assert answer.status == 422 and len(answer.json["mistakes"]) == 2 and answer.json["details"] == answer.json["mistakes"][0]


def test_reload_of_what_takes_a_restart_says_so_until_there_was_one(cetld):
    daemon = cetld(CONFIG)
    daemon.sections["daemon"]["workers"] = "3"
    daemon.write_config(CONFIG)
    for _ in range(2):
        run = cetl("reload", daemon=daemon)
        assert run.status == OK and "daemon.workers ('2' to '3')" in run.err, run
    assert re.search(r"^\[daemon\] workers +\S+:4 +2 \(after a restart: 3\)$", cetl("config", "workers", daemon=daemon).out, re.M)
    daemon.restart()
    run = cetl("config", "daemon.workers", "--json", daemon=daemon)
    assert run.json == [{"section": "daemon", "name": None, "option": "workers", "value": "3", "file": daemon.conf, "line": 4, "fixed": True, "after_restart": None}], run
    assert cetl("reload", daemon=daemon).err == ""


def test_reload_tells_what_the_database_makes_of_a_dataset(cetld):
    daemon = cetld(CONFIG)
    daemon.write_config(CONFIG + "[dataset items]\ncolumns = id bigint, name no_such_type\n")
    run = cetl("reload", daemon=daemon)
    assert run.status == OK and run.out == "reloaded\n"
    assert re.search(r"^cetl: dataset items: .*no_such_type", run.err, re.M), (run, daemon.json("/v1"))


def test_reload_is_not_for_everybody(daemon):
    assert daemon.request("POST", "/reload").status in (401, 403) and daemon.get("/config").status in (401, 403)
    assert daemon.request("POST", "/reload?now=yes", unix=True).status == 400
    assert daemon.get("/reload", unix=True).status == 405


def test_config_shows_every_option_and_where_it_is_said(daemon):
    everything = cetl("config", "--json", daemon=daemon).json
    printed = subprocess.run([os.path.join(os.path.dirname(CETL), "cetld"), "-c", daemon.conf, "--print-config"], capture_output=True, text=True).stdout
    section, wanted = "", []
    for line in printed.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line[:1].isalpha():
            wanted.append((section, line.split(" =")[0]))
    assert sorted((" ".join(filter(None, (o["section"], o["name"]))), o["option"]) for o in everything) == sorted(wanted)
    with open(daemon.conf) as f:
        lines = f.read().split("\n")
    for option in everything:
        if option["file"]:
            assert option["file"] == daemon.conf and lines[option["line"] - 1].split("=")[0].strip() == option["option"], option
    said = cetl("config", "orders", "--said", daemon=daemon).out.splitlines()[1:]
    assert [line.split("]")[1].split()[0] for line in said] == ["columns", "max_errors", "lineage"], said
    assert "id bigint primary key, amount numeric not null, note text" in said[0]
    assert {o["option"] for o in cetl("config", "mode", "--json", daemon=daemon).json} == {"mode"}
    run = cetl("config", "nope", daemon=daemon)
    assert run.status == FAILED and run.out == "" and "nope" in run.err


# -- tokens, completion


@pytest.mark.parametrize("name", [" ", "a b", "a]", "../ci", "a/b", "ci\n[token other]", "x\x1b[31m", b"\xff\xfe", "n" * 200, ".hidden"])
def test_token_new_refuses_names_that_no_section_or_file_has(name, tmp_path):
    answer = cetl("token", "new", "--hash-file", str(tmp_path / "hash"), name)
    assert answer.status == USAGE and "[token NAME]" in answer.err and answer.out == "", answer
    assert "\x1b" not in answer.err and not (tmp_path / "hash").exists()


def test_token_new_makes_a_token_and_its_hash(tmp_path):
    made = cetl("token", "new", "--json").json
    assert hashlib.sha256(made["token"].encode()).hexdigest() == made["sha256"]
    path = tmp_path / "ci.sha256"
    run = cetl("token", "new", "ci", "--hash-file", str(path))
    token = re.search(r"^token +(cetl_\S+)$", run.out, re.M).group(1)
    assert run.status == OK and path.read_text() == hashlib.sha256(token.encode()).hexdigest() + "\n"
    assert "[token ci]\n" in run.err and "hash_file = %s\n" % path in run.err
    again = cetl("token", "new", "ci", "--hash-file", str(path))
    assert again.status == FAILED and again.out == "" and "there already" in again.err


def complete(*typed, folder=None):
    script = 'source %s/cli/cetl.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cetl; printf "%%s\\n" "${COMPREPLY[@]}"' % TOP
    path = os.path.dirname(CETL) + os.pathsep + os.environ["PATH"]
    run = subprocess.run(["bash", "-c", script, "bash", "cetl", *typed], capture_output=True, text=True, env={**os.environ, "PATH": path}, cwd=folder or TOP)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    return run.stdout.split("\n")[:-1]


def test_bash_completes_ids_of_files(daemon, write):
    ids = []
    for name in ("completed_1.csv", "completed_2.csv"):
        ids.append(str(cetl("ingest", "--dataset", "orders", "--json", write(name, orders()), daemon=daemon).json[0]["id"]))
    where = ["-c", daemon.conf]
    assert set(ids) <= set(complete(*where, "show", "")) and set(complete("show", *where, ids[0])) >= {ids[0]}
    assert set(ids) <= set(complete(*where, "files", "--before", "")) and set(ids) <= set(complete(*where, "unload", ids[1], ""))
    assert all(i.isdigit() for i in complete(*where, "replay", ""))
    assert complete("--socket", "/nowhere", "show", "") == [""]


def test_bash_completes_commands_options_states_and_files(tmp_path):
    assert sorted(complete("")) == sorted({name.split()[0] for name in words()})
    assert complete("stat") == ["status"]
    assert complete("token", "") == ["new"]
    assert complete("--json", "token", "new", "--hash") == ["--hash-file"]
    for name, (_, options) in words().items():
        assert set(complete(*name.split(), "-")) == {option.rstrip("=") for option in options} | {"--help"}
    assert complete("files", "--state", "un") == ["unloaded", "unreadable"]
    (tmp_path / "two words.csv").write_text("")
    assert complete("ingest", "two", folder=tmp_path) == ["two words.csv"]
