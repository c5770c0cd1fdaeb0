"""Names that say they hold a secret, and values that are one."""

from __future__ import annotations

import pytest

from iachygiene.credentials import is_placeholder, may_be_secret, names_secret

SECRETS = """
DB_PASSWORD POSTGRES_PASSWORD apiKey API_TOKEN SESSION_SECRET clientSecret privateKey
AWS_SECRET_ACCESS_KEY SECRET_KEY SECRET_KEY_BASE MYSQL_ROOT_PASSWD auth.postgresPassword
"""
OTHERS = """
DB_PASSWORD_FILE TOKEN_TTL ALLOW_EMPTY_PASSWORD SECRET_NAME TOKENIZERS PUBLIC_KEY KEYBOARD
PASSWORD_MIN_LENGTH existingSecret imagePullSecrets adminPasswordKey ACCESS_TOKEN_URL KEY
AWS_ACCESS_KEY_ID TOKEN_EXPIRY_SECONDS
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_name_says_that_it_holds_a_secret(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", OTHERS.split())
def test_name_only_speaks_about_a_secret(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize("value", ["hunter22", "h4rb0ur-n1ght", "postgres", "a b", "x@y"])
def test_value_can_be_a_secret(value: str) -> None:
    assert may_be_secret(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "true",
        "no",
        "3600",
        "30s",
        "/run/secrets/x",
        "./x",
        "$X",
        "${X}",
        "{{ .Values.x }}",
        "https://example.com/login",
        "DB_PASSWORD_VALUE",
    ],
)
def test_value_is_no_secret(value: str) -> None:
    assert not may_be_secret(value)


@pytest.mark.parametrize(
    "value", ["changeme", "change-me-please", "<password>", "xxxx", "your-token", "example", "****"]
)
def test_value_holds_the_place(value: str) -> None:
    assert is_placeholder(value)


def test_value_that_somebody_thought_of_is_no_placeholder() -> None:
    assert not is_placeholder("hunter22")
