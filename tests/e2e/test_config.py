# SPDX-License-Identifier: MIT
"""The command line, --check, and reload by SIGHUP."""

import os
import pwd
import re
import signal
import subprocess

import pytest

from daemon import BINARY
from waiting import until

ITEMS = "[dataset items]\nfiles = items*.csv\ncolumns = id bigint, name text\n"
OTHERS = "[dataset others]\nfiles = others*.csv\ntable = public.others_renamed\ncolumns = id bigint\n"


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)


@pytest.fixture
def conf(folder):
    def write(text, name="cetl.conf"):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    return write


def test_version_and_help():
    assert re.search(r"\d+\.\d+", run("--version").stdout) and run("--version").returncode == 0
    text = run("--help")
    assert text.returncode == 0 and "--check" in text.stdout and "-c" in text.stdout


def test_unknown_argument_is_refused():
    answer = run("--chekc")
    assert answer.returncode not in (0, None) and "--chekc" in answer.stderr


def test_empty_file_is_a_working_configuration(conf):
    assert run("--check", "-c", conf("")).returncode == 0


def test_committed_sample_shows_every_option_and_checks(conf, examples):
    printed = run("--sample-config")
    assert printed.returncode == 0
    with open(os.path.join(examples, "../cetl.conf"), encoding="utf-8") as f:
        assert f.read() == printed.stdout
    assert run("--check", "-c", conf(printed.stdout)).returncode == 0


MANUALS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")


def test_committed_manual_page_is_that_of_the_table():
    printed = run("--manual")
    assert printed.returncode == 0
    with open(os.path.join(MANUALS, "cetl.conf.5"), encoding="utf-8") as f:
        assert f.read() == printed.stdout, "build/cetld --manual > docs/cetl.conf.5"


def test_manual_page_explains_every_option_of_the_sample():
    page, kind = run("--manual").stdout.replace("\\-", "-"), None
    for line in run("--sample-config").stdout.splitlines():
        section, option = re.match(r"#?\[(\w+)", line), re.match(r"#(\w+) =", line)
        if section:
            kind = section[1]
            part = page.split(".SS [%s" % kind)[1].split("\n.S")[0]
        elif option:
            assert "\\fB%s\\fR" % option[1] in part, (kind, option[1])


@pytest.mark.parametrize("page", ["cetl.conf.5", "cetld.8"])
def test_manual_page_has_no_mistake(page):
    checked = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", os.path.join(MANUALS, page)], capture_output=True, text=True)
    assert checked.returncode == 0 and checked.stderr == ""


def test_manual_page_of_the_daemon_has_every_argument():
    with open(os.path.join(MANUALS, "cetld.8"), encoding="utf-8") as f:
        page = f.read().replace("\\-", "-")
    for argument in set(re.findall(r"--[a-z-]+", run("--help").stdout)):
        assert argument in page, argument


def test_time_zone_that_is_none_is_a_mistake(conf):
    path = conf("[dataset a]\ncolumns = at timestamptz\ntimezone = Europe/Pariss\n")
    answer = run("--check", "-c", path)
    assert answer.returncode == 1 and answer.stderr.startswith(path + ":3: ") and "'Europe/Pariss'" in answer.stderr


def test_url_that_cannot_be_read_is_a_mistake(conf):
    path = conf("[database]\nurl = host=localhost prot=5432\n")
    answer = run("--check", "-c", path)
    assert answer.returncode == 1 and answer.stderr.startswith(path + ":") and "prot" in answer.stderr


@pytest.mark.parametrize("name", ["examples", "earliest-trade", "split-names", "order-lines", "hiring", "people-service"])
def test_examples_check(conf, examples, name):
    with open(os.path.join(examples, name + ".conf"), encoding="utf-8") as f:
        answer = run("--check", "-c", conf(f.read()))
    assert answer.returncode == 0, answer.stderr


def test_all_mistakes_are_told_at_once_with_file_line_and_nearest_name(conf):
    path = conf("[daemon]\nworkers = many\nmemmory_max = 1G\n\n[dataset items]\nfiles = a*.csv\nmode = apend\ncolumns = id bigint\n[colum items.id]\n")
    answer = run("--check", "-c", path)
    assert answer.returncode == 1
    told = answer.stderr + answer.stdout
    for line, words in ((2, "many"), (3, "memory_max"), (7, "append"), (9, "column")):
        assert re.search(r"%s:%d:.*%s" % (re.escape(path), line, words), told), told


def test_mistake_in_conf_d_names_its_file(conf):
    path = conf("")
    extra = conf("[api]\nlisten_to = 1\n", "conf.d/10-extra.conf")
    answer = run("--check", "-c", path)
    assert answer.returncode == 1 and extra + ":2:" in answer.stderr + answer.stdout


def test_daemon_does_not_start_with_a_bad_configuration(conf, folder):
    answer = run("-c", conf("[daemon]\nspool = %s/spool\nworkers = -3\n" % folder))
    assert answer.returncode == 78 and ":3:" in answer.stderr
    assert not os.path.exists(os.path.join(folder, "spool"))


def test_missing_file_is_told():
    answer = run("-c", "/nonexistent/cetl.conf")
    assert answer.returncode == 78 and "/nonexistent/cetl.conf" in answer.stderr


def test_reload_brings_a_new_dataset(cetld, database):
    daemon = cetld(ITEMS)
    daemon.write_config(ITEMS + OTHERS)
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.get("/v1/others").status == 200, lambda: "the new dataset\n" + daemon.log())
    daemon.drop("others_1.csv", "id\n1\n2\n")
    daemon.wait_state("others_1.csv")
    assert database.value("SELECT count(*) FROM public.others_renamed") == 2


def test_bad_reload_keeps_the_old_configuration_and_says_why(cetld, database):
    daemon = cetld(ITEMS)
    daemon.write_config(ITEMS + OTHERS + "mode = perhaps\n")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines(r"cetl\.conf:\d+:.*perhaps"), lambda: "the reason\n" + daemon.log())
    assert daemon.get("/v1/others").status == 404
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_state("items_1.csv")


def test_reload_says_what_needs_a_restart(cetld):
    daemon = cetld(ITEMS)
    daemon.sections["daemon"]["spool"] = os.path.join(daemon.folder, "elsewhere")
    daemon.write_config(ITEMS)
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines("spool.*restart|restart.*spool"), lambda: "a word about the restart\n" + daemon.log())
    assert not os.path.exists(os.path.join(daemon.folder, "elsewhere"))


def test_many_reloads_during_loads_lose_nothing(cetld, database):
    daemon = cetld(ITEMS)
    for n in range(50):
        daemon.drop("items_%d.csv" % n, "id,name\n%d,a\n" % n)
        daemon.signal(signal.SIGHUP)
    daemon.wait_count("loaded", 50)
    assert database.value("SELECT count(DISTINCT id) FROM items") == 50


@pytest.mark.parametrize("unmatched, state", [("infer", "loaded"), ("fail", "failed")])
def test_unmatched_files(cetld, database, unmatched, state):
    daemon = cetld(ITEMS, daemon={"unmatched": unmatched})
    daemon.drop("stray_2024-01.csv", "Some Name,n\nx,1\n")
    entry = daemon.wait_state("stray_2024-01.csv", state)
    if state == "loaded":
        assert entry["dataset"] == "stray" and database.rows("SELECT some_name, n FROM stray") == [("x", 1)]


def test_unmatched_leave_leaves_them(cetld):
    daemon = cetld(ITEMS, daemon={"unmatched": "leave"})
    daemon.drop("stray.csv", "n\n1\n")
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_state("items_1.csv")
    assert daemon.ledger("stray.csv") == [] and os.path.exists(daemon.path("incoming", "stray.csv"))


@pytest.mark.skipif(os.geteuid() != 0, reason="root asks as the daemon's user")
def test_check_as_root_asks_as_the_daemons_user(make_cetld, database):
    """Beside Debian's PostgreSQL the url names no user, and root is none of its roles."""
    url = "host=%s port=%d dbname=%s" % (database.cluster.folder, database.cluster.port, database.name)
    daemon = make_cetld(url, "[dataset items]\ncolumns = id bigint, x nothing\n", user="postgres")
    answer = run("--check", "-c", daemon.conf)
    assert answer.returncode == 1 and "as user postgres" in answer.stdout, answer
    assert "nothing" in answer.stderr and "not asked" not in answer.stderr, answer
    os.chown(daemon.state, pwd.getpwnam("nobody").pw_uid, -1)
    assert 'role "nobody" does not exist' in run("--check", "-c", daemon.conf).stderr
    other = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", daemon.binary, "--check", "-c", daemon.conf]
    answer = subprocess.run(other, capture_output=True, text=True, timeout=30)
    assert 'role "daemon" does not exist' in answer.stderr and "runuser -u nobody -- cetld --check" in answer.stderr, answer


def test_one_mistake_is_one(make_cetld, database):
    daemon = make_cetld(database.url(), ITEMS).start()
    daemon.write_config(ITEMS + "colour = blue\n")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines(r"\b1 mistake in the configuration"), daemon.log)


@pytest.mark.parametrize("argument", ["--sample-config", "--manual", "--new-token", "--version", "--help", "--print-config"])
def test_what_cannot_be_printed_is_told(argument, conf):
    with open("/dev/full", "w", encoding="utf-8") as full:
        answer = subprocess.run([BINARY, argument, "-c", conf("")], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert answer.returncode == 1 and "stdout cannot be written: No space left on device" in answer.stderr, answer


def test_check_says_how_many_mistakes_it_leaves_out(conf):
    answer = run("--check", "-c", conf("".join("[dataset d%d]\ncolour = blue\n" % i for i in range(500))))
    lines = answer.stderr.splitlines()
    assert answer.returncode == 1 and lines[-1] == "and %d more" % (500 - (len(lines) - 1)), lines[-2:]


def test_a_missing_file_behind_c_is_told():
    for words in (["-c"], ["--check", "--config", ""]):
        answer = run(*words)
        assert answer.returncode == 2 and "%s what?" % [w for w in words if w][-1] in answer.stderr, answer
