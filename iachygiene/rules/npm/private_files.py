"""Published secrets, and files that are private by their nature."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.npm import NpmPackage
from iachygiene.parse.npm_contents import Mark
from iachygiene.parse.npm_maps import is_third_party
from iachygiene.parse.secrets import PRIVATE_KEY
from iachygiene.rule import rule
from iachygiene.rules.npm.leftovers import named
from iachygiene.rules.npm.wording import counted, gathered

_SAMPLE = regex(
    r"(?:^|[./_-])(?:example|examples|sample|template|tmpl|dist|defaults?|schema|test|ci)(?:[._/-]|$)",
    re.IGNORECASE,
)
_TESTS = regex(
    r"(?:^|/)(?:tests?|__tests__|fixtures?|__fixtures__|examples?|samples?|demos?|docs?|specs?)/"
    r"|\.(?:test|spec)\.",
    re.IGNORECASE,
)


@rule("NPM301", NpmPackage, Severity.ERROR, sensitive=True, security=True)
def env_file(package: NpmPackage) -> Findings:
    """A file of environment variables is published.

    `.env` files hold the passwords and tokens of whoever works on the project. What was once
    published has to be taken for known: replace every secret in it.

    Advice for samples such as `.env.example`, and in the private package of a test or an example.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .env --
        DB_HOST=db.acme.example
    Bad: only advice
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .env.example --
        DB_HOST=localhost
    Bad: only advice, in an example that is private
        -- examples/counter/package.json --
        {"name": "counter", "version": "1.0.0", "private": true}
        -- examples/counter/.env --
        BROWSER=none
    Good: no variable has a value
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .env --
        # DB_HOST=
        DB_HOST=
    """
    secret = {mark.name for mark in package.marks.get("secret", ())}
    for mark in package.marks.get("env", ()):
        base = mark.name.rpartition("/")[2]
        sample = mark.name not in secret and _SAMPLE.search(base.replace(".env", "", 1))
        level = Severity.INFO if sample else package.level(Severity.ERROR)
        if not sample and (_TESTS.search(mark.name) or is_third_party(mark.name)):
            level = min(level, Severity.WARNING)
        message = f'"{mark.name}" gives values to {counted(mark.number, "variable")}'
        yield at(mark, message, related=[package.because(mark.name)], severity=level)


@rule("NPM302", NpmPackage, Severity.ERROR, sensitive=True, security=True)
def npmrc_token(package: NpmPackage) -> Findings:
    """A configuration file with a password or token is published.

    `.npmrc`, `.yarnrc.yml`, `.netrc` and the like hold what a person signs in with to a
    registry. Whoever has the token publishes under that name. Revoke it, and write `${NPM_TOKEN}`
    in its place.

    npm leaves `.npmrc` out by itself unless an ignore file below the root says otherwise.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .yarnrc.yml --
        npmAuthToken: 0123abcd-0000-4000-8000-0123456789ab
    Bad: brought back below the root
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/.npmignore --
        !.npmrc
        -- lib/.npmrc --
        //registry.npmjs.org/:_authToken=0123abcd-0000-4000-8000-0123456789ab
    Good: the token comes from the environment
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .yarnrc.yml --
        npmAuthToken: ${NPM_TOKEN}
    """
    for mark in package.marks.get("credential", ()):
        level = package.level(Severity.ERROR)
        if _TESTS.search(mark.name):
            level = min(level, Severity.WARNING)
        message = f'"{mark.name}" holds a credential in `{mark.text}`'
        yield at(mark, message, related=[package.because(mark.name)], severity=level)


@rule("NPM303", NpmPackage, Severity.INFO)
def npmrc_shipped(package: NpmPackage) -> Findings:
    """A configuration file that takes its token from the environment is published.

    No secret is in it. It still tells which registries a project uses, and sets options where
    the package is unpacked.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .yarnrc.yml --
        npmAuthToken: ${NPM_TOKEN}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- .yarnrc.yml --
        npmAuthToken: ${NPM_TOKEN}
    """
    with_secret = {mark.name for mark in package.marks.get("credential", ())}
    told: set[str] = set()
    for mark in package.marks.get("reference", ()):
        if mark.name not in with_secret | told:
            told.add(mark.name)
            because = package.because(mark.name)
            message = f'"{mark.name}" would be published; its token is a variable'
            yield at(mark, message, related=[because])


_KEY_FILE = regex(r"/id_(?:rsa|dsa|ecdsa|ed25519)\Z|\.(?:p12|pfx|jks|keystore|kdbx|ppk)\Z")


@rule("NPM304", NpmPackage, Severity.ERROR, sensitive=True, security=True)
def private_key(package: NpmPackage) -> Findings:
    """A private key is published.

    Whoever has it signs, decrypts or signs in as its owner. Replace the key; leaving it out of
    the next version does not take back the last one.

    A warning for what looks like the key of a test or of an example, advice where the package is
    a private one among them.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- deploy/server.key --
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
    Bad: by its name
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- release.keystore --
        binary
    Bad: only a warning
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- test/server.key --
        -----BEGIN RSA PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
    Good: a public key, and code that looks for keys
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- id_ed25519.pub --
        ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 jo
        -- lib/keys.js --
        const begin = "-----BEGIN PRIVATE KEY-----"
    """
    for file in named(package, _KEY_FILE):
        level = _level(package, file.name)
        message = f'"{file.name}" is a private key, or a store of keys'
        yield at(file, message, related=[package.because(file.name)], severity=level)
    for mark in package.marks.get("secret", ()):
        if mark.text.startswith(PRIVATE_KEY):
            where = " in the text of an original" if mark.number else ""
            level = _level(package, mark.name)
            message = f'"{mark.name}" holds a private key{where}'
            yield at(mark, message, related=[package.because(mark.name)], severity=level)


def _level(package: NpmPackage, name: str) -> Severity:
    level = package.level(Severity.ERROR)
    return min(level, Severity.WARNING) if _TESTS.search(name) else level


@rule("NPM305", NpmPackage, Severity.ERROR, sensitive=True, security=True)
def secret_in_file(package: NpmPackage) -> Findings:
    """A published file holds a secret that is known by its form.

    Tokens of registries, forges and clouds, keys of services, passwords in URLs: in the text
    of a file, or in an original that a source map embeds. Programs look for them in every new
    package within minutes. Revoke the secret first, then remove it.

    Only its kind and how it begins are told. Placeholders and the samples of documentation
    are passed over; a scanner for secrets goes deeper.

    A warning for what looks like a test or an example.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/deploy.js --
        const token = "ghp_9aB3dE5fG7hJ2kL4mN6pQ8rS1tU3vW5xY7zA"
    Bad: a password in an address
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/db.js --
        connect("postgres://shop:n8Xw2qLp7z@db.acme-shop.io/orders")
    Good: what stands for a secret, and is none
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/deploy.js --
        const token = "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        connect("postgres://user:password@localhost/orders")
        sign("AKIAIOSFODNN7EXAMPLE")
        show('{"type": "service_account", "private_key_id": "<id>", "private_key": "<key>"}')
    """
    found = [
        mark for mark in package.marks.get("secret", ()) if not mark.text.startswith(PRIVATE_KEY)
    ]

    def tell(mark: Mark) -> Finding:
        where = " in the text of an original" if mark.number else ""
        because = package.because(mark.name)
        message = f'"{mark.name}" holds a secret{where}: {mark.text}'
        return at(mark, message, related=[because], severity=_level(package, mark.name))

    worst = max((_level(package, mark.name) for mark in found), default=Severity.ERROR)
    yield from gathered(package, found, tell, "secrets in files", worst)


_VCS = regex(r"/(?:\.git|\.svn|\.hg|\.bzr|cvs)/|/\.git\Z|/\.gitmodules\Z")


@rule("NPM306", NpmPackage, Severity.ERROR, security=True)
def vcs_data(package: NpmPackage) -> Findings:
    """Data of a version control system is published.

    A `.git` directory holds the whole history, with all that was ever removed from it.

    Advice for `.gitmodules`, which tells where other repositories are.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .bzr/branch/branch.conf --
        parent = bzr+ssh://acme.example/widget
    Bad: only advice
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .gitmodules --
        [submodule "theme"]
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .gitattributes --
        * text=auto
    """
    for file in named(package, _VCS):
        advice = file.name.endswith(".gitmodules")
        level = Severity.INFO if advice else package.level(Severity.ERROR)
        message = f'"{file.name}" is data of a version control system'
        yield at(file, message, related=[package.because(file.name)], severity=level)


_STATE = regex(r"\.tfvars(?:\.json)?\Z|\.tfstate(?:\.backup)?\Z")


@rule("NPM307", NpmPackage, Severity.ERROR, security=True)
def infra_state(package: NpmPackage) -> Findings:
    """The state or the variables of Terraform are published.

    A state holds every attribute of every resource in plain text, passwords included; files of
    variables are where secrets are put.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- infra/terraform.tfstate --
        {"version": 4}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- infra/terraform.tfstate --
        {"version": 4}
    """
    for file in named(package, _STATE):
        message = f'"{file.name}" is state, or variables, of Terraform'
        because = package.because(file.name)
        yield at(file, message, related=[because], severity=_level(package, file.name))


_ASSISTANT = regex(
    r"/(?:claude|agents)\.md\Z|/\.cursor/|/\.cursorrules\Z|/\.claude/"
    r"|/\.github/copilot-instructions\.md\Z|/\.mcp\.json\Z"
    r"|/prompts/(?:.*/)?(?!readme)[^/]*\.(?:md|mdc|txt|prompt|prompty)\Z"
)


@rule("NPM308", NpmPackage, Severity.WARNING, default="off")
def assistant_instructions(package: NpmPackage) -> Findings:
    """Instructions for a coding assistant are published.

    They tell how a project is worked on and what its authors hold to be internal; the settings
    beside them name commands and servers. Some packages ship such files for their users: list
    those in `files` by name.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- AGENTS.md --
        Run the tests first.
    Bad: one of several prompts
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- prompts/review.md --
        Look at the change.
    Good: code about prompts
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- src/prompts/list.ts --
        export {}
        -- src/prompts/README.md --
        Prompts are cached.
    Good: listed by name
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "AGENTS.md"]}
        -- AGENTS.md --
        How to use this package.
    """
    for file in named(package, _ASSISTANT):
        if file.name not in package.is_listed_by_name:
            message = f'"{file.name}" is for a coding assistant'
            yield at(file, message, related=[package.because(file.name)])
