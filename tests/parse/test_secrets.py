from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.parse.secrets import MAX_SECRETS, find_secrets

WORD = "9aB3dE5fG7hJ2kL4mN6pQ8rS1tU3vW5xY7zA"

KINDS = {
    f"npm_{WORD}": "npm token",
    f"ghp_{WORD}": "GitHub token",
    f"github_pat_{(WORD * 3)[:82]}": "GitHub token",
    f"glpat-{WORD[:20]}": "GitLab token",
    "AKIA" + "Q4RT7YPLM2WX5ZB3": "AWS key id",
    "ASIA" + "Q4RT7YPLM2WX5ZB3": "AWS key id",
    "xoxb-" + "294857103846-" + WORD[:24]: "Slack token",
    "https://hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/" + WORD[:24]: "Slack web hook",
    "sk_live_" + WORD[:24]: "Stripe key",
    "rk_live_" + WORD[:24]: "Stripe key",
    "AIza" + WORD[:35]: "Google API key",
    "sk-ant-" + "api03-" + WORD: "Anthropic key",
    "sk-" + WORD: "OpenAI key",
    "sk-proj-" + WORD: "OpenAI key",
    f"SG.{WORD[:22]}.{(WORD * 2)[:43]}": "SendGrid key",
    "postgres://shop:n8Xw2qLp7z@db.harbour.io/orders": "password in a URL",
    "-----BEGIN RSA PRIVATE KEY-----\\n" + WORD * 2: "private key",
    '"service_account", "private_key_id": "' + WORD + '", ': "Google service account",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wLTQ3MTEiLCJpYXQiOjE3NTB9." + WORD: "JSON web token",
    "twilio SK" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0": "Twilio key",
}


@pytest.mark.parametrize("text", KINDS)
def test_a_secret_is_known_by_its_form(text: str) -> None:
    found = list(find_secrets(f'const a = "{text}"\n'.encode()))
    if text.startswith('"service'):
        found = list(find_secrets(f'{{"type": {text}}}'.encode()))
    assert [one.kind for one in found] == [KINDS[text]]


@pytest.mark.parametrize("text", KINDS)
def test_what_is_told_of_a_secret_is_its_kind_and_four_characters(text: str) -> None:
    for one in find_secrets(f'{{"type": {text}}}'.encode()):
        assert one.told.removeprefix(one.kind) in ("", f" {one.head}...")
        assert len(one.head) <= 4


@pytest.mark.parametrize(
    "text",
    [
        *("ghp_" + "x" * 36, "ghp_" + "a" * 36, "npm_config_registry", "npm_" + "a" * 20),
        *("AKIAIOSFODNN7EXAMPLE", "AKIA" + "A" * 16, "QAKIAQ4RT7YPLM2WX5ZB3"),
        *("sk-your-key-goes-here-please-1234", "task-sk-aaaa", "sk-" + "a" * 40),
        *("postgres://user:password@localhost/x", "https://foo:bar@example.com/", "://a:b@c"),
        *("mongodb://admin:${PASSWORD}@db.harbour.io", "https://me:hunterhunter@db.harbour.io"),
        *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----\n" + WORD * 2),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + WORD,
        "eyJub3RhIjoiand0In0.eyJub3RhIjoiand0In0." + WORD,
        "SK" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    ],
)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    assert list(find_secrets(f'a = "{text}"'.encode())) == []


def test_many_secrets_are_cut() -> None:
    text = "\n".join(f"ghp_{WORD[:-2]}{number:02}" for number in range(80))
    assert len(list(find_secrets(text.encode()))) == MAX_SECRETS


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_.:/@ \n", max_size=400))
def test_spans_of_secrets_lie_in_the_text(text: str) -> None:
    data = text.encode()
    for one in find_secrets(data):
        assert 0 <= one.start < one.end <= len(data)
