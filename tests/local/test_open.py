"""`osmoc open` of a run on this machine."""

from pathlib import Path

from local.desk import Desk

FLOW = """\
workflow:
  name: hello
  tasks:
  - {name: greet, image: "ubuntu:24.04", command: [sh, -c, "seq 300; echo 'a < b'"]}
  - {name: leave, image: "ubuntu:24.04", command: [sh, -c, "exit 7"], inputs: [{task: greet}]}
"""


def test_a_run_becomes_a_page_for_the_browser(desk: Desk, tmp_path: Path) -> None:
    assert desk.run(FLOW).status == 1
    opened = tmp_path / "opened"
    done = desk.osmoc("open", "hello-1", env={"BROWSER": f"sh -c 'echo %s > {opened}'"})
    assert done.status == 0 and done.err == ""
    path = Path(done.out.strip())
    assert opened.read_text().strip() == path.as_uri()
    text = path.read_text()
    assert "hello-1: FAILED" in text and "exit code 7" in text
    assert "a &lt; b" in text and "\n300\n" in text and "\n101\n" not in text

    done = desk.osmoc("open", "hello-1", "--no-logs", "-o", "page.html")
    assert (done.status, done.out) == (0, "page.html\n")
    assert "a &lt; b" not in (tmp_path / "page.html").read_text()


def test_without_such_a_run_or_a_browser(desk: Desk) -> None:
    done = desk.osmoc("open", "hello-9", env={"KUBECONFIG": "/nowhere"})
    assert done.status == 2 and "Traceback" not in done.err
    assert desk.run(FLOW).status == 1
    assert desk.osmoc("open", "hello-1", env={"BROWSER": "false"}).err == "there is no browser to open it with\n"
