"""The three sources, their precedence and origins, and all problems at once."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.config import SETTINGS, Settings, complaint, describe, load
from bridge.config.fields import Setting
from bridge.config.tree import BOTH, GROUPS
from bridge.errors import SettingsError
from bridge.version import VERSION

EVERY = pytest.mark.parametrize("item", SETTINGS.values(), ids=SETTINGS)

#: What stands for a value in the help -> three that will do, other than a default, and one that won't.
SAMPLES = {
    "HOST:PORT": (("a:1", "b:2", "[::1]:3"), "8000"),
    "HOST": (("::1", "0.0.0.0", "localhost"), "a b"),
    "PORT": (("1", "0", "65535"), "65536"),
    "YES": (("yes", "true", "1"), "maybe"),
    "FRAMING": (("|", r"\n", "json"), "\udcff"),
    "SIZE": (("1", "32k", "1GiB"), "2GiB"),
    "NUMBER": (("1", "12", "1000000"), "0"),
    "SECONDS": (("1", "2.5", "3"), "-1"),
    "TEXT": (("ping", "{}", "a b"), "\udcff"),
    "NAME": (("one", "two", "three"), "a\x00"),
    "FIELD": (("one", "two", "three"), "a\x00"),
    "DIR": (("a", "b", "c"), "none"),
    "FILE": (("a.py", "b.py", "c.py"), "none.py"),
    "SECRET": (("sixteen letters.", "0123456789abcdef", "no more than that"), "short"),
    "FOLDER": (("a", "b/c", "/d"), "\udcff"),
    "NETWORK": (("127.0.0.1", "10.0.0.0/8", "fe80::/10"), "proxy"),
    "ORIGIN": (("http://a", "http://b", "*"), "localhost"),
}
SOURCES = ("file", "environment", "flag")
SUBSETS = [
    [source for bit, source in enumerate(SOURCES) if number >> bit & 1] for number in range(1, 1 << len(SOURCES))
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files and folders that the samples name."""
    for name in SAMPLES["DIR"][0]:
        (tmp_path / name).mkdir()
    for name in SAMPLES["FILE"][0]:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def samples(item: Setting) -> tuple[tuple[str, str, str], str]:
    """Three texts for the setting, other than its default, and a wrong one. A new kind needs its own."""
    if item.kind.metavar in SAMPLES:
        return SAMPLES[item.kind.metavar]
    assert "|" in item.kind.metavar, f"tests/unit/test_config.py, SAMPLES: values for {item.kind.metavar}"
    words = [word for word in item.kind.metavar.split("|") if word != item.default]
    one, two, three = (words * 3)[:3]
    return (one, two, three), "neither"


def given(item: Setting, values: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Flags and variables that give the setting from each source of `values` its text."""
    argv, environ = [], {}
    if "file" in values:
        Path("b.toml").write_text(f"{item.name} = '{values['file']}'\n", encoding="utf-8")
        argv += ["--config", "b.toml"]
    if "environment" in values:
        environ[item.variable] = values["environment"]
    if "flag" in values:
        argv.append(f"{item.flag}={values['flag']}")
    return argv, environ


def in_tree(settings: Settings, name: str) -> object:
    """A setting's value by its name."""
    return dict(pair for place in GROUPS for pair in getattr(settings, place))[name]


def problems(argv: list[str], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    """The problems that loading these has."""
    with pytest.raises(SettingsError) as caught:
        load(argv, environ or {})
    return caught.value.problems


@EVERY
@pytest.mark.parametrize("sources", SUBSETS, ids="+".join)
def test_the_latest_source_that_gives_the_setting_counts_and_is_its_origin(item: Setting, sources: list[str]) -> None:
    texts = dict(zip(sources, samples(item)[0], strict=False))
    settings = load(*given(item, texts))
    expected = item.parse([texts[sources[-1]]] if item.kind.many else texts[sources[-1]], Path.cwd())
    assert in_tree(settings, item.name) == expected != item.default
    origin = {"file": "file b.toml", "environment": f"environment {item.variable}", "flag": f"flag {item.flag}"}
    assert settings.origins[item.name] == origin[sources[-1]]
    stands_for = {item.name, *BOTH.get(item.name, ())}
    assert {settings.origins[name] for name in stands_for} == {origin[sources[-1]]}
    others = {name: origin for name, origin in settings.origins.items() if name not in stands_for}
    assert set(others.values()) == {"default"}


@EVERY
def test_without_any_source_the_default_counts_and_fits_its_own_type(item: Setting) -> None:
    settings = load([], {})
    assert in_tree(settings, item.name) == item.default == item.parse(item.default, Path.cwd())
    assert settings.origins[item.name] == "default"


@EVERY
@pytest.mark.parametrize("source", SOURCES)
def test_a_wrong_value_is_one_problem_named_as_it_was_written_also_where_it_is_overridden(
    item: Setting, source: str
) -> None:
    (right, *_), wrong = samples(item)
    argv, environ = given(item, dict.fromkeys(SOURCES, right) | ({source: wrong} if source != "file" else {}))
    if source == "file":
        wrong = "{}"
        Path("b.toml").write_text(f"{item.name} = {wrong}\n")
    (problem,) = problems(argv, environ)
    named = {"file": f"{item.name} = ", "environment": f"{item.variable}=", "flag": f"{item.flag} "}[source]
    assert problem.startswith(named)
    assert ("b.toml" in problem) == (source == "file")
    assert wrong.encode("unicode_escape").decode() in problem
    assert problem.rpartition(": ")[2]
    assert problem.isprintable()


@EVERY
def test_a_flag_takes_its_value_after_a_space_or_an_equals_sign(item: Setting) -> None:
    text = samples(item)[0][0]
    words = [item.flag] if item.kind.switch else [item.flag, text]
    assert in_tree(load(words, {}), item.name) == in_tree(load([f"{item.flag}={text}"], {}), item.name)


@EVERY
def test_a_flag_without_its_value_is_a_problem_that_says_what_it_needs(item: Setting) -> None:
    if not item.kind.switch:
        expected = (f"{item.flag}: has no value; needs {item.kind.wants}",)
        assert problems([item.flag]) == problems([item.flag, "--check"]) == expected


@EVERY
def test_a_misspelt_name_is_a_problem_in_every_source_and_the_right_one_is_suggested(item: Setting) -> None:
    wrong = item.name[:-1] + "_" + item.name[-1]
    Path("b.toml").write_text(f"{wrong} = 1\n")
    assert problems(["--config", "b.toml"]) == (
        f"{wrong} in b.toml: there is no such setting; did you mean {item.name}?",
    )
    variable = "BRIDGE_" + wrong.upper()
    expected = f"{variable}: there is no such setting; did you mean {item.variable}?"
    assert problems([], {variable: "1"}) == (expected,)
    flag = "--" + wrong.replace("_", "-")
    assert problems([flag, "1"]) == (f"{flag}: there is no such setting; did you mean {item.flag}?",)


def test_every_group_of_the_tree_is_listed_and_no_name_is_in_two() -> None:
    fields = Settings.model_fields.items()
    assert dict(GROUPS) == {
        name: field.annotation for name, field in fields if name not in ("check", "file", "origins")
    }
    assert len(SETTINGS) == sum(len(group.model_fields) for group in GROUPS.values())
    assert all(item.help and item.reason and item.kind.wants for item in SETTINGS.values())


@pytest.mark.parametrize("flag", ["--serv", "--server-", "--Server", "--server_", "-server"])
def test_a_flag_is_not_guessed_only_suggested(flag: str) -> None:
    assert problems([flag, "a:1"]) == (f"{flag}: there is no such setting; did you mean --server?",)


@pytest.mark.parametrize(
    ("flag", "right"), [("--fram", "framing"), ("--p", "--port"), ("--conf", "--config"), ("--chekc", "--check")]
)
def test_the_start_of_a_name_is_enough_for_a_suggestion(flag: str, right: str) -> None:
    assert right in problems([flag])[0].partition("did you mean")[2]


def test_a_name_that_is_like_no_other_points_to_the_help() -> None:
    assert problems(["--zzz"]) == ("--zzz: there is no such setting; --help shows them all",)
    assert problems([], {"BRIDGE_ZZZ": "1"}) == ("BRIDGE_ZZZ: there is no such setting; --help shows them all",)
    assert problems([], {"BRIDGE_": "1"}) == ("BRIDGE_: there is no such setting; --help shows them all",)


def test_a_flag_that_is_no_setting_is_none_in_a_variable_either() -> None:
    assert problems([], {"BRIDGE_CHECK": "1"}) == ("BRIDGE_CHECK: this is no setting but a flag, --check",)


def test_variables_of_others_and_in_lower_case_are_not_looked_at() -> None:
    assert load([], {"PORT": "x", "bridge_port": "x", "XBRIDGE_PORT": "x", "BRIDGE": "x"}).web.port == 8080
    assert problems([], {"BRIDGE_Port": "1"}) == ("BRIDGE_Port: there is no such setting; did you mean BRIDGE_PORT?",)


def test_words_that_are_no_flags_are_problems() -> None:
    end = "is no flag, and belongs to none; --help shows them all"
    assert problems(["localhost:8000", "--demo", "yes", ""]) == (f"localhost:8000: {end}", f"yes: {end}", f": {end}")


def test_a_value_may_start_with_a_dash_unless_it_looks_like_a_flag() -> None:
    assert load(["--framing-in", "-"], {}).link.framing_in == "-"
    assert load(["--framing-in", "--"], {}).link.framing_in == "--"
    assert load(["--framing-in", "-x"], {}).link.framing_in == "-x"
    assert load(["--framing-in=--x"], {}).link.framing_in == "--x"
    assert load(["--framing-in=="], {}).link.framing_in == "="
    assert len(problems(["--framing-in", "--x"])) == 2


def test_of_a_flag_given_twice_the_later_counts_and_the_earlier_is_still_checked() -> None:
    assert load(["--port", "1", "--port", "2"], {}).web.port == 2
    assert problems(["--port", "x", "--port", "2"]) == ("--port x: needs a whole number from 0 to 65535",)


def test_every_problem_of_every_source_is_reported_at_once() -> None:
    Path("b.toml").write_text('prot = 1\nevent = ""\n[web]\nport = 1\n')
    argv = ["--config", "b.toml", "--serv", "a:1", "--server", "1", "--max-frame"]
    argv += ["--identity", "me", "--user-key", "action", "stray"]
    found = problems(argv, {"BRIDGE_PORT": "x", "BRIDGE_PING": "1", "BRIDGE_HANDLERS": "a.py,none.py,no.py"})
    assert [problem.partition(": ")[0] for problem in found] == [
        "prot in b.toml",
        "[web] in b.toml",
        'event = "" in b.toml',
        "BRIDGE_PING",
        "BRIDGE_HANDLERS=none.py",
        "BRIDGE_HANDLERS=no.py",
        "BRIDGE_PORT=x",
        "--serv",
        "--max-frame",
        "stray",
        "--server 1",
        "--identity me",
        "--user-key action",
    ]


def test_the_block_of_problems_counts_them_and_points_to_the_help() -> None:
    block = complaint(SettingsError(["--port x: a", "--host y: b"]))
    assert block == "bridge: 2 problems in the settings:\n  --port x: a\n  --host y: b\nSee --help."
    assert complaint(SettingsError(["a"])).startswith("bridge: 1 problem in the settings:\n")


@pytest.mark.parametrize("name", [item.name for item in SETTINGS.values() if item.kind.many])
def test_a_list_is_flags_a_variable_with_commas_or_an_array_and_replaces_the_earlier_one(name: str) -> None:
    item = SETTINGS[name]
    (one, two, three), _ = samples(item)
    expected = item.parse([one, two], Path.cwd())
    Path("b.toml").write_text(f"{name} = ['{one}', '{two}']\n")
    assert in_tree(load([item.flag, one, f"{item.flag}={two}"], {}), name) == expected
    assert in_tree(load([], {item.variable: f" {one}, {two},"}), name) == expected
    assert in_tree(load(["--config", "b.toml"], {}), name) == expected
    over = load(["--config", "b.toml", item.flag, three], {})
    assert in_tree(over, name) == item.parse([three], Path.cwd())


@pytest.mark.parametrize("name", [item.name for item in SETTINGS.values() if item.default in (None, ())])
def test_an_empty_value_takes_away_what_an_earlier_source_gave(name: str) -> None:
    item = SETTINGS[name]
    text = samples(item)[0][0]
    Path("b.toml").write_text(f"{name} = ''\n")
    assert in_tree(load([f"{item.flag}="], {item.variable: text}), name) == item.default
    assert in_tree(load(["--config", "b.toml"], {item.variable: ""}), name) == item.default


def test_a_check_of_another_layer_is_a_problem_like_any_other() -> None:
    def check(text: str) -> None:
        if text != "ok":
            raise ValueError(f"is no framing; ok would do, not {text!r}")

    checks = {"framing_in": check}
    assert load(["--framing-in", "ok"], {}, checks=checks).link.framing_in == "ok"
    with pytest.raises(SettingsError) as caught:
        load(["--framing-in", "x", "--port", "x"], {"BRIDGE_FRAMING_IN": "y"}, checks=checks)
    assert caught.value.problems == (
        "BRIDGE_FRAMING_IN=y: is no framing; ok would do, not 'y'",
        "--framing-in x: is no framing; ok would do, not 'x'",
        "--port x: needs a whole number from 0 to 65535",
    )


def test_a_check_is_asked_about_what_was_given_not_about_the_default() -> None:
    asked: list[str] = []
    load(["--framing-out", "|"], {}, checks={"framing_in": asked.append, "framing_out": asked.append})
    assert asked == ["|"]


@pytest.mark.parametrize("source", SOURCES)
def test_demo_and_a_server_from_one_source_contradict_each_other(source: str) -> None:
    Path("b.toml").write_text('demo = true\nserver = "a:1"\n')
    argv = {"file": ["--config", "b.toml"], "environment": [], "flag": ["--demo", "--server", "a:1"]}[source]
    environ = {"BRIDGE_DEMO": "1", "BRIDGE_SERVER": "a:1"} if source == "environment" else {}
    (problem,) = problems(argv, environ)
    assert problem.endswith(": these are two servers; choose one")
    assert "demo" in problem.lower()
    assert "server" in problem.lower()


@pytest.mark.parametrize(("lower", "higher"), [*pairwise(SOURCES), ("file", "flag")])
def test_of_demo_and_a_server_the_later_source_counts(lower: str, higher: str) -> None:
    def loaded(sources: dict[str, tuple[str, str]]) -> Settings:
        argv: list[str] = []
        environ: dict[str, str] = {}
        for source, (name, text) in sources.items():
            more, variables = given(SETTINGS[name], {source: text})
            argv, environ = argv + more, environ | variables
        return load(argv, environ)

    demo = loaded({lower: ("server", "a:1"), higher: ("demo", "yes")})
    assert demo.link.demo is True
    server = loaded({lower: ("demo", "yes"), higher: ("server", "a:1")})
    assert server.link.demo is False
    assert str(server.link.server) == "a:1"
    assert server.origins["demo"] == server.origins["server"]


def test_a_demo_that_is_off_and_a_server_do_not_contradict_each_other() -> None:
    assert str(load(["--demo=no", "--server", "a:1"], {}).link.server) == "a:1"


def test_the_tree_is_frozen_through_and_through() -> None:
    settings = load([], {})
    with pytest.raises(ValidationError):
        settings.check = True  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.web.port = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        settings.link.server.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.origins["port"] = "x"  # type: ignore[index]


def test_the_process_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "BRIDGE_PORT", "1")
    assert load([], {}).web.port == 8080


def test_check_is_a_flag_without_a_value() -> None:
    assert load([], {}).check is False
    assert load(["--check"], {}).check is True
    assert problems(["--check=no"]) == ("--check=no: takes no value",)


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--bogus", "--help", "--version", "stray"]])
def test_help_is_printed_whatever_else_is_wrong_and_ends_with_0(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        load(argv, {"BRIDGE_BOGUS": "1"})
    assert caught.value.code == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: .venv/bin/python app.py")
    assert printed.err == ""


def test_version_is_printed_and_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load(["--version"], {})
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"bridge {VERSION}\n"


def test_describe_shows_every_setting_with_value_and_origin_in_columns() -> None:
    lines = describe(load(["--port", "1"], {"BRIDGE_EVENT": 'say "hi"'})).splitlines()
    assert 'event                   = "say \\"hi\\""      # environment BRIDGE_EVENT' in lines
    assert "port                    = 1                 # flag --port" in lines
    assert "allowed_origins         = []                # default" in lines
    settings = [line for line in lines if line and not line.startswith("#")]
    assert [line.split()[0] for line in settings] == list(SETTINGS)
    assert {line.index("#") for line in settings} == {44}


@pytest.mark.parametrize(
    "item", [item for item in SETTINGS.values() if not item.kind.secret], ids=lambda item: item.name
)
def test_what_describe_prints_of_a_setting_is_a_file_that_gives_the_same(item: Setting, folder: Path) -> None:
    first = load([f"{item.flag}={samples(item)[0][0]}"], {})
    (folder / "again.toml").write_text(describe(first))
    assert in_tree(load(["--config", "again.toml"], {}), item.name) == in_tree(first, item.name) != item.default


def test_describe_shows_a_server_that_the_demo_replaces_as_not_used(folder: Path) -> None:
    text = describe(load(["--demo"], {"BRIDGE_SERVER": "a:1"}))
    assert '# server                  = "a:1", not used: the demo server is  # environment BRIDGE_SERVER' in text
    (folder / "again.toml").write_text(text)
    assert load(["--config", "again.toml"], {}).link.demo is True


@pytest.mark.parametrize("one", SOURCES)
@pytest.mark.parametrize("other", SOURCES)
@pytest.mark.parametrize("way", ["framing_in", "framing_out"])
def test_framing_is_both_ways_and_yields_to_either_of_the_same_or_a_later_source(
    one: str, other: str, way: str
) -> None:
    def texts(sources: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        argv, environ = ["--config", "b.toml"], {}
        Path("b.toml").write_text(
            "".join(f"{name} = '{text}'\n" for name, text in sources.items() if one_of(name, "file"))
        )
        for name, text in sources.items():
            if one_of(name, "environment"):
                environ[SETTINGS[name].variable] = text
            elif one_of(name, "flag"):
                argv += [SETTINGS[name].flag, text]
        return argv, environ

    def one_of(name: str, source: str) -> bool:
        return source == (one if name == "framing" else other)

    link = load(*texts({way: "|", "framing": "crlf"})).link
    wins = SOURCES.index(other) >= SOURCES.index(one)
    assert getattr(link, way) == ("|" if wins else "crlf")
    assert getattr(link, "framing_out" if way == "framing_in" else "framing_in") == "crlf"


def only_in(text: str) -> None:
    if text in ("none", "x"):
        raise ValueError("not in")


def only_out(text: str) -> None:
    if text in ("END", "x"):
        raise ValueError("not out")


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--framing", "none"], "--framing none: can't be --framing-in, which needs its own: not in"),
        (["--framing", "END"], "--framing END: can't be --framing-out, which needs its own: not out"),
        (["--framing", "x"], "--framing x: not in"),
        (["--framing", "x", "--framing-in", "~", "--framing-out", "~"], "--framing x: not in"),
    ],
)
def test_a_framing_that_one_way_can_not_have_is_a_problem_that_names_it(argv: list[str], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(argv, {}, checks={"framing_in": only_in, "framing_out": only_out})
    assert caught.value.problems == (problem,)


def test_where_that_way_has_its_own_it_is_none() -> None:
    checks = {"framing_in": only_in, "framing_out": only_out}
    assert load(["--framing-in", "json"], {"BRIDGE_FRAMING": "none"}, checks=checks).link.framing_out == "none"
    assert load(["--framing", "END", "--framing-out", "~"], {}, checks=checks).link.framing_in == "END"


def test_the_demo_speaks_its_own_framing_which_is_one_problem_for_both_ways() -> None:
    assert len(problems(["--demo", "--framing", "json"])) == 1
    assert load(["--demo", "--framing", "~"], {}).link.demo


def test_an_empty_value_is_shown_as_it_is_typed() -> None:
    assert problems(["--port="]) == ("--port '': needs a whole number from 0 to 65535",)
