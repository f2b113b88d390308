"""The settings file: which one, what may be wrong with it, and any input at all."""

from __future__ import annotations

import contextlib
import io
import os
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.config import SETTINGS, Settings, complaint, describe, load
from bridge.config.sources import COMMANDS
from bridge.config.tree import GROUPS
from bridge.errors import SettingsError
from bridge.names import event_problem


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(*argv: str, **environ: str) -> tuple[str, ...]:
    """The problems that loading these has."""
    with pytest.raises(SettingsError) as caught:
        load(argv, environ)
    return caught.value.problems


def test_no_file_is_read_unless_it_is_named() -> None:
    Path("bridge.toml").write_text("port = 1\n")
    assert load([], {}).web.port == 8080
    assert load(["--config", "bridge.toml"], {}).web.port == 1
    assert load([], {"BRIDGE_CONFIG": "bridge.toml"}).web.port == 1


def test_the_flag_names_another_file_than_the_variable_or_none() -> None:
    Path("a.toml").write_text("port = 1\n")
    Path("b.toml").write_text("port = 2\n")
    assert load(["--config", "b.toml"], {"BRIDGE_CONFIG": "a.toml"}).web.port == 2
    assert load(["--config="], {"BRIDGE_CONFIG": "a.toml"}).web.port == 8080
    assert load([], {"BRIDGE_CONFIG": ""}).web.port == 8080


def test_the_file_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("a.toml").write_text("port = 1\n")
    settings = load(["--config=~/a.toml"], {})
    assert (settings.web.port, settings.origins["port"]) == (1, "file ~/a.toml")


def test_a_file_that_can_not_be_read_is_one_problem_that_says_what_asked_for_it(tmp_path: Path) -> None:
    assert problems("--config", "no.toml") == ("--config no.toml: can't be read: No such file or directory",)
    assert problems(BRIDGE_CONFIG="no.toml") == ("BRIDGE_CONFIG=no.toml: can't be read: No such file or directory",)
    assert problems("--config", str(tmp_path)) == (f"--config {tmp_path}: can't be read: Is a directory",)
    assert problems("--config") == ("--config: has no value; needs a file",)
    assert len(problems("--config", "a\0b")) == len(problems("--config", "~nobody-of-this-name/x")) == 1


def test_a_files_long_path_is_shown_whole() -> None:
    folder = Path("x" * 100)
    folder.mkdir()
    (folder / "b.toml").write_text("port = 1\n")
    (folder / "bad.toml").write_text("port = ''\n")
    assert f"# file {folder}/b.toml\n" in describe(load(["--config", f"{folder}/b.toml"], {}))
    assert problems("--config", f"{folder}/bad.toml")[0].startswith(f'port = "" in {folder}/bad.toml: ')
    assert problems("--config", f"{folder}/none.toml")[0].endswith(
        "x/none.toml: can't be read: No such file or directory"
    )


def test_a_file_that_can_not_be_read_does_not_hide_other_problems() -> None:
    assert len(problems("--config", "no.toml", "--port", "x", BRIDGE_X="1")) == 3


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"port = 1\n\nevent = oops\n", "line 3: this is not TOML: Invalid value"),
        (b"port = 1\nport = 2\n", "line 2: this is not TOML: "),
        (b"port\n", "line 1: this is not TOML: "),
        (b"\n\nport = ", "line 3: this is not TOML: "),
        (b"a = 1\nevent = '''\nx", "line 3: this is not TOML: "),
        (b"port = 1\n\nevent = '\xff'\n", "line 3: this is not UTF-8"),
        (b"\n\xff", "line 2: this is not UTF-8"),
        (b"a = " + b"[" * 100_000, "this is nested too deeply"),
        (b"port = " + b"1" * 10_000, ""),
    ],
)
def test_a_file_that_is_not_toml_is_one_problem_with_file_and_line(content: bytes, start: str) -> None:
    Path("b.toml").write_bytes(content)
    (problem,) = problems("--config", "b.toml")
    assert problem.startswith(f"b.toml: {start}")
    assert len(problem) < 200
    assert "\n" not in problem


def test_a_byte_order_mark_and_carriage_returns_do_no_harm() -> None:
    Path("b.toml").write_bytes(b"\xef\xbb\xbfport = 1\r\nevent = 'x'\r\n")
    assert load(["--config", "b.toml"], {}).relay.event == "x"


def test_a_table_is_a_problem_that_shows_how_settings_are_written() -> None:
    Path("b.toml").write_text("[web]\nport = 1\n[server]\nhost = 'a'\n")
    assert problems("--config", "b.toml") == (
        "[web] in b.toml: settings are written without tables, such as port = 8080",
        "server = {'host': 'a'} in b.toml: needs HOST:PORT, such as localhost:8000 or [::1]:8000",
    )


def test_dashes_in_a_key_are_a_misspelling() -> None:
    Path("b.toml").write_text("framing-in = '~'\ncheck = true\n")
    assert problems("--config", "b.toml") == (
        "framing-in in b.toml: there is no such setting; did you mean framing_in?",
        "check in b.toml: this is no setting but a flag, --check",
    )


def test_a_lists_wrong_items_are_named_each() -> None:
    Path("b.toml").write_text("allowed_origins = ['http://a', 'b', 3]\nhandlers = 3\n")
    wants = "needs an origin, such as http://localhost:5173, or *"
    assert problems("--config", "b.toml") == (
        f'allowed_origins = "b" in b.toml: {wants}',
        f"allowed_origins = 3 in b.toml: {wants}",
        "handlers = 3 in b.toml: needs a Python file that exists",
    )


def test_a_relative_path_starts_at_the_file_in_a_file_else_at_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "etc" / "pages").mkdir(parents=True)
    (tmp_path / "etc" / "mine.py").touch()
    Path("etc/b.toml").write_text("site = 'pages'\nhandlers = 'mine.py'\n")
    settings = load(["--config", "etc/b.toml"], {})
    assert settings.web.site == tmp_path / "etc" / "pages"
    assert settings.relay.handlers == (tmp_path / "etc" / "mine.py",)
    assert load(["--config", "etc/b.toml", "--site", "etc"], {}).web.site == tmp_path / "etc"
    assert load([], {"BRIDGE_SITE": "etc/pages"}).web.site == tmp_path / "etc" / "pages"


ANY_TEXT = st.text(st.characters(exclude_characters="/"), max_size=12)
VALUES = st.sampled_from(["", "-", "--", "~", "yes", "8000", "a:1", "-1", "64k", "nan", "http://a", "*", ".", "a.py"])
NAMES = st.sampled_from([*SETTINGS, *COMMANDS, "serv", "prot", "x"])
FLAGS = NAMES.map(lambda name: "--" + name.replace("_", "-"))
WORDS = FLAGS | VALUES | ANY_TEXT | st.tuples(FLAGS, VALUES | ANY_TEXT).map("=".join)
VARIABLES = NAMES.map(lambda name: "BRIDGE_" + name.upper()) | ANY_TEXT.map("BRIDGE_".__add__)
ANYTHING = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANYTHING
@given(st.lists(WORDS, max_size=8), st.dictionaries(VARIABLES, VALUES | ANY_TEXT, max_size=4))
@example(["--site", "\x00"], {})
@example(["--event=\udcff"], {"BRIDGE_\udcff": "\udcff"})
def test_any_flags_and_variables_give_settings_or_problems_or_an_exit_with_0(
    argv: list[str], environ: dict[str, str]
) -> None:
    found = outcome(argv, environ)
    if isinstance(found, SettingsError):
        assert found.problems
        assert all(problem.isprintable() for problem in found.problems)
        assert complaint(found).encode()
    elif found is not None:
        assert set(found.origins) == set(SETTINGS)


def outcome(argv: list[str], environ: dict[str, str]) -> Settings | SettingsError | None:
    """What `load` ends in; None is an exit with 0. Whatever else it raises goes through."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return load(argv, environ)
    except SettingsError as error:
        return error
    except SystemExit as end:
        if end.code:
            raise
        return None


VALUES_IN_TOML = st.sampled_from(
    ["1", "-1", "1.5", "nan", "true", "''", "'a'", "[]", "['a']", "[1]", "{}", "1979-05-27"]
)


@ANYTHING
@given(st.binary(max_size=40) | st.dictionaries(NAMES, VALUES_IN_TOML).map(
    lambda lines: "\n".join(f"{key} = {value}" for key, value in lines.items()).encode()
))  # fmt: skip
def test_any_file_gives_settings_or_problems(content: bytes) -> None:
    Path("any.toml").write_bytes(content)
    found = outcome(["--config", "any.toml"], {})
    if isinstance(found, SettingsError):
        assert all(problem.isprintable() for problem in found.problems)


PRINTED = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)
FRAMINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@ANYTHING
@given(PRINTED.map(lambda text: "_" + text), FRAMINGS, st.floats(0, 10), st.integers(1, 1 << 30))
@example("_\\\"'", string.printable, 0.1, 1)
def test_what_describe_prints_is_a_file_that_gives_the_same(event: str, framing: str, gap: float, size: int) -> None:
    os.makedirs("a folder", exist_ok=True)
    name = "message" if event_problem(event) else event  # keys may have characters that no event may have
    argv = [f"--event={name}", f"--event-key={event}", f"--framing-in={framing}", f"--send-gap={gap!r}"]
    argv += [f"--max-frame={size}", "--allowed-origins=*", "--allowed-origins=http://a", "--site=a folder"]
    first = load(argv, {})
    Path("again.toml").write_text(describe(first), encoding="utf-8", newline="")
    second = load(["--config", "again.toml"], {})
    assert [getattr(first, place) for place in GROUPS] == [getattr(second, place) for place in GROUPS]
