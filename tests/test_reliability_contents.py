"""Bad contents: each row of what files may hold, scanned beside a file that is judged."""

from __future__ import annotations

import pytest

from tests.reliability import NEIGHBOUR, Scanner

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: []\n"


def conflict(ours: str, theirs: str) -> str:
    return f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> topic\n"


@pytest.mark.parametrize(
    ("path", "data", "place", "message"),
    [
        ("main.tf", b"# one\n# gr\xfcn\n", (2, 5), "byte 0xfc is not UTF-8"),
        ("Dockerfile", b"FROM a:1\nRUN gr\xfcn\n", (2, 7), "byte 0xfc is not UTF-8"),
        ("compose.yaml", b"services: {}\nx-a: gr\xfcn\n", (2, 8), "byte 0xfc is not UTF-8"),
        ("pod.yaml", POD.encode() + b"# gr\xfcn\n", (7, 5), "byte 0xfc is not UTF-8"),
        ("package.json", b'{"name": "gr\xfcn"}\n', (1, 13), "byte 0xfc is not UTF-8"),
        ("a.tf", "a = 1\n".encode("utf-16-le"), (1, 2), "a NUL byte: not a text file"),
        ("b.tf", "a = 1\n".encode("utf-16"), (1, 1), "byte 0xff is not UTF-8"),
        ("c.tf", b"a = 1\n\0", (2, 1), "a NUL byte: not a text file"),
        ("package.json", b'{"name": "a\0"}', (1, 12), "a NUL byte: not a text file"),
        ("pod.yaml", POD.encode() + b"\0", (7, 1), "a NUL byte: not a text file"),
        ("d.tf", b"\x7fELF\x02\x01\x01\x00\x00", (1, 8), "a NUL byte: not a text file"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_not_utf8_nul_bytes_and_binary_files(
    path: str, data: bytes, place: tuple[int, int], message: str, scanner: Scanner
) -> None:
    scanner.write(path, data)
    said = scanner.judged()
    finding = said.only(path, "HYG004")
    assert said.code == 1
    assert (finding["line"], finding["column"]) == place
    assert finding["message"] == message
    assert said.of(path) == [finding]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.tf", "locals {\n  a = 1\n}\n"),
        ("Dockerfile", "FROM debian:12.5\nUSER 1000\n"),
        ("compose.yaml", "services: {}\n"),
        ("pod.yaml", POD),
        ("package.json", '{"name": "a", "private": true}\n'),
    ],
)
def test_byte_order_mark_is_no_part_of_positions(path: str, text: str, scanner: Scanner) -> None:
    scanner.write(path, text)
    plain = scanner.judged().of(path)
    scanner.write(path, "\ufeff" + text)
    marked = [one for one in scanner.judged().of(path) if one["rule"] not in ("TF001", "HYG010")]
    place = ("rule", "line", "column", "end_line", "end_column")
    assert [[one[key] for key in place] for one in marked] == [
        [one[key] for key in place] for one in plain
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf16_and_utf32_are_yaml_without_fixes(encoding: str, scanner: Scanner) -> None:
    text = POD.replace("containers: []", "containers: [{name: a, image: nginx}]")
    scanner.write("pod.yaml", text.encode(encoding))
    scanner.write("main.tf", "a = 1\n".encode(encoding))
    said = scanner.judged()
    assert said.only("main.tf", "HYG004")
    found = said.of("pod.yaml")
    assert "HYG004" not in {one["rule"] for one in found}
    assert found
    assert all(one["fix"] is None for one in found)


def test_crlf_is_a_line_end_that_a_fix_keeps(scanner: Scanner) -> None:
    file = scanner.write("main.tf", b"locals {\r\na=1\r\n}\r\n")
    scanner.scan("--fix")
    assert file.read_bytes() == b"locals {\r\n  a = 1\r\n}\r\n"
    docker = scanner.write("Dockerfile", b"FROM debian:12.5\r\nMAINTAINER me\r\nUSER 1000\r\n")
    assert scanner.judged().only("Dockerfile", "DF4000")["line"] == 2
    scanner.scan("--fix", "--ignore", "DF5801")  # which is about the line ends themselves
    assert b"LABEL" in docker.read_bytes()
    assert b"\n" not in docker.read_bytes().replace(b"\r\n", b"")


def test_lone_carriage_return_is_no_line_end(scanner: Scanner) -> None:
    scanner.write("main.tf", b"locals {\r  a = 1\r}\r")
    scanner.write("Dockerfile", b"FROM debian:12.5\rUSER 1000\n")
    said = scanner.judged()
    assert said.only("main.tf", "HYG001")
    assert {one["line"] for one in said.of("Dockerfile")} <= {1}


def test_control_bidi_and_invisible_characters_are_shown_escaped(scanner: Scanner) -> None:
    scanner.write("main.tf", "# a\u202eb\nlocals {}\n")
    scanner.write("Dockerfile", "FROM debian:12.5\n# \x1b[2J\u200b\nUSER 1000\n")
    said = scanner.judged()
    assert said.code == 1
    assert said.of("main.tf", "HYG010")
    assert said.of("Dockerfile", "HYG010")
    _, out, _ = scanner.plain("scan", "--no-cache", "--engine", "builtin")
    assert "\u202e" not in out
    assert "\x1b" not in out
    assert "\u200b" not in out
    assert "\\u{202e}" in out


@pytest.mark.parametrize("text", ["", "\n\n", "  \n\n", "# only a comment\n"])
def test_empty_files_are_checked_and_only_a_dockerfile_needs_more(
    text: str, scanner: Scanner
) -> None:
    for path in ("main.tf", "compose.yaml", "pod.yaml", "Dockerfile"):
        scanner.write(path, text)
    said = scanner.judged("--ignore", "TF001")
    assert {one for one in said.found if one[1].startswith("HYG")} == {("Dockerfile", "HYG001")}
    assert said.of("pod.yaml") == said.of("compose.yaml") == []
    # What the directory lacks as a whole is said of its first file, as tflint does.
    assert {one["rule"] for one in said.of("main.tf")} <= {"TF101"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("main.tf", "locals {\n  a = 1\n}\n"),
        ("Dockerfile", "FROM debian\nUSER 1000\n"),
        ("pod.yaml", POD),
        ("compose.yaml", "services: {web: {image: nginx}}\n"),
    ],
)
def test_missing_final_newline_is_as_if_there(path: str, text: str, scanner: Scanner) -> None:
    scanner.write(path, text)
    whole = {(one["rule"], one["line"]) for one in scanner.judged().of(path)}
    scanner.write(path, text.rstrip("\n"))
    cut = {(one["rule"], one["line"]) for one in scanner.judged().of(path)}
    assert {one for one in cut if one[0] != "TF001"} == whole


@pytest.mark.parametrize("path", ["main.tf", "Dockerfile", "compose.yaml", "package.json"])
def test_large_file_is_not_read(
    path: str, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scanner.write(path, b"").open("r+b") as file:
        file.truncate(50 << 20)
    monkeypatch.setattr("iachygiene.files._read_all", _no_large_reads)
    said = scanner.judged()
    finding = said.only(path, "HYG005")
    assert said.code == 1
    assert finding["message"].startswith("file size 50.0 MiB is over the limit of 10.0 MiB")


def _no_large_reads(descriptor: int, limit: int) -> bytes:
    import os

    assert os.fstat(descriptor).st_size < 1 << 20
    return os.read(descriptor, 1 << 20)


@pytest.mark.parametrize("path", ["main.tf", "Dockerfile", "compose.yaml"])
def test_line_of_5_mb_is_over_the_limit(path: str, scanner: Scanner) -> None:
    scanner.write(path, b"\n# " + b"x" * (5 << 20) + b"\n")
    said = scanner.judged()
    finding = said.only(path, "HYG005")
    assert (said.code, finding["line"]) == (1, 2)
    assert finding["message"].startswith("a line of 5.0 MiB is over the limit of 1.0 MiB")


def test_alias_bomb_is_over_the_limit_and_never_printed(scanner: Scanner) -> None:
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata: {name: a}", "a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    scanner.write("bomb.yaml", "\n".join(lines) + "\n")
    scanner.write("compose.yaml", "\n".join(["services: {}", *lines[3:]]) + "\n")
    said = scanner.judged()
    assert said.code == 1
    for path in ("bomb.yaml", "compose.yaml"):
        assert "100,000" in said.only(path, "HYG005")["message"]
    assert len(str(said.report)) < 20_000


def test_alias_cycle_ends(scanner: Scanner) -> None:
    scanner.write("pod.yaml", POD + "x: &a [*a]\n")
    scanner.write("compose.yaml", "services: &s\n  a: *s\n")
    said = scanner.judged()
    assert said.code == 1
    assert "HYG005" not in {rule for _, rule in said.found}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pod.yaml", "apiVersion: v1\nkind: Pod\nx: " + "[" * 50_000),
        ("compose.yaml", "services: " + "{a: " * 50_000),
        ("main.tf", "locals {\n  a = " + "[" * 50_000),
        ("b.tf", "a {\n" * 50_000),
        ("c.tf", "locals {\n  a = " + '"${' * 20_000),
        ("package.json", '{"a": ' + "[" * 50_000),
    ],
)
def test_deep_nesting_is_over_the_limit_and_the_process_lives(
    path: str, text: str, scanner: Scanner
) -> None:
    scanner.write(path, text)
    said = scanner.judged()
    finding = said.only(path, "HYG005")
    assert said.code == 1
    assert "200" in finding["message"]


def test_duplicate_keys_are_found_and_the_last_counts(scanner: Scanner) -> None:
    scanner.write("pod.yaml", POD + "kind: Pod\n")
    scanner.write("compose.yaml", "services: {}\nservices:\n  web: {image: nginx}\n")
    scanner.write("package.json", '{"name": "a",\n"name": "b", "private": true}\n')
    scanner.write("main.tf", "locals {\n  a = 1\n  a = 2\n}\n")
    said = scanner.judged()
    assert said.code == 1
    for path, code, line in (
        ("pod.yaml", "K8S902", 7),
        ("compose.yaml", "K8S902", 2),
        ("package.json", "NPM416", 2),
    ):
        finding = said.only(path, code)
        assert finding["line"] == line
        assert finding["related"][0]["line"] < line
    assert said.only("main.tf", "HYG001")["line"] == 3
    assert said.only("compose.yaml", "CO101")["line"] == 3  # of the last value


def test_tags_are_never_constructed(scanner: Scanner) -> None:
    mark = scanner.root / "ran"
    attack = f'!!python/object/apply:os.system ["touch {mark}"]'
    scanner.write("pod.yaml", POD + f"a: {attack}\nb: !Ref x\nc: !unknown {{a: 1}}\n")
    scanner.write("compose.yaml", f"services: {{}}\nx-a: {attack}\n")
    said = scanner.judged()
    assert not mark.exists()
    assert "HYG001" not in {rule for _, rule in said.found}


def test_merge_keys_are_resolved_and_a_wrong_one_is_a_syntax_error(scanner: Scanner) -> None:
    scanner.write(
        "compose.yaml",
        "x-a: &a\n  image: nginx\nservices:\n  web:\n    <<: *a\n    restart: always\n",
    )
    scanner.write("pod.yaml", POD + "x:\n  <<: [1]\n")
    said = scanner.judged()
    assert said.only("pod.yaml", "HYG001")["line"] == 8
    images = [one for one in said.of("compose.yaml") if "nginx" in one["message"]]
    assert {one["line"] for one in images} == {2}


def test_surprises_of_yaml_1_1_are_text(scanner: Scanner) -> None:
    surprises = "on: no\nmode: 010\ntime: 1:30\nequal: =\nkey: <<\n"
    scanner.write("pod.yaml", POD + "".join(f"x{line}\n" for line in surprises.splitlines()))
    scanner.write("map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: =\n")
    said = scanner.judged()
    assert not {one for one in said.found if one[1].startswith("HYG")}


def test_documents_before_a_broken_one_are_judged(scanner: Scanner) -> None:
    first = POD.replace("[]", "[{name: a, image: nginx}]")
    scanner.write("pods.yaml", f"{first}---\nkind: [\n---\n{first}")
    said = scanner.judged()
    broken = said.only("pods.yaml", "HYG001")
    assert said.code == 1
    assert broken["line"] >= 8
    assert broken["message"].endswith("; only the document before is checked")
    others = {one["line"] for one in said.of("pods.yaml") if one["rule"] != "HYG001"}
    assert others
    assert max(others) <= 6


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.on }}\n" + POD + "{{- end }}\n",
        POD.replace("name: a", "name: ${NAME}"),
        POD.replace("name: a", "name: <%= name %>"),
        "{% if on %}\n" + POD + "{% endif %}\n",
    ],
)
def test_text_of_templates_is_no_syntax_error(text: str, scanner: Scanner) -> None:
    scanner.write("templates/pod.yaml", text)
    said = scanner.judged()
    assert said.of("templates/pod.yaml", "HYG001") == []


@pytest.mark.parametrize(
    ("path", "before", "ours", "theirs"),
    [
        ("main.tf", "locals {\na=1\n", "  b = 1\n", "  b = 2\n"),
        ("Dockerfile", "FROM debian\n", "RUN a\n", "RUN b\n"),
        ("pod.yaml", POD, "a: 1\n", "a: 2\n"),
        ("compose.yaml", "services: {}\n", "a: 1\n", "a: 2\n"),
        ("package.json", "{\n", '"a": 1\n', '"a": 2\n'),
    ],
)
def test_conflict_markers_are_the_only_finding(
    path: str, before: str, ours: str, theirs: str, scanner: Scanner
) -> None:
    scanner.write(path, before + conflict(ours, theirs))
    said = scanner.judged()
    finding = said.only(path, "HYG006")
    assert said.code == 1
    assert finding["line"] == before.count("\n") + 1
    assert said.of(path) == [finding]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("locals {\n  a = [1,\n", 2),
        ("locals {\n  a = <<EOT\nx\n", 2),
        ('locals {\n  a = "b\n}\n', 2),
        ('locals {\n  a = "${b(\n}\n', 2),
        ('locals {\n  a = "x ${b\n}\n', 2),
        ("locals {\n  a = <<EOT\n  ${x\nEOT\n}\n", 3),
        ("locals {\n  a = <<EOT\n%{ if x }\ny\nEOT\n}\n", 3),
        ("locals {\n  a = b(1,\n  c\n}\n", 2),
        ("locals {\n  a = b[1\n}\n", 2),
        ("locals {\n  a = [for x in y : x\n}\n", 2),
        ('resource "a {\n}\n', 1),
        ("locals {\n  a = {\n    b = (1\n  }\n}\n", 3),
        ("}\n", 1),
        ("resource {{\n", 1),
        ("a = 1 2\n", 1),
    ],
)
def test_broken_hcl_is_a_syntax_error_where_it_opens(
    text: str, line: int, scanner: Scanner
) -> None:
    scanner.write("main.tf", text)
    scanner.write("good.tf", "locals {\na=1\n}\n")
    said = scanner.judged()
    assert said.code == 1
    assert said.only("main.tf", "HYG001")["line"] == line
    assert said.of("good.tf", "TF001")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM debian:12.5\nFRM x\nMAINTAINER me\n", 2),
        ("# escape=`\n# escape=`\nFROM debian:12.5\nMAINTAINER me\n", 2),
    ],
)
def test_parsing_of_a_dockerfile_goes_on_behind_an_error(
    text: str, line: int, scanner: Scanner
) -> None:
    scanner.write("Dockerfile", text)
    said = scanner.judged()
    assert said.only("Dockerfile", "HYG001")["line"] == line
    assert {one["line"] for one in said.of("Dockerfile")} > {line}


def test_heredoc_without_an_end_is_a_syntax_error_at_its_place(scanner: Scanner) -> None:
    scanner.write("Dockerfile", "FROM debian\nMAINTAINER me\nRUN <<EOT\necho a\n")
    said = scanner.judged()
    assert said.only("Dockerfile", "HYG001")["line"] == 3
    assert said.of("Dockerfile", "DF3006")


@pytest.mark.parametrize(
    "text", ['{"a": 1,}', '{"a": 1 // b\n}', '{"a": NaN}', "{'a': 1}", '{"a": 01}', ""]
)
def test_what_is_not_json_is_a_syntax_error(text: str, scanner: Scanner) -> None:
    scanner.write("package.json", text)
    said = scanner.judged()
    assert said.code == 1
    assert said.only("package.json", "HYG001")


def test_long_numbers_and_lone_surrogates_are_read(scanner: Scanner) -> None:
    number = "9" * 5000
    scanner.write("package.json", f'{{"name": "a\\ud800", "private": true, "x": {number}}}\n')
    said = scanner.judged()
    assert said.of("package.json", "HYG001") == []
    for form in ("text", "concise", "sarif", "html", "junit", "markdown", "gitlab", "github"):
        _, out, _ = scanner.plain("scan", "--no-cache", "--engine", "builtin", "--format", form)
        out.encode()
        assert NEIGHBOUR in out


@pytest.mark.parametrize("contents", [b'{"version": 3, "sour', b"<html>not found</html>", b""])
def test_source_map_that_does_not_read_is_still_a_leak(contents: bytes, scanner: Scanner) -> None:
    scanner.write("package.json", '{"name": "a", "version": "1.0.0", "main": "a.js"}\n')
    scanner.write("a.js", "1;\n//# sourceMappingURL=a.js.map\n")
    scanner.write("a.js.map", contents)
    said = scanner.judged()
    leak = said.only("a.js.map", "NPM104")
    assert said.code == 1
    assert leak["message"] == 'source map "a.js.map" would be published: contents not readable'


def test_findings_of_one_rule_in_one_file_are_bounded_and_counted(scanner: Scanner) -> None:
    scanner.write("Dockerfile", "FROM debian:12.5\n" + "MAINTAINER me\n" * 700)
    said = scanner.judged()
    found = said.of("Dockerfile", "DF4000")
    assert len(found) == 501
    assert found[-1]["message"] == "and 200 more findings of this rule in this file"
