"""What a `package.json` says of publishing: where to, how large, and what runs then."""

from __future__ import annotations

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.json import Json
from iachygiene.parse.npm import NpmPackage, PackageJson
from iachygiene.parse.npm_policy import private_registry
from iachygiene.rule import rule


@rule("NPM410", NpmPackage, Severity.WARNING)
def size_jump(
    package: NpmPackage, *, max_size: int = 20_000_000, max_file_size: int = 10_000_000
) -> Findings:
    """The package is very large, or one file in it is.

    A jump in size is how a leak shows: maps are several times as large as the code, and a
    bundle with an inline map grows tenfold. Look what is in it; where it has to be that large,
    raise the limit for this package.

    Options:
        max_size: bytes of all files together
        max_file_size: bytes of a single file

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/widget.bin (10000001 bytes) --
        data
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/widget.bin (9000000 bytes) --
        data
    """
    if package.is_private:
        return
    for name, size in package.sizes.items():
        if size > max_file_size:
            because = package.because(name)
            message = f'"{name}" has {size:,} bytes, over {max_file_size:,}'
            yield at(package.place(name), message, related=[because], object=package.object)
    total = sum(package.sizes.values())
    if total > max_size:
        largest = sorted(package.sizes, key=lambda name: -package.sizes[name])[:3]
        names = ", ".join(f'"{name}"' for name in largest)
        yield at(package, f"{total:,} bytes in all, over {max_size:,}; largest: {names}")


@rule("NPM411", NpmPackage, Severity.INFO, default="off")
def unpublishable(package: NpmPackage) -> Findings:
    """The package is private: npm refuses to publish it.

    Its other findings are no worse than warnings for that reason. `npm pack` still packs it,
    and so does whoever copies the directory.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "private": true}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
    """
    if package.is_private:
        key = package.manifest.key("private") or package.manifest
        yield at(key, "npm does not publish this package", object=package.object)


@rule("NPM412", NpmPackage, Severity.INFO)
def publish_directory(package: NpmPackage) -> Findings:
    """`publishConfig.directory` names another directory, which npm does not look at.

    pnpm and some release tools publish that directory; npm publishes this one. What was
    checked here is the package of npm: check the other directory as well.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "publishConfig": {"directory": "dist"}}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "publishConfig": {"access": "public"}}
    """
    node = package.manifest.get("publishConfig", "directory")
    if node is not None and node.text and not package.is_packed:
        message = f'npm publishes this directory, pnpm "{node.text}"'
        yield at(node, message, object=package.object)


@rule("NPM413", NpmPackage, Severity.INFO, default="off")
def publish_config_registry(package: NpmPackage) -> Findings:
    """The package goes to a registry of its own.

    Its other findings are no worse than warnings for that reason. `"access": "public"` says
    that it is public there as well.

    Bad:
        -- package.json --
        {
          "name": "@acme/widget",
          "version": "1.0.0",
          "publishConfig": {"registry": "https://npm.acme.example/"}
        }
    Good:
        -- package.json --
        {
          "name": "@acme/widget",
          "version": "1.0.0",
          "publishConfig": {"registry": "https://registry.npmjs.org/"}
        }
    """
    node = private_registry(package.manifest)
    if node is not None:
        yield at(node, "this package goes to a registry of its own", object=package.object)


@rule("NPM414", NpmPackage, Severity.WARNING, default="off", security=True)
def install_script(package: NpmPackage) -> Findings:
    """A script runs on every machine that installs the package.

    `preinstall`, `install` and `postinstall` run with the rights of whoever installs, before
    anybody has looked at the package. Attackers use them first; many installations switch them
    off. A `binding.gyp` at the root runs a native build where no script says otherwise.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "scripts": {"postinstall": "node setup.js"}}
    Good: only who publishes runs these
        -- package.json --
        {"name": "widget", "version": "1.0.0",
         "scripts": {"prepare": "tsc", "prepublishOnly": "npm test"}}
    """
    scripts = package.manifest.get("scripts")
    keys = [key for key, _ in scripts.members] if scripts is not None else []
    running = [key for key in keys if key.value in ("preinstall", "install", "postinstall")]
    for key in running:
        yield at(key, f"`{key.value}` runs where the package is installed", object=package.object)
    if not running and "binding.gyp" in package.files:
        place = package.place("binding.gyp")
        yield at(place, "npm runs a native build on installation", object=package.object)


_BUILDING = regex(
    r"\b(?:tsc|webpack|vite|rollup|esbuild|tsup|tsdown|rolldown|parcel|microbundle|swc|babel|bun"
    r"|unbuild|ncc|build|compile|bundle)\b"
)


@rule("NPM415", NpmPackage, Severity.INFO)
def lifecycle_builds_late(package: NpmPackage) -> Findings:
    """The package is built while it is packed.

    `prepack` and `prepare` run when npm packs: what was checked before that is another state
    of the directory. Check after the build, or check the archive: `npm pack`, then
    `iachygiene scan widget-1.0.0.tgz`, then `npm publish ./widget-1.0.0.tgz`.

    Told where what the build makes is not there yet.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "scripts": {"prepack": "tsc -p ."}
        }
    Good: it was built before
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"prepack": "tsc -p ."}}
        -- dist/index.js --
        console.log(1)
    Good: nothing is built
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"prepare": "husky"}}
    """
    scripts = package.manifest.get("scripts")
    if scripts is None or package.is_packed or package.is_private or not _lacks_build(package):
        return
    for key, value in scripts.members:
        if key.value in ("prepack", "prepare") and _BUILDING.search((value.text or "")[:2000]):
            message = f"`{key.value}` builds what is published, after this check"
            yield at(key, message, object=package.object)


def _lacks_build(package: NpmPackage) -> bool:
    """Whether a directory or file that `files` or `main` names is not there."""
    tree, top = package.tree, package.listing.directory
    named = [*package.is_listed_by_name]
    main = package.manifest.get("main")
    if main is not None and main.text:
        named.append(main.text.removeprefix("./"))
    for name in named:
        path = f"{top}/{name}" if top else name
        plain = name and not set(name).intersection("*?[{!")
        if plain and tree is not None and not (tree.exists(path) or tree.is_directory(path)):
            return True
    return False


@rule("NPM416", PackageJson, Severity.WARNING)
def duplicate_json_key(manifest: PackageJson) -> Findings:
    """A key stands twice in one object of `package.json`.

    npm takes the last one and says nothing. The first `files` list that somebody looks at may
    thus have no effect at all.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "files": ["."]
        }
    Good: in different objects
        -- package.json --
        {"name": "widget", "version": "1.0.0", "bin": {"name": "./cli.js"}}
    """
    for node in manifest.root.walk():
        first: dict[str, Json] = {}
        for key, _ in node.members:
            if key.value in first:
                earlier = first[key.value].location.labelled("the first one has no effect")
                message = f'the key "{key.value}" stands here twice'
                yield at(key, message, related=[earlier], object=manifest.object)
            first[key.value] = key
